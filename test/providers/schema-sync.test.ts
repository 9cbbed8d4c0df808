import assert from "node:assert/strict";
import type { Client } from "pg";
import type { Sync } from "../../infra/schema";
import { differing } from "../../infra/providers/schema/sync";
import { createPeopleDatabase, migration, type PeopleDatabase } from "../support/people-steps";
import { startPostgres, type TestPostgres } from "../support/postgres";

type Row = Record<string, unknown>;

const split = {
  sync:
    "sync=split table=people old=name new=first_name,last_name forward=\"split_part(name, ' ', 1), split_part(name, ' ', 2)\"" +
    " backward=\"first_name || ' ' || last_name\"",
  up: "ALTER TABLE people ADD COLUMN first_name text, ADD COLUMN last_name text;",
  down: "ALTER TABLE people DROP COLUMN first_name, DROP COLUMN last_name;",
};

for (const major of [15, 18] as const) {
  describe(`Sync triggers on PostgreSQL ${major}`, function () {
    this.timeout(180_000);
    let postgres: TestPostgres;
    let db: PeopleDatabase;
    let app: Client;
    let sync: Sync;

    before(async () => {
      postgres = await startPostgres(major);
    });
    after(async () => {
      await postgres.stop();
    });

    /** A table made by `create`, and a sync over it, in a database of its own. */
    async function given(create: string, file: { sync: string; up: string; down?: string }): Promise<void> {
      db = await createPeopleDatabase(postgres);
      const adding = migration("0002", file);
      sync = adding.syncs[0] ?? assert.fail("no sync");
      await db.up(migration("0001", { up: create, down: "DROP TABLE people;" }));
      await db.up(adding);
      app = await db.release();
    }
    const differs = () => differing(db.owner, sync);

    /** Runs one statement as a release; gives the row 1 afterwards, without its id. */
    async function write(sql: string): Promise<Row> {
      await app.query(sql);
      const { rows } = await app.query<Row>("SELECT * FROM people WHERE id = 1");
      const { id, ...row } = rows[0] ?? assert.fail("row 1 is not there");
      assert.equal(id, 1);
      return row;
    }
    const refuses = async (create: string, file: { sync: string; up: string }, message: RegExp): Promise<void> => {
      await assert.rejects(given(create, file), message);
      const { rows } = await db.owner.query("SELECT to_regclass('switchyard.syncs') AS there");
      assert.deepEqual(rows, [{ there: null }]);
    };

    it("rename: whatever a release of either shape inserts and updates, the other one reads", async () => {
      await given("CREATE TABLE people (id int PRIMARY KEY, name text NOT NULL, age int);", {
        sync: "sync=rename table=people old=name new=title",
        up: "ALTER TABLE people ADD COLUMN title text;",
      });
      // The old column is NOT NULL: a release that does not know it may leave it out, since triggers come first.
      assert.deepEqual(await write("INSERT INTO people (id, title) VALUES (1, 'a')"), {
        name: "a",
        age: null,
        title: "a",
      });
      assert.deepEqual(await write("UPDATE people SET name = 'b' WHERE id = 1"), { name: "b", age: null, title: "b" });
      assert.deepEqual(await write("UPDATE people SET title = 'c' WHERE id = 1"), { name: "c", age: null, title: "c" });
      assert.deepEqual(await write("UPDATE people SET age = 4 WHERE id = 1"), { name: "c", age: 4, title: "c" });
      const upsert =
        "INSERT INTO people (id, name) VALUES (1, 'd') ON CONFLICT (id) DO UPDATE SET name = excluded.name";
      assert.deepEqual(await write(upsert), { name: "d", age: 4, title: "d" });
      const other = upsert.replaceAll("name", "title").replace("'d'", "'e'");
      assert.deepEqual(await write(other), { name: "e", age: 4, title: "e" });
      assert.deepEqual(await write("DELETE FROM people; INSERT INTO people VALUES (1, 'f', 5)"), {
        name: "f",
        age: 5,
        title: "f",
      });
      assert.equal(await differs(), 0);
    });

    it("rename: a writer who names both and contradicts himself knows the new shape, so the new one counts", async () => {
      await given("CREATE TABLE people (id int PRIMARY KEY, name text);", {
        sync: "sync=rename table=people old=name new=title",
        up: "ALTER TABLE people ADD COLUMN title text;",
      });
      assert.deepEqual(await write("INSERT INTO people VALUES (1, 'old', 'new')"), { name: "new", title: "new" });
      assert.deepEqual(await write("UPDATE people SET name = 'x', title = 'y'"), { name: "y", title: "y" });
      assert.deepEqual(await write("UPDATE people SET name = 'z', title = 'z'"), { name: "z", title: "z" });
      assert.deepEqual(await write("UPDATE people SET title = NULL"), { name: null, title: null });
      assert.deepEqual(await write("UPDATE people SET title = 'q'"), { name: "q", title: "q" });
      assert.deepEqual(await write("UPDATE people SET name = NULL"), { name: null, title: null });
    });

    it("split and merge: what only the richer shape can tell is kept, and the other one is made from it", async () => {
      await given("CREATE TABLE people (id int PRIMARY KEY, name text);", split);
      assert.deepEqual(await write("INSERT INTO people (id, name) VALUES (1, 'Ada King Noel')"), {
        name: "Ada King Noel",
        first_name: "Ada",
        last_name: "King",
      });
      assert.deepEqual(await write("UPDATE people SET first_name = 'Ada Augusta' WHERE id = 1"), {
        name: "Ada Augusta King",
        first_name: "Ada Augusta",
        last_name: "King",
      });
      // An old release that writes what it has read changes nothing.
      assert.deepEqual(await write("UPDATE people SET name = name"), {
        name: "Ada Augusta King",
        first_name: "Ada Augusta",
        last_name: "King",
      });
      assert.equal(await differs(), 0);
      await given("CREATE TABLE people (id int PRIMARY KEY, first_name text, last_name text);", {
        sync:
          "sync=merge table=people old=first_name,last_name new=name forward=\"concat_ws(' ', first_name, last_name)\"" +
          " backward=\"split_part(name, ' ', 1), nullif(split_part(name, ' ', 2), '')\"",
        up: "ALTER TABLE people ADD COLUMN name text;",
      });
      assert.deepEqual(await write("INSERT INTO people (id, first_name) VALUES (1, 'Ada')"), {
        first_name: "Ada",
        last_name: null,
        name: "Ada",
      });
      assert.deepEqual(await write("UPDATE people SET last_name = 'King'"), {
        first_name: "Ada",
        last_name: "King",
        name: "Ada King",
      });
      assert.deepEqual(await write("UPDATE people SET name = 'Grace Hopper'"), {
        first_name: "Grace",
        last_name: "Hopper",
        name: "Grace Hopper",
      });
      assert.equal(await differs(), 0);
    });

    it("type: casts both ways, and refuses a value that the other release could not hold rather than cut it off", async () => {
      await given("CREATE TABLE people (id int PRIMARY KEY, code varchar(5), size int DEFAULT 7, extra text);", {
        sync: "sync=type table=people old=code new=code2",
        up: "ALTER TABLE people ADD COLUMN code2 text;",
      });
      await db.up(
        migration("0003", {
          sync: "sync=type table=people old=size new=size8",
          up: "ALTER TABLE people ADD COLUMN size8 bigint;",
        }),
      );
      await db.up(
        migration("0004", {
          sync: "sync=type table=people old=extra new=extra2",
          up: "ALTER TABLE people ADD COLUMN extra2 jsonb;",
        }),
      );
      const row = await write("INSERT INTO people (id, code2, extra) VALUES (1, 'abcde', '{\"a\": [1.50]}')");
      assert.deepEqual(row, {
        code: "abcde",
        code2: "abcde",
        size: 7,
        size8: "7",
        extra: '{"a": [1.50]}',
        extra2: { a: [1.5] },
      });
      await assert.rejects(
        write("UPDATE people SET code2 = 'abcdef'"),
        /value too long for type character varying\(5\)/,
      );
      await assert.rejects(write("UPDATE people SET size8 = 3000000000"), /integer out of range/);
      await assert.rejects(write("UPDATE people SET extra = '{'"), /invalid input syntax for type json/);
      const changed = await write("UPDATE people SET size8 = 8, extra2 = '{\"b\": 1}'");
      assert.deepEqual([changed["size"], changed["extra"]], [8, '{"b": 1}']);
    });

    it("type: sees what an equality would not: scale, blanks, and types without one", async () => {
      await given("CREATE TABLE people (id int PRIMARY KEY, a numeric, b char(4), c json, d numeric(6,2));", {
        sync: "sync=type table=people old=a new=a2",
        up: "ALTER TABLE people ADD COLUMN a2 text, ADD COLUMN b2 text, ADD COLUMN c2 text, ADD COLUMN d2 numeric;",
      });
      for (const [version, name] of [
        ["0003", "b"],
        ["0004", "c"],
        ["0005", "d"],
      ] as const)
        await db.up(migration(version, { sync: `sync=type table=people old=${name} new=${name}2`, up: "SELECT 1;" }));
      const first = await write("INSERT INTO people (id, a, b, c, d) VALUES (1, 1.0, 'x', '{\"a\":1}', 1.005)");
      assert.deepEqual(first, {
        a: "1.0",
        a2: "1.0",
        b: "x   ",
        b2: "x",
        c: { a: 1 },
        c2: '{"a":1}',
        d: "1.01",
        d2: "1.01",
      });
      assert.equal((await write("UPDATE people SET a = 1.00"))["a2"], "1.00");
      const second = await write("UPDATE people SET b2 = 'y', c2 = '[2]', d2 = 2.345");
      assert.deepEqual([second["b"], second["c"], second["d"], second["d2"]], ["y   ", [2], "2.35", "2.345"]);
      assert.equal(await differs(), 0);
    });

    it("not-null: rows without the column get the forward's value, from either release", async () => {
      await given("CREATE TABLE people (id int PRIMARY KEY, name text, slug text);", {
        sync: "sync=not-null table=people new=slug forward=\"lower(coalesce(name, 'row ' || id))\"",
        up: "SELECT 1;",
      });
      assert.equal((await write("INSERT INTO people (id, name) VALUES (1, 'ADA')"))["slug"], "ada");
      assert.equal((await write("UPDATE people SET slug = 'given'"))["slug"], "given");
      assert.equal((await write("UPDATE people SET slug = NULL, name = 'Bo'"))["slug"], "bo");
      assert.equal((await write("UPDATE people SET name = 'C'"))["slug"], "bo");
      await app.query("INSERT INTO people (id) VALUES (2)");
      const { rows } = await app.query("SELECT slug FROM people WHERE id = 2");
      assert.deepEqual(rows, [{ slug: "row 2" }]);
    });

    it("takes a constant default of a new column for nothing given", async () => {
      await given("CREATE TABLE people (id int PRIMARY KEY, name text NOT NULL DEFAULT 'nobody');", {
        sync: "sync=rename table=people old=name new=title",
        up: "ALTER TABLE people ADD COLUMN title text NOT NULL DEFAULT 'nobody';",
      });
      assert.deepEqual(await write("INSERT INTO people (id, name) VALUES (1, 'a')"), { name: "a", title: "a" });
      assert.deepEqual(await write("DELETE FROM people; INSERT INTO people (id, title) VALUES (1, 'b')"), {
        name: "b",
        title: "b",
      });
      assert.deepEqual(await write("DELETE FROM people; INSERT INTO people (id) VALUES (1)"), {
        name: "nobody",
        title: "nobody",
      });
    });

    it("takes a row without what an old release must give for a new one's, though it gives nothing new either", async () => {
      await given("CREATE TABLE people (id int PRIMARY KEY, name text NOT NULL);", {
        sync: "sync=rename table=people old=name new=title",
        up: "ALTER TABLE people ADD COLUMN title text NOT NULL DEFAULT 'nobody';",
      });
      assert.deepEqual(await write("INSERT INTO people (id) VALUES (1)"), { name: "nobody", title: "nobody" });
      await assert.rejects(
        write("UPDATE people SET name = NULL"),
        /null value in column "name"|null value in column "title"/,
      );
    });

    it("takes a key that a sequence fills: int to bigint", async () => {
      await given("CREATE TABLE people (id int PRIMARY KEY, n serial);", {
        sync: "sync=type table=people old=n new=n8",
        up: "ALTER TABLE people ADD COLUMN n8 bigint;",
      });
      assert.deepEqual(await write("INSERT INTO people (id) VALUES (1)"), { n: 1, n8: "1" });
    });

    it("works with quoted names, other schemas and partitions, those made later included", async () => {
      const create = `CREATE SCHEMA "My Shop";
        CREATE TABLE "My Shop"."Peo""ple" (id int NOT NULL, "Full Name" text) PARTITION BY RANGE (id);
        CREATE TABLE "My Shop".low PARTITION OF "My Shop"."Peo""ple" FOR VALUES FROM (0) TO (10);`;
      db = await createPeopleDatabase(postgres);
      await db.up(migration("0001", { up: create }));
      const file = migration("0002", {
        sync: 'sync=rename table="\\"My Shop\\".\\"Peo\\"\\"ple\\"" old="\\"Full Name\\"" new="\\"SELECT\\""',
        up: 'ALTER TABLE "My Shop"."Peo""ple" ADD COLUMN "SELECT" text;',
      });
      await db.up(file);
      await db.owner.query(
        `CREATE TABLE "My Shop".high PARTITION OF "My Shop"."Peo""ple" FOR VALUES FROM (10) TO (20)`,
      );
      await db.owner.query(`INSERT INTO "My Shop"."Peo""ple" (id, "SELECT") VALUES (1, 'new'), (11, 'new')`);
      await db.owner.query(`INSERT INTO "My Shop"."Peo""ple" (id, "Full Name") VALUES (2, 'old'), (12, 'old')`);
      await db.owner.query(`UPDATE "My Shop"."Peo""ple" SET "SELECT" = 'moved', id = 13 WHERE id = 2`);
      const { rows } = await db.owner.query(
        'SELECT "Full Name" AS a, "SELECT" AS b FROM "My Shop"."Peo""ple" ORDER BY id',
      );
      assert.deepEqual(rows, [
        { a: "new", b: "new" },
        { a: "new", b: "new" },
        { a: "old", b: "old" },
        { a: "moved", b: "moved" },
      ]);
      const [its = assert.fail("no sync")] = file.syncs;
      assert.equal(await differing(db.owner, its), 0);
      // Its triggers are made anew, on every partition.
      const alter = `ALTER TABLE "My Shop"."Peo""ple" ALTER COLUMN "SELECT" SET DEFAULT 'x', ALTER COLUMN "Full Name" SET DEFAULT 'x';`;
      await db.up(migration("0003", { up: alter }));
      await db.owner.query(`INSERT INTO "My Shop"."Peo""ple" (id, "Full Name") VALUES (14, 'old')`);
      assert.equal(await differing(db.owner, its), 0);
      const { rows: off } = await db.owner.query(
        "SELECT 1 FROM pg_trigger WHERE tgname LIKE 'zz_sync%' AND tgenabled <> 'A'",
      );
      assert.deepEqual(off, []);
    });

    it("fires for what replication applies, and changes nothing that is in step", async () => {
      await given("CREATE TABLE people (id int PRIMARY KEY, name text);", split);
      await postgres.asSuperuser(async (client) => {
        await client.query("SET session_replication_role = replica");
        await client.query(
          "INSERT INTO people VALUES (1, 'Ada Augusta King', 'Ada Augusta', 'King'), (2, 'Bo Li', NULL, NULL)",
        );
      }, db.name);
      const { rows } = await app.query("SELECT first_name, last_name FROM people ORDER BY id");
      assert.deepEqual(rows, [
        { first_name: "Ada Augusta", last_name: "King" },
        { first_name: "Bo", last_name: "Li" },
      ]);
    });

    it("needs no privilege of whoever writes, and nobody can put a function of his own under it", async () => {
      await given("CREATE TABLE people (id int PRIMARY KEY, name text);", split);
      await assert.rejects(app.query("SELECT * FROM switchyard.syncs"), /permission denied for schema switchyard/);
      await app.query("CREATE TEMP TABLE other (id int)");
      await app.query(
        "CREATE FUNCTION pg_temp.split_part(text, text, int) RETURNS text LANGUAGE sql AS $$ SELECT 'mine' $$; SET search_path = pg_temp",
      );
      await app.query("INSERT INTO public.people (id, name) VALUES (1, 'Ada King')");
      const { rows } = await app.query("SELECT first_name FROM public.people");
      assert.deepEqual(rows, [{ first_name: "Ada" }]);
      const { rows: functions } = await db.owner.query<Row>(
        "SELECT prosecdef, proconfig, proowner::regrole::text AS owner FROM pg_proc WHERE pronamespace = 'switchyard'::regnamespace",
      );
      assert.deepEqual(functions, [
        { prosecdef: false, proconfig: ["search_path=pg_catalog, public, pg_temp"], owner: db.run.owner },
      ]);
    });

    it("may be installed again, also while its table is written, and follows a default that changes", async () => {
      await given("CREATE TABLE people (id int PRIMARY KEY, name text);", split);
      await db.up(migration("0002", { ...split, up: "SELECT 1;" }));
      const { rows } = await db.owner.query("SELECT id, version, shape, ended_by FROM switchyard.syncs");
      assert.deepEqual(rows, [{ id: "0002/1", version: "0002", shape: "split", ended_by: null }]);
      const alter = (value: string) =>
        migration("0003", {
          up: `ALTER TABLE people ALTER COLUMN name SET DEFAULT 'No One', ALTER COLUMN last_name SET DEFAULT '${value}';`,
        });
      await assert.rejects(db.up(alter("Body")), /leaves both out would read differently/);
      await db.up(
        migration("0003", {
          up: "ALTER TABLE people ALTER COLUMN name SET DEFAULT 'No One', ALTER COLUMN first_name SET DEFAULT 'No', ALTER COLUMN last_name SET DEFAULT 'One';",
        }),
      );
      assert.deepEqual(await write("INSERT INTO people (id, name) VALUES (1, 'Bo Li')"), {
        name: "Bo Li",
        first_name: "Bo",
        last_name: "Li",
      });
    });

    const plain = "CREATE TABLE people (id int PRIMARY KEY, name text);";
    const rename = "sync=rename table=people old=name new=title";
    const add = (column: string) => `ALTER TABLE people ADD COLUMN title ${column};`;
    const refusals: [what: string, create: string, file: { sync: string; up: string }, message: RegExp][] = [
      ["a missing table", plain, { sync: rename.replace("=people", "=persons"), up: add("text") }, /no table persons/],
      ["a missing column", plain, { sync: rename, up: "SELECT 1;" }, /people has no column title.*it has id, name/],
      [
        "a view",
        "CREATE VIEW people AS SELECT 1 AS name, 2 AS title;",
        { sync: rename, up: "SELECT 1;" },
        /people is no table/,
      ],
      [
        "a partition",
        "CREATE TABLE whole (id int, name text) PARTITION BY LIST (id); CREATE TABLE people PARTITION OF whole DEFAULT;",
        { sync: rename, up: "ALTER TABLE whole ADD COLUMN title text;" },
        /name the partitioned table/,
      ],
      [
        "inheriting tables",
        `${plain} CREATE TABLE child () INHERITS (people);`,
        { sync: rename, up: add("text") },
        /tables inherit from people/,
      ],
      [
        "a partition key",
        "CREATE TABLE people (id int, name text) PARTITION BY LIST (lower(name));",
        { sync: rename, up: add("text") },
        /name is in the partition key/,
      ],
      [
        "a generated column",
        plain,
        { sync: rename, up: add("text GENERATED ALWAYS AS (lower(name)) STORED") },
        /title is a generated column/,
      ],
      [
        "an identity",
        "CREATE TABLE people (id int, name bigint);",
        { sync: rename, up: add("bigint GENERATED BY DEFAULT AS IDENTITY") },
        /title is an identity column/,
      ],
      [
        "a default that changes",
        "CREATE TABLE people (id int, name timestamptz DEFAULT now());",
        { sync: rename, up: add("timestamptz DEFAULT now()") },
        /default now\(\), which is not constant.*set it in the contract/,
      ],
      [
        "defaults that contradict",
        "CREATE TABLE people (id int, name text DEFAULT 'a');",
        { sync: rename, up: add("text DEFAULT 'b'") },
        /leaves both out would read differently/,
      ],
      [
        "NULL for NOT NULL",
        "CREATE TABLE people (id int, name text DEFAULT 'a');",
        { sync: rename, up: add("text NOT NULL DEFAULT 'a'") },
        /name may be NULL.*an old release's write would be refused.*coalesce/,
      ],
      [
        "a domain without NULL",
        `CREATE DOMAIN strict AS text NOT NULL; CREATE TABLE people (id int, name strict);`,
        { sync: rename, up: add("text") },
        /the type of name refuses NULL/,
      ],
      [
        "a cast that depends on the session",
        "CREATE TABLE people (id int, name timestamp);",
        { sync: rename.replace("rename", "type"), up: add("timestamptz") },
        /depends on the session's TimeZone.*AT TIME ZONE 'UTC'/,
      ],
      [
        "an unknown function",
        plain,
        { sync: `${rename.replace("rename", "type")} forward="nonsense(name)"`, up: add("text") },
        /function nonsense\(text\) does not exist/,
      ],
      [
        "a volatile function",
        plain,
        { sync: `${rename.replace("rename", "type")} forward="name || random()"`, up: add("text") },
        /random\(\) may give another value each time/,
      ],
      [
        "hand-written triggers that are missing",
        plain,
        { sync: 'sync=manual table=people triggers=mine differing="SELECT 0"', up: "SELECT 1;" },
        /names a trigger that is not there, or not on: mine/,
      ],
    ];
    // What is asked of the catalogue is the same on both.
    for (const [what, create, file, message] of major === 15 ? [] : refusals)
      it(`refuses ${what}, with the way out, and leaves nothing behind`, () => refuses(create, file, message));

    it("refuses a second sync over a column that is kept in step already", async () => {
      await given(plain, split);
      const second = migration("0003", {
        sync: "sync=rename table=people old=first_name new=given_name",
        up: "ALTER TABLE people ADD COLUMN given_name text;",
      });
      await assert.rejects(db.up(second), /first_name is kept in step by the sync 0002\/1 of people .* already/);
    });
  });
}
