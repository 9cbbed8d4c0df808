import assert from "node:assert/strict";
import { join } from "node:path";
import { analyseMigrations, readMigrations, summarise } from "../../../infra/schema";
import type { Migration } from "../../../infra/schema";
import { migrationText, readTexts } from "./build";
import type { Shape } from "./build";

function read(...texts: string[]): Migration[] {
  const { migrations, problems } = readTexts(...texts);
  assert.deepEqual(
    problems.map(({ message }) => message),
    [],
  );
  return migrations;
}

const MADE =
  "CREATE TABLE t (id bigint PRIMARY KEY, old text, a text, b text, n int, price numeric(10,2), at timestamptz(3));";

/** `lossy` of the last of some migrations. */
function lossy(...texts: string[]): { up: boolean; down: boolean } {
  const all = read(...texts);
  const last = all.at(-1);
  assert.ok(last);
  return summarise(last, all).lossy;
}

/** Whether a contract with that up, after the table above, takes data. */
const takes = (sql: string, shape: Shape = {}): boolean =>
  lossy(migrationText(MADE), migrationText(sql, { phase: "contract", ...shape })).up;

/** The same of a down of an expand. */
const undoTakes = (up: string, undo: string): boolean => lossy(migrationText(MADE), migrationText(up, { undo })).down;

const sync = (attributes: string): string => `-- switchyard: sync=${attributes}\n`;
const DROP_OLD = "ALTER TABLE t DROP COLUMN old;";
const SPLIT = `split table=t old=old new=a,b forward="left(old, 1), right(old, 1)"`;

describe("schema: the summary of a migration", () => {
  it("says of the example's migrations what the transition rules ask for", () => {
    const all = readMigrations(join(__dirname, "../../../migrations"));
    const found = all.map((one) => summarise(one, all));
    assert.deepEqual(
      found.map(({ version, name, phase, checksum }) => ({ version, name, phase, checksum })),
      all.map(({ version, name, phase, checksum }) => ({ version, name, phase, checksum })),
    );
    const byVersion = Object.fromEntries(found.map((one) => [one.version, one]));
    assert.deepEqual(byVersion["0001"]?.lossy, { up: false, down: true }, "its down drops a table");
    assert.deepEqual(byVersion["0005"]?.lossy, { up: false, down: false }, "its down drops an index");
    assert.deepEqual(byVersion["0007"]?.lossy, { up: false, down: true }, "its down drops a column");
    assert.ok(found.every(({ hasDown }) => hasDown));
  });

  it("has a down where nothing has to be undone, and none where the file is irreversible", () => {
    const all = read(
      migrationText("SELECT 1;", { undo: '-- switchyard: waiver=empty-down reason="there is nothing to undo"' }),
      migrationText("SELECT 1;", { undo: '-- switchyard: irreversible="nobody can know any more"' }),
    );
    assert.deepEqual(
      all.map((one) => summarise(one, all).hasDown),
      [true, false],
    );
  });

  it("passes breaks-below on, and leaves it out where the file does", () => {
    const all = read(
      migrationText("SELECT 1;"),
      migrationText(`-- switchyard: breaks-below=0001\n${DROP_OLD}`, { phase: "contract" }),
    );
    assert.deepEqual(
      all.map((one) => summarise(one, all).breaksBelow),
      [undefined, "0001"],
    );
  });

  it("reads a thousand migrations once, however many of them are asked for", () => {
    const all = read(...Array.from({ length: 1000 }, (_, i) => migrationText(`CREATE TABLE t${i} (a int);`)));
    const first = all.map((one) => summarise(one, all));
    assert.ok(all.every((one, index) => summarise(one, all) === first[index]));
  });

  it("knows a migration that is not among the others, or reads otherwise there", () => {
    const [made, edited] = [read(migrationText(MADE)), read(migrationText(MADE), migrationText(DROP_OLD))];
    const contract = read(migrationText(MADE), migrationText(DROP_OLD, { phase: "contract" }))[1];
    assert.ok(contract);
    assert.equal(summarise(contract, made).lossy.up, true);
    assert.equal(summarise(contract, edited).phase, "contract");
  });
});

describe("schema: a contract takes data", () => {
  const LOSSY = [
    "DROP TABLE t;",
    "DROP SEQUENCE t_id_seq;",
    "DROP TYPE mood CASCADE;",
    "DROP SCHEMA shop CASCADE;",
    DROP_OLD,
    "ALTER TYPE address DROP ATTRIBUTE street;",
    "TRUNCATE t;",
    "DELETE FROM t WHERE id = 1;",
    "WITH gone AS (DELETE FROM t WHERE id = 1 RETURNING *) INSERT INTO u SELECT * FROM gone;",
    "UPDATE t SET a = 'x' WHERE b = 'y';",
    "UPDATE t SET a = 'x', b = 'y' WHERE a IS NULL;",
    "INSERT INTO t (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET a = 'x';",
    "MERGE INTO t USING u ON t.id = u.id WHEN MATCHED THEN DELETE;",
    "MERGE INTO t USING u ON t.id = u.id WHEN MATCHED THEN UPDATE SET a = u.a;",
    "ALTER TABLE t ALTER COLUMN n TYPE smallint;",
    "ALTER TABLE t ALTER COLUMN price TYPE numeric(10,1);",
    "ALTER TABLE t ALTER COLUMN at TYPE date;",
    "ALTER TABLE t ALTER COLUMN at TYPE timestamptz(0);",
    "ALTER TABLE t ALTER COLUMN a TYPE varchar(10);",
    "ALTER TABLE t ALTER COLUMN n TYPE text USING left(n::text, 1);",
    "ALTER TABLE unknown ALTER COLUMN n TYPE bigint;",
    "DO $$ BEGIN DELETE FROM t; END $$;",
    "SELECT tidy_up();",
  ];
  for (const sql of LOSSY) it(`by ${sql}`, () => assert.equal(takes(sql), true));

  const KEPT = [
    "DROP INDEX t_a;",
    "DROP VIEW recent;",
    "DROP MATERIALIZED VIEW totals;",
    "DROP FUNCTION slugify(text);",
    "DROP TYPE mood;",
    "DROP TRIGGER x ON t;",
    "ALTER TABLE t DROP CONSTRAINT c;",
    "ALTER TABLE t ALTER COLUMN a SET NOT NULL;",
    "ALTER TABLE t RENAME COLUMN a TO c;",
    "ALTER TABLE t RENAME TO u;",
    "ALTER TABLE t DETACH PARTITION t_2020;",
    "CREATE TABLE work (id int); DELETE FROM work; DROP TABLE work;",
    "ALTER TABLE t ADD COLUMN c text; UPDATE t SET c = a; ALTER TABLE t DROP COLUMN c;",
    "ALTER TABLE t ADD COLUMN double int GENERATED ALWAYS AS (n * 2) STORED; ALTER TABLE t DROP COLUMN double;",
    "INSERT INTO t (id) VALUES (1) ON CONFLICT DO NOTHING;",
    "UPDATE t SET a = '' WHERE a IS NULL AND id < 10;",
    "UPDATE t SET a = coalesce(a, '');",
    "ALTER TABLE t ALTER COLUMN n TYPE bigint;",
    "ALTER TABLE t ALTER COLUMN n TYPE numeric;",
    "ALTER TABLE t ALTER COLUMN price TYPE numeric(12,3);",
    "ALTER TABLE t ALTER COLUMN at TYPE timestamptz;",
    "ALTER TABLE unknown ALTER COLUMN n TYPE text;",
    "SELECT setval('t_id_seq', 10);",
  ];
  for (const sql of KEPT) it(`not by ${sql}`, () => assert.equal(takes(sql), false));

  it("not where its down is looked at: that widens", () => {
    assert.equal(lossy(migrationText("SELECT 1;", { phase: "contract", undo: "DROP TABLE t;" })).down, false);
    assert.equal(lossy(migrationText("DROP TABLE t;")).up, false, "nor by the up of an expand");
  });

  it("not by dropping a computed column, of whichever migration", () => {
    const made = migrationText("ALTER TABLE t ADD COLUMN c int GENERATED ALWAYS AS (n) STORED;");
    const stopped = migrationText("ALTER TABLE t ALTER COLUMN c DROP EXPRESSION;");
    const drop = migrationText("ALTER TABLE t DROP COLUMN c;", { phase: "contract" });
    assert.equal(lossy(made, drop).up, false);
    assert.equal(lossy(made, stopped, drop).up, true, "which is an ordinary one from then on");
  });
});

describe("schema: what a sync keeps is not lost", () => {
  const drop = (column: string): string => migrationText(`ALTER TABLE t DROP COLUMN ${column};`, { phase: "contract" });
  const synced = (attributes: string): string => migrationText(`${sync(attributes)}ALTER TABLE t ADD COLUMN c text;`);
  const made = (from: string, to: string): string => migrationText(`CREATE TABLE t (old ${from}, a ${to}, at date);`);

  it("by a contract that drops its old side, where every value goes over as it is, or is refused as it is written", () => {
    for (const [attributes, from, to] of [
      ["rename table=t old=old new=a", "text", "text"],
      ["rename table=t old=old new=a", "numeric(10,2)", "numeric(10,2)"],
      ["type table=t old=old new=a", "int", "bigint"],
      ["type table=t old=old new=a", "bigint", "int"],
      ["type table=t old=old new=a", "uuid", "text"],
      ["type table=t old=old new=a", "text", "varchar(5)"],
      [`rename table=public.T old=OLD new="\\"a\\""`, "text", "text"],
      ['type table=t old=old new=a forward="old" backward="a"', "int", "bigint"],
    ] as const) {
      assert.equal(lossy(made(from, to), synced(attributes), drop("old")).up, false, `${attributes} ${from} ${to}`);
      assert.equal(lossy(made(from, to), synced(attributes), drop("at")).up, true, "another column");
    }
  });

  it("but is where the other side may hold less", () => {
    for (const [attributes, from, to] of [
      [`split table=t old=old new=a,at forward="left(old, 1), right(old, 1)" backward="a || at"`, "text", "text"],
      ['merge table=t old=old,at new=a forward="old || at" backward="left(a, 1), right(a, 1)"', "text", "text"],
      ['type table=t old=old new=a forward="left(old, 5)" backward="a"', "text", "varchar(5)"],
      ['type table=t old=old new=a forward="old::varchar(5)" backward="a"', "text", "varchar(5)"],
      ['type table=t old=old new=a backward="lower(a)"', "text", "text"],
      ["type table=t old=old new=a", "numeric(10,2)", "int"],
      ["type table=t old=old new=a", "float8", "float4"],
      ["type table=t old=old new=a", "text", "int"],
      ["rename table=t old=old new=a", "text", "citext"],
    ] as const)
      assert.equal(lossy(made(from, to), synced(attributes), drop("old")).up, true, `${attributes} ${from} ${to}`);
    assert.equal(lossy(synced("rename table=t old=x new=c"), drop("x")).up, false, "whatever it is, text says it");
    assert.equal(lossy(synced("type table=t old=c new=x"), drop("c")).up, true, "no file says what x is");
  });

  it("but is where triggers are written by hand, or another table is meant", () => {
    const manual = 'manual table=t old=old new=a backward="a" triggers=x differing="SELECT count(*) FROM t"';
    assert.equal(lossy(migrationText(MADE), synced(manual), drop("old")).up, true);
    assert.equal(lossy(migrationText(MADE), synced("rename table=shop.t old=old new=a"), drop("old")).up, true);
  });

  it("but is where the other column is gone by then, in the same file or an earlier one, or has ended the sync", () => {
    const renamed = [migrationText(MADE), synced("rename table=t old=old new=a")];
    const later = (sql: string): string => migrationText(sql, { phase: "contract" });
    assert.equal(lossy(...renamed, drop("old, DROP COLUMN a")).up, true);
    assert.equal(lossy(...renamed, drop("a"), drop("old")).up, true);
    assert.equal(lossy(...renamed, migrationText("ALTER TABLE t RENAME COLUMN a TO z;"), drop("old")).up, true);
    assert.equal(lossy(...renamed, later("ALTER TABLE t ALTER COLUMN a TYPE varchar;"), drop("old")).up, true);
    assert.equal(lossy(...renamed, later("ALTER TABLE t ALTER COLUMN b TYPE varchar;"), drop("old")).up, false);
  });

  it("by filling the new side", () => {
    const fill = migrationText("UPDATE t SET a = old WHERE b = '1';", { phase: "contract" });
    assert.equal(lossy(migrationText(MADE), synced("rename table=t old=old new=a"), fill).up, false);
  });

  it("by the down of the expand that added its new side", () => {
    const down = (attributes: string, type = "text"): boolean =>
      lossy(
        migrationText("CREATE TABLE t (old text, n int);"),
        migrationText(`${sync(attributes)}ALTER TABLE t ADD COLUMN a ${type}, ADD COLUMN b text;`, {
          undo: "ALTER TABLE t DROP COLUMN a, DROP COLUMN b;".replace(
            attributes.startsWith("split") ? "" : ", DROP COLUMN b",
            "",
          ),
        }),
      ).down;
    assert.equal(down("rename table=t old=old new=a"), false);
    assert.equal(down("type table=t old=n new=a", "bigint"), false, "what int can't hold is refused as it is written");
    assert.equal(down("type table=t old=n new=a"), true, "'007' reads 7 through the old column");
    assert.equal(
      down(`${SPLIT} backward="a || b"`),
      true,
      "where one name ends and the other begins is in the new ones",
    );
    assert.equal(down(`not-null table=t new=a forward="'x'"`), true, "only the new column has it");
  });
});

describe("schema: the down of an expand takes data", () => {
  it("by dropping a table, column or rows, and by writing over them", () => {
    assert.equal(undoTakes("CREATE TABLE u (a int);", "DROP TABLE u;"), true);
    assert.equal(undoTakes("ALTER TABLE t ADD COLUMN c int;", "ALTER TABLE t DROP COLUMN c;"), true);
    assert.equal(undoTakes("INSERT INTO t (id) VALUES (1);", "DELETE FROM t WHERE id = 1;"), true);
    assert.equal(undoTakes("SELECT 1;", "UPDATE t SET a = 'x' WHERE a = 'y';"), true);
  });

  it("not by dropping what is made anew from its definition", () => {
    assert.equal(undoTakes("CREATE VIEW v AS SELECT 1;", "DROP VIEW v;"), false);
    assert.equal(
      undoTakes("ALTER TABLE t ADD CONSTRAINT c CHECK (n > 0) NOT VALID;", "ALTER TABLE t DROP CONSTRAINT c;"),
      false,
    );
    assert.equal(
      undoTakes("ALTER TABLE t ADD COLUMN c int GENERATED ALWAYS AS (n) STORED;", "ALTER TABLE t DROP COLUMN c;"),
      false,
    );
  });
});

describe("schema: a waiver of data-loss", () => {
  const waive = (sql: string): string =>
    `-- switchyard: waiver=data-loss reason="the rows live on in the archive"\n${sql}`;

  it("says that nothing is lost by its statement, and only by that one", () => {
    assert.equal(takes(waive("DROP TABLE t;")), false);
    assert.equal(takes(`${waive("DROP TABLE t;")} DROP TABLE u;`), true);
    assert.equal(undoTakes("CREATE TABLE u (a int);", waive("DROP TABLE u;")), false);
  });

  it("is accepted where something would be lost, and refused as idle elsewhere", () => {
    const rules = (text: string): string[] =>
      analyseMigrations(read(migrationText(MADE), text)).map(({ rule, message }) => `${rule}: ${message}`);
    assert.deepEqual(rules(migrationText(waive(DROP_OLD), { phase: "contract" })), []);
    assert.deepEqual(rules(migrationText("SELECT 1;", { undo: waive(DROP_OLD) })), []);
    const idle = ["waiver: the waiver of data-loss is idle: the rule finds nothing in the next statement"];
    assert.deepEqual(
      rules(migrationText(waive("DROP INDEX CONCURRENTLY i;"), { phase: "contract", up: "transaction:false" })),
      idle,
    );
    assert.deepEqual(rules(migrationText(waive("ALTER TABLE t ADD COLUMN c int;"))), idle, "where a section widens");
  });
});
