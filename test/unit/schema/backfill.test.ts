import assert from "node:assert/strict";
import { analyseMigrations } from "../../../infra/schema";
import { cutBackfill } from "../../../infra/schema/backfill";
import type { BackfillCut } from "../../../infra/schema/backfill";
import { Pace } from "../../../infra/providers/schema/backfill-pace";
import { migrationOf, migrationText, readTexts } from "./build";

const directive = (key: string): string => `-- switchyard: backfill="${key.replaceAll('"', '\\"')}"`;

function cut(sql: string, key = "id"): BackfillCut {
  const [statement] = migrationOf(`${directive(key)}\n${sql};`, { up: "transaction:false" }).up.statements;
  assert.ok(statement);
  return cutBackfill(statement);
}

/** The statement over a later batch, white space made even. */
const later = (sql: string, key?: string, types = ["bigint"]): string =>
  cut(sql, key).batch(types, true).replace(/\s+/g, " ");

describe("schema: a backfill is cut into batches", () => {
  it("adds the range of keys to an UPDATE, and leaves the lower bound out of the first batch", () => {
    const { batch, table, title, only, key } = cut("UPDATE pages SET slug = title");
    assert.deepEqual({ table, title, only, key }, { table: '"pages"', title: "pages", only: false, key: ["id"] });
    assert.equal(batch(["bigint"], false), 'UPDATE pages SET slug = title\nWHERE "pages"."id" <= $1::bigint');
    assert.equal(
      batch(["bigint"], true),
      'UPDATE pages SET slug = title\nWHERE "pages"."id" <= $1::bigint AND "pages"."id" > $2::bigint',
    );
  });

  it("keeps the WHERE that was written, an OR and comments included, as one condition", () => {
    assert.equal(
      cut("UPDATE pages AS p SET slug = 'where' -- where\nWHERE a OR b -- c\n AND d").batch(["uuid"], false),
      `UPDATE pages AS p SET slug = 'where' -- where\nWHERE ( a OR b -- c\n AND d\n) AND "p"."id" <= $1::uuid`,
    );
  });

  it("compares composite keys as rows, whatever their names are", () => {
    assert.equal(
      later('UPDATE ONLY "Shop"."Order Lines" SET a = 1', 'Order_Id,"Line No"', ["uuid", "integer"]),
      `UPDATE ONLY "Shop"."Order Lines" SET a = 1 WHERE ("Order Lines"."order_id", "Order Lines"."Line No") <= ($1::uuid, $2::integer) AND ("Order Lines"."order_id", "Order Lines"."Line No") > ($3::uuid, $4::integer)`,
    );
    assert.equal(cut('UPDATE ONLY "Shop"."Order Lines" SET a = 1').table, '"Shop"."Order Lines"');
  });

  const range = (prefix: string): string => `"${prefix}"."id" <= $1::bigint AND "${prefix}"."id" > $2::bigint`;
  const kept: [what: string, sql: string, expected: string][] = [
    [
      "FROM and subqueries of an UPDATE",
      "UPDATE pages p SET a = (SELECT max(x) FROM b WHERE b.id = p.id) FROM c WHERE c.id = p.id",
      `UPDATE pages p SET a = (SELECT max(x) FROM b WHERE b.id = p.id) FROM c WHERE ( c.id = p.id ) AND ${range("p")}`,
    ],
    [
      "ON CONFLICT DO NOTHING of an INSERT",
      "INSERT INTO slugs (id) SELECT id FROM pages ON CONFLICT DO NOTHING",
      `INSERT INTO slugs (id) SELECT id FROM pages WHERE ${range("pages")} ON CONFLICT DO NOTHING`,
    ],
    [
      "words that only look like the end or the WHERE",
      'INSERT INTO s (SELECT p.where AS where, "where" FROM pages p JOIN conflict ON conflict.id = p.id WHERE a) ON CONFLICT (id) WHERE b DO NOTHING',
      `INSERT INTO s (SELECT p.where AS where, "where" FROM pages p JOIN conflict ON conflict.id = p.id WHERE ( a ) AND ${range("p")} ) ON CONFLICT (id) WHERE b DO NOTHING`,
    ],
    [
      "joins from the walked table on, and row locks",
      "INSERT INTO s SELECT a FROM pages LEFT JOIN b ON b.id = a WHERE EXISTS (SELECT 1 FROM q WHERE q.a = 1) FOR SHARE",
      `INSERT INTO s SELECT a FROM pages LEFT JOIN b ON b.id = a WHERE ( EXISTS (SELECT 1 FROM q WHERE q.a = 1) ) AND ${range("pages")} FOR SHARE`,
    ],
    [
      "text outside of ASCII, escapes and dollar quotes",
      "UPDATE pages SET é = E'\\'where', b = $$ where ( $$ WHERE é = 'ü'",
      `UPDATE pages SET é = E'\\'where', b = $$ where ( $$ WHERE ( é = 'ü' ) AND ${range("pages")}`,
    ],
    [
      "arrays with subqueries",
      "UPDATE pages SET a[(SELECT 1 WHERE true)] = ARRAY[(SELECT 2 WHERE b)] WHERE c = ANY (ARRAY[1, 2])",
      `UPDATE pages SET a[(SELECT 1 WHERE true)] = ARRAY[(SELECT 2 WHERE b)] WHERE ( c = ANY (ARRAY[1, 2]) ) AND ${range("pages")}`,
    ],
  ];
  for (const [what, sql, expected] of kept) it(`keeps ${what}`, () => assert.equal(later(sql), expected));

  it("starts anew where the statement or the key is edited, not where the batch is", () => {
    const checksum = (text: string): string =>
      cutBackfill(migrationOf(text, { up: "transaction:false" }).up.statements[0] as never).checksum;
    const first = checksum("-- switchyard: backfill=id batch=10\nUPDATE pages SET a = 1;");
    assert.equal(checksum("-- switchyard: backfill=id batch=99\nUPDATE pages SET a = 1;"), first);
    assert.notEqual(checksum("-- switchyard: backfill=id,a batch=10\nUPDATE pages SET b = 1;"), first);
    assert.notEqual(checksum("-- switchyard: backfill=id batch=10\nUPDATE pages SET a = 2;"), first);
  });

  it("names the functions of a SELECT, so that an aggregate of somebody's own is found in the catalogue", () => {
    const { functions } = cut(
      "INSERT INTO s SELECT shop.middle(a), (SELECT max(b) FROM c) FROM pages WHERE lower(d) = e",
    );
    assert.deepEqual(functions, ["middle", "lower"]);
  });

  const refused: [sql: string, why: RegExp][] = [
    ["UPDATE pages SET id = id + 1", /it changes id, the key/],
    ["UPDATE pages SET (a, id) = (1, 2)", /it changes id, the key/],
    ["WITH a AS (SELECT 1) UPDATE pages SET b = 1", /it has a WITH/],
    ["UPDATE pages SET b = 1 RETURNING id", /RETURNING/],
    ["DELETE FROM pages", /neither/],
    ["INSERT INTO s VALUES (1)", /neither/],
    ["INSERT INTO s SELECT 1", /reads no table/],
    ["INSERT INTO s SELECT count(*) FROM pages", /joins rows together/],
    ["INSERT INTO s SELECT count(DISTINCT a) FROM pages", /joins rows together/],
    ["INSERT INTO s SELECT max(a) FILTER (WHERE b) FROM pages", /joins rows together/],
    ["INSERT INTO s SELECT a FROM pages HAVING true", /joins rows together/],
    ["INSERT INTO s SELECT a FROM pages UNION SELECT b FROM c", /joins rows together/],
    ["INSERT INTO s SELECT a FROM pages OFFSET 3", /order or a limit/],
    ["INSERT INTO s SELECT row_number() OVER () FROM pages", /OVER/],
    ["INSERT INTO s SELECT a FROM pages RIGHT JOIN b USING (id)", /RIGHT or FULL JOIN/],
    ["INSERT INTO s SELECT a FROM (pages FULL JOIN b USING (id)) JOIN c USING (id)", /RIGHT or FULL JOIN/],
    ["INSERT INTO s SELECT a FROM (pages JOIN b USING (id)) AS j", /hides the table/],
    ["INSERT INTO s SELECT a FROM (SELECT * FROM pages) AS p", /begin with a table/],
    ["INSERT INTO s SELECT a FROM pages AS p (a, b)", /other names/],
    ["INSERT INTO pages SELECT a FROM public.pages", /the table that it walks/],
  ];
  for (const [sql, why] of refused) {
    it(`refuses at preview: ${sql}`, () => {
      const { migrations } = readTexts(migrationText(`${directive("id")}\n${sql};`, { up: "transaction:false" }));
      const found = analyseMigrations(migrations).filter(({ rule }) => rule === "backfill-shape");
      assert.match(found.map(({ message }) => message).join("\n"), why);
    });
  }
});

describe("schema: the pace of a backfill", () => {
  const idle = { active: 0, waiting: 0, lagMs: 0, slotBytes: 0 };
  const limits = { batch: 1000, longBatchMs: 1000, lagMs: 1500, slotBytes: 2 ** 30 };

  it("does not pause while nobody else works", () => {
    const pace = new Pace(limits);
    for (let i = 0; i < 50; i += 1) {
      pace.look(idle);
      assert.equal(pace.after(1000, 20), 0);
    }
  });

  it("takes at most half of one session's time while others work", () => {
    const pace = new Pace(limits);
    for (let i = 0; i < 100; i += 1) pace.look({ ...idle, active: 3 });
    assert.equal(pace.after(1000, 20), 20);
    for (let i = 0; i < 100; i += 1) pace.look({ ...idle, active: 0.5 });
    assert.ok(Math.abs(pace.after(1000, 20) - 10) < 0.01);
  });

  it("pauses longer and longer while others wait for locks, and recovers", () => {
    const pace = new Pace(limits);
    const pauses = Array.from({ length: 5 }, () => {
      pace.look({ ...idle, waiting: 1 });
      return pace.after(1000, 20);
    });
    assert.deepEqual(pauses, [20, 40, 80, 160, 160]);
    for (let i = 0; i < 6; i += 1) pace.look(idle);
    assert.equal(pace.after(1000, 20), 0);
  });

  it("pauses after a batch that took much longer than usual, not after a larger one", () => {
    const pace = new Pace({ ...limits, longBatchMs: Infinity });
    for (let i = 0; i < 20; i += 1) assert.equal(pace.after(100, 20), 0);
    assert.equal(pace.after(1000, 200), 0);
    assert.equal(pace.after(100, 100), 100);
    assert.equal(pace.after(100, 20), 10);
  });

  it("halves batches that take over a second, and comes back to what is declared, never above", () => {
    const pace = new Pace(limits);
    pace.after(1000, 1001);
    pace.after(500, 1001);
    assert.equal(pace.size, 250);
    pace.after(250, 600);
    assert.equal(pace.size, 250);
    for (let i = 0; i < 5; i += 1) pace.after(250, 20);
    assert.equal(pace.size, 1000);
    for (let i = 0; i < 20; i += 1) pace.gaveWay();
    assert.equal(pace.size, 1);
  });

  it("waits for replicas and slots that are behind", () => {
    const pace = new Pace(limits);
    assert.equal(pace.mustWait({ ...idle, lagMs: 1500 }), undefined);
    assert.equal(pace.mustWait({ ...idle, lagMs: 2000 }), "a replica is 2.0 s behind");
    assert.equal(pace.mustWait({ ...idle, slotBytes: 2 ** 31 }), "a replication slot keeps 2048 MiB of WAL");
  });
});
