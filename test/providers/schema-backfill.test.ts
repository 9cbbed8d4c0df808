import assert from "node:assert/strict";
import { Shop } from "./schema-backfill.setup";

/** Keys of many types: how the column is declared, and its value for row n of 1 to 500; values are unique, not in order. */
const keys: [name: string, type: string, value: string][] = [
  ["bigint with gaps and signs", "bigint", "(n * 7919 % 1000 - 500) * 9007199254740993"],
  ["uuid", "uuid", "md5(n::text)::uuid"],
  ["text", "text", "E'\\\\ \"''$1\\t{é,日本}' || chr(32 + n) || n"],
  ["text in C order", 'text COLLATE "C"', "chr(32 + n % 100) || reverse(n::text)"],
  ["char(n)", "char(12)", "to_hex(n * 7919)"],
  ["numeric", "numeric(30, 10)", "CASE n WHEN 1 THEN 'NaN' ELSE (n - 250) / 7.0 END"],
  ["double precision", "double precision", "CASE n WHEN 1 THEN 'NaN' WHEN 2 THEN '-Infinity' ELSE 1 / (n - 250.5) END"],
  [
    "timestamptz",
    "timestamptz",
    "CASE n WHEN 1 THEN '-infinity' WHEN 2 THEN '0044-03-15 BC' ELSE '2026-01-02 03:04:05.000001'::timestamptz + n * '1.000001 s'::interval END",
  ],
  ["date", "date", "'2026-02-03'::date + n * 3"],
  ["interval", "interval", "make_interval(months => n, days => -n, secs => n / 7.0)"],
  ["bytea", "bytea", "decode(md5(n::text), 'hex')"],
  ["enum-like domain", "short_code", "'c' || n"],
];

for (const major of [15, 18] as const) {
  describe(`schema: backfills on PostgreSQL ${major}`, function () {
    this.timeout(180_000);
    let shop: Shop;

    before(async () => {
      shop = await Shop.open(major);
      await shop.client.query("CREATE DOMAIN short_code AS varchar(8) CHECK (VALUE LIKE 'c%')");
      // A session that prints dates, intervals and fractions in its own way.
      await shop.client.query(
        "SET DateStyle = 'SQL, DMY'; SET IntervalStyle = 'sql_standard'; SET extra_float_digits = 0",
      );
    });
    after(() => shop.postgres.stop());
    beforeEach(() => shop.next());

    describe("gives what one plain statement gives", () => {
      for (const [name, type, value] of keys) {
        it(`by a key of ${name}`, async () => {
          await shop.client.query(`DROP TABLE IF EXISTS t, plain;
            CREATE TABLE t (k ${type} PRIMARY KEY, n int, done int);
            INSERT INTO t SELECT (${value})::${type.replace(/ COLLATE.*/, "")}, n FROM generate_series(1, 500) n;
            CREATE TABLE plain AS TABLE t; UPDATE plain SET done = n * 2 WHERE n % 3 > 0 OR n < 10`);
          const figures = await shop.backfill(
            "-- switchyard: backfill=k batch=7\nUPDATE t SET done = n * 2 WHERE n % 3 > 0 OR n < 10;",
          );
          assert.deepEqual(await shop.rows("TABLE t EXCEPT ALL TABLE plain"), []);
          const changed = await shop.number("SELECT count(*) FROM plain WHERE done IS NOT NULL");
          const { rows, walked, batches } = figures;
          assert.deepEqual({ rows, walked, batches }, { rows: changed, walked: 500, batches: 72 });
        });
      }

      it("by a composite key of a quoted, partitioned table, with FROM and subqueries", async () => {
        await shop.client
          .query(`DROP SCHEMA IF EXISTS "Shop" CASCADE; CREATE SCHEMA "Shop"; DROP TABLE IF EXISTS plain, names;
          CREATE TABLE "Shop"."Order Lines" ("Tenant" text, line int, name text, PRIMARY KEY ("Tenant", line)) PARTITION BY LIST ("Tenant");
          CREATE TABLE "Shop".a PARTITION OF "Shop"."Order Lines" FOR VALUES IN ('a');
          CREATE TABLE "Shop".b PARTITION OF "Shop"."Order Lines" DEFAULT;
          INSERT INTO "Shop"."Order Lines" SELECT chr(97 + n % 3), n FROM generate_series(1, 400) n;
          CREATE TABLE names AS SELECT n AS line, 'name ' || n AS name FROM generate_series(1, 300) n;
          CREATE TABLE plain AS TABLE "Shop"."Order Lines"`);
        const update = (
          table: string,
        ): string => `UPDATE ${table} AS o SET name = x.name || (SELECT max(line) FROM names)
          FROM names x -- one each
          WHERE x.line = o.line AND x.line > 5 OR x.line = 2 AND o.line = 2 -- the rest stay`;
        await shop.client.query(update("plain"));
        const { walked, batches } = await shop.backfill(
          `-- switchyard: backfill="\\"Tenant\\",line" batch=33\n${update('"Shop"."Order Lines"')}\n;`,
        );
        assert.deepEqual({ walked, batches }, { walked: 400, batches: 13 });
        assert.deepEqual(await shop.rows('TABLE "Shop"."Order Lines" EXCEPT ALL TABLE plain'), []);
      });

      it("for an INSERT … SELECT … ON CONFLICT DO NOTHING over a join", async () => {
        await shop.client.query(`DROP TABLE IF EXISTS pages, slugs, plain, authors CASCADE;
          CREATE TABLE pages (id int PRIMARY KEY, title text, author int);
          CREATE TABLE authors (id int, name text); INSERT INTO authors SELECT n, 'a' || n FROM generate_series(1, 5) n;
          INSERT INTO pages SELECT n * 3, 'Title ' || n % 40, n % 9 FROM generate_series(1, 200) n;
          CREATE TABLE slugs (slug text PRIMARY KEY, author text); INSERT INTO slugs VALUES ('title 7', 'before');
          CREATE TABLE plain (LIKE slugs INCLUDING ALL); INSERT INTO plain TABLE slugs`);
        const insert = (into: string): string => `INSERT INTO ${into} (slug, author)
          SELECT lower(p.title), CASE WHEN a.name IS NULL THEN 'nobody' END FROM pages p LEFT JOIN authors a ON a.id = p.author
           WHERE p.id <> 9 ON CONFLICT (slug) DO NOTHING`;
        await shop.client.query(insert("plain"));
        const { rows, walked } = await shop.backfill(`-- switchyard: backfill=id batch=11\n${insert("slugs")};`);
        assert.deepEqual(await shop.rows("SELECT slug FROM slugs EXCEPT SELECT slug FROM plain"), []);
        assert.deepEqual({ rows, walked }, { rows: 39, walked: 200 });
        assert.equal(await shop.number("SELECT count(*) FROM slugs"), 40);
      });

      it("for an empty table", async () => {
        await shop.client.query("DROP TABLE IF EXISTS t; CREATE TABLE t (k int PRIMARY KEY, done int)");
        const { rows, batches } = await shop.backfill("-- switchyard: backfill=k\nUPDATE t SET done = 1;");
        assert.deepEqual({ rows, batches }, { rows: 0, batches: 0 });
      });
    });

    describe("refuses, before it changes anything", () => {
      const refused: [what: string, setUp: string, sql: string, message: RegExp][] = [
        ["a key that may be NULL", "CREATE TABLE r (a int UNIQUE, b int)", "", /r\.a may be NULL.*SET NOT NULL/],
        [
          "a key without a unique index",
          "CREATE TABLE r (a int NOT NULL, b int, id int PRIMARY KEY)",
          "",
          /no unique index.*CREATE UNIQUE INDEX CONCURRENTLY ON "r" \("a"\).*backfill=id/,
        ],
        [
          "a unique index over part of the rows",
          "CREATE TABLE r (a int NOT NULL, b int); CREATE UNIQUE INDEX ON r (a) WHERE a > 0",
          "",
          /no unique index/,
        ],
        [
          "a unique index in another order",
          'CREATE TABLE r (a text NOT NULL, b int); CREATE UNIQUE INDEX ON r (a COLLATE "POSIX")',
          "",
          /no unique index/,
        ],
        [
          "part of a unique index",
          "CREATE TABLE r (a int, b int, PRIMARY KEY (b, a))",
          "",
          /no unique index.*backfill=b,a/,
        ],
        ["a view", "CREATE TABLE base (a int PRIMARY KEY, b int); CREATE VIEW r AS TABLE base", "", /r is not a table/],
        [
          "a table that others inherit from",
          "CREATE TABLE r (a int PRIMARY KEY, b int); CREATE TABLE base () INHERITS (r)",
          "",
          /write ONLY r/,
        ],
        ["a table that is not there", "", "UPDATE nowhere SET b = 1", /no table nowhere/],
        [
          "a column that is not there",
          "CREATE TABLE r (id int PRIMARY KEY, b int)",
          "",
          /r has no column a .*backfill=id/,
        ],
        [
          "an aggregate of somebody's own",
          "CREATE TABLE r (a int PRIMARY KEY, b int); CREATE TABLE base (b int); CREATE OR REPLACE AGGREGATE middle (int) (SFUNC = int4larger, STYPE = int)",
          "INSERT INTO base SELECT middle(b) FROM r",
          /middle\(\) joins rows together/,
        ],
        ...(major < 18
          ? []
          : [
              [
                "a NOT NULL that is not valid",
                "CREATE TABLE r (a int UNIQUE, b int); INSERT INTO r VALUES (NULL, 1); ALTER TABLE r ADD NOT NULL a NOT VALID",
                "",
                /r\.a may be NULL/,
              ] as [string, string, string, RegExp],
            ]),
      ];
      for (const [what, setUp, sql, message] of refused) {
        it(what, async () => {
          await shop.client
            .query("DROP VIEW IF EXISTS r")
            .catch(() => shop.client.query("DROP TABLE IF EXISTS r CASCADE"));
          await shop.client.query(`DROP TABLE IF EXISTS r, base CASCADE; ${setUp}`);
          await assert.rejects(
            shop.backfill(`-- switchyard: backfill=a\n${sql === "" ? "UPDATE r SET b = 1" : sql};`),
            message,
          );
          assert.equal(await shop.batches(), 0);
        });
      }
    });
  });
}
