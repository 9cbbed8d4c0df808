import assert from "node:assert/strict";
import type { Migration, Sync } from "../../../infra/schema";
import { bindSync, syncNames, syncTable } from "../../../infra/schema/sync";
import { altersTable, backfillMismatch, endedBy } from "../../../infra/schema/sync-ends";
import { bindExpression } from "../../../infra/schema/sync-expression";
import { syncSql, type SyncColumn } from "../../../infra/schema/sync-sql";
import { readTexts } from "./build";

const rename: Sync = {
  shape: "rename",
  table: "people",
  old: ["name"],
  new: ["title"],
  forward: [],
  backward: [],
  triggers: [],
};

function migrationOf(up: string, sync = "sync=rename table=people old=name new=title"): Migration {
  const text = `-- switchyard: phase=contract\n-- switchyard: ${sync}\n-- migrate:up transaction:false\n${up}\n-- migrate:down\nSELECT 1;\n`;
  const { migrations, problems } = readTexts(text);
  return migrations[0] ?? assert.fail(problems.map(({ message }) => message).join());
}

describe("The expressions of a sync", () => {
  const bound: [expression: string, written: string][] = [
    ["name", 'NEW."name"'],
    ["people . name || 'name'", "NEW.\"name\" || 'name'"],
    ["split_part(NAME, ' ', 1)", "split_part(NEW.\"name\", ' ', 1)"],
    ['"Full Name" || $$name$$', 'NEW."Full Name" || $$name$$'],
    ["name -- name", 'NEW."name" -- name'],
    ["coalesce(/* name */ name, 'é name', name)", 'coalesce(/* name */ NEW."name", \'é name\', NEW."name")'],
    ["CASE WHEN name IS NULL THEN 'x' ELSE name END", 'CASE WHEN NEW."name" IS NULL THEN \'x\' ELSE NEW."name" END'],
    ["(name)::int", '(NEW."name")::int'],
    ["'größe' || größe", "'größe' || NEW.\"größe\""],
    ['"na""me"', 'NEW."na""me"'],
    ["(ARRAY[name])[1]", '(ARRAY[NEW."name"])[1]'],
    ["extract(year FROM name)", 'extract(year FROM NEW."name")'],
  ];
  for (const [expression, written] of bound)
    it(`are bound to a row's columns, and to nothing else: ${expression}`, () => {
      const allowed = ["name", "Full Name", "größe", 'na"me'];
      assert.equal(bindExpression(expression, "people", allowed).over("NEW").trimEnd(), written);
    });

  const refused: [expression: string, message: RegExp][] = [
    ["(SELECT 1)", /subquery/],
    ["name IN (SELECT name FROM people)", /subquery/],
    ["age", /names age: it may name name alone/],
    ["other.name", /names other\.name: it must name columns of people alone/],
    ["people.*", /names a whole row/],
    ["max(name) OVER ()", /aggregate or window/],
    ["count(*)", /aggregate or window/],
    ["string_agg(name, ',' ORDER BY name)", /aggregate or window/],
    ["$1", /parameter/],
    ["name, name", /more than one SQL expression/],
    ["name) FROM people WHERE (true", /more than one SQL expression/],
    ["name); DROP TABLE people; SELECT (1", /more than one SQL expression/],
    ["name AS x", /not an SQL expression/],
    ["", /not an SQL expression|more than one/],
    ["people /* . */ . name", /something in between/],
    ['U&"n\\0061me"', /use plain names/],
  ];
  for (const [expression, message] of refused)
    it(`may not be anything but a value of the row: ${expression}`, () => {
      assert.throws(() => bindExpression(expression, "people", ["name"]), message);
    });

  it("of not-null may read the rest of the row, but not the column that is NULL then", () => {
    const sync: Sync = { ...rename, shape: "not-null", old: [], forward: ["lower(name)"] };
    assert.deepEqual(bindSync(sync).forward[0]?.reads, ["name"]);
    assert.throws(() => bindSync({ ...sync, forward: ["coalesce(title, '')"] }), /reads title itself, which is NULL/);
    assert.throws(
      () => bindSync({ ...rename, shape: "type", forward: ["age"] }),
      /the forward of sync=type table=people/,
    );
  });
});

describe("The names of a sync", () => {
  it("never collide and fit in 63 bytes, whatever the version and the table", () => {
    const tables = ["people", "peoplE", 'people"', "peo ple", "x".repeat(63), "é".repeat(31)];
    const names = ["1/1", "1/11", "11/1", "123456789012345678/99"].flatMap((id) =>
      tables.flatMap((name) => {
        const names = syncNames(id, { schema: "public", name });
        return [names.function, names.insert, names.update];
      }),
    );
    assert.equal(new Set(names).size, names.length);
    assert.ok(names.every((name) => Buffer.byteLength(name) <= 63));
    assert.ok(names.every((name) => /^(sync|zz_sync)_/.test(name)));
  });

  it("fold like PostgreSQL's, and keep what is quoted", () => {
    assert.deepEqual(syncTable({ table: "People" }), { schema: "public", name: "people" });
    assert.deepEqual(syncTable({ table: '"My.Shop".People' }), { schema: "My.Shop", name: "people" });
    assert.deepEqual(syncTable({ table: 'shop."Peo""ple"' }), { schema: "shop", name: 'Peo"ple' });
  });
});

describe("The SQL of a sync", () => {
  const column = (name: string): SyncColumn => ({ name, type: "text", asText: false, required: false });
  const columns = { old: [column("name")], new: [column("title")] };

  it("can't be left by an expression that holds its quotes", () => {
    const sync: Sync = { ...rename, shape: "type", forward: ["name || '$sync$ $sync_1$'"], backward: ["title"] };
    const [createFunction = ""] = syncSql("0002/1", sync, columns)?.install ?? [];
    assert.match(createFunction, /AS \$sync_2\$[^]*\$sync_2\$$/);
  });

  it("reads no table, so that a write costs no query", () => {
    const [createFunction = ""] = syncSql("0002/1", rename, columns)?.install ?? [];
    assert.doesNotMatch(createFunction.replaceAll("DISTINCT FROM", ""), /\b(SELECT|PERFORM|EXECUTE|FROM)\b/);
    assert.match(createFunction, /SECURITY INVOKER SET search_path = pg_catalog, public, pg_temp/);
  });

  it("is not made for hand-written ones", () => {
    assert.equal(syncSql("0002/1", { ...rename, shape: "manual" }, columns), undefined);
  });
});

describe("What ends a sync", () => {
  const ending = [
    "DROP TABLE people;",
    "DROP TABLE other, public.people;",
    "ALTER TABLE people ADD COLUMN x int, DROP COLUMN name;",
    "ALTER TABLE ONLY public.people DROP COLUMN IF EXISTS title CASCADE;",
    "ALTER TABLE people ALTER COLUMN name TYPE varchar(10);",
    "ALTER TABLE people RENAME COLUMN name TO x;",
    "ALTER TABLE people RENAME TO persons;",
    "ALTER TABLE people SET SCHEMA shop;",
    "DROP SCHEMA public CASCADE;",
  ];
  for (const sql of ending)
    it(`a shape that goes: ${sql}`, () => assert.notEqual(endedBy(migrationOf(sql).up, rename), undefined));

  const leaving = [
    "DROP TABLE shop.people;",
    "ALTER TABLE people DROP COLUMN age;",
    "ALTER TABLE other DROP COLUMN name;",
    "ALTER TABLE people ALTER COLUMN name SET NOT NULL;",
    "ALTER TABLE people ALTER COLUMN name SET DEFAULT 'x';",
    "ALTER TABLE people RENAME COLUMN age TO years;",
    "DROP INDEX people;",
    "CREATE INDEX CONCURRENTLY i ON people (name);",
  ];
  for (const sql of leaving)
    it(`not what leaves both shapes: ${sql}`, () => assert.equal(endedBy(migrationOf(sql).up, rename), undefined));

  it("for not-null: a column that says NOT NULL itself, but not yet a constraint that is not valid", () => {
    const sync: Sync = { ...rename, shape: "not-null", old: [], forward: ["''"] };
    const ends = (sql: string) => endedBy(migrationOf(`ALTER TABLE people ${sql};`).up, sync) !== undefined;
    assert.equal(ends("ALTER COLUMN title SET NOT NULL"), true);
    assert.equal(ends("ALTER COLUMN name SET NOT NULL"), false);
    assert.equal(ends("ADD CONSTRAINT c CHECK (title IS NOT NULL)"), true);
    assert.equal(ends("ADD CONSTRAINT c CHECK (title IS NOT NULL) NOT VALID"), false);
    assert.equal(ends("ADD CONSTRAINT c NOT NULL title"), true);
  });

  it("for manual: one of its triggers, or its columns", () => {
    const sync: Sync = { ...rename, shape: "manual", new: [], triggers: ["follow"], differing: "SELECT 0" };
    assert.notEqual(endedBy(migrationOf("DROP TRIGGER follow ON other;").up, sync), undefined);
    assert.notEqual(endedBy(migrationOf("ALTER TABLE people DROP COLUMN name;").up, sync), undefined);
    assert.equal(endedBy(migrationOf("DROP TRIGGER other ON people;").up, sync), undefined);
  });

  it("and what its triggers have to be told of: any ALTER TABLE of its table", () => {
    assert.equal(altersTable(migrationOf("ALTER TABLE people ALTER COLUMN name SET DEFAULT 'x';").up, rename), true);
    assert.equal(altersTable(migrationOf("ALTER TABLE other ALTER COLUMN name SET DEFAULT 'x';").up, rename), false);
  });
});

describe("A backfill beside a sync", () => {
  const split: Sync = {
    ...rename,
    shape: "split",
    new: ["first_name", "last_name"],
    forward: ["split_part(name, ' ', 1)", "split_part(name, ' ', 2)"],
    backward: ["first_name || ' ' || last_name"],
  };
  const mismatch = (set: string, sync: Sync) => {
    const statement = migrationOf(`-- switchyard: backfill=id\nUPDATE people ${set};`).up.statements[0];
    return backfillMismatch(statement ?? assert.fail("no statement"), sync);
  };
  const same: [set: string, sync: Sync][] = [
    ["SET title = name", rename],
    ["SET title = people.name::varchar WHERE title IS NULL", rename],
    ["SET name = title", rename],
    ["SET age = 3", rename],
    ["SET first_name = SPLIT_PART(people.name,' ',1), last_name = split_part(name, ' ', 2)", split],
    ["SET (first_name, last_name) = (split_part(name, ' ', 1), split_part(name, ' ', 2))", split],
    ["AS p SET name = p.first_name || ' ' || p.last_name", split],
  ];
  for (const [set, sync] of same)
    it(`says what the sync says: ${set}`, () => assert.equal(mismatch(set, sync), undefined));
  const other: [set: string, sync: Sync][] = [
    ["SET title = upper(name)", rename],
    ["SET title = age", rename],
    ["SET first_name = split_part(name, ' ', 2)", split],
    ["SET (first_name, last_name) = (split_part(name, ' ', 1), 'x')", split],
    ["SET (first_name, last_name) = (SELECT 'a', 'b')", split],
    ["SET name = first_name", split],
  ];
  for (const [set, sync] of other)
    it(`is refused where it says something else: ${set}`, () => {
      assert.match(
        mismatch(set, sync)?.message ?? "",
        /otherwise than the sync of people does, whose (forward|backward) is /,
      );
    });
  const whole = "SET first_name = split_part(name, ' ', 1), last_name = split_part(name, ' ', 2)";
  it("is refused where it sets half of a side, and told the whole", () => {
    for (const set of [
      "SET first_name = split_part(name, ' ', 1)",
      "SET age = 1, last_name = split_part(name, ' ', 2)",
    ]) {
      const found = mismatch(set, split);
      assert.match(found?.message ?? "", /it sets (first|last)_name and leaves (first|last)_name to another statement/);
      assert.equal(found?.write, whole);
      assert.equal(mismatch(whole, split), undefined);
    }
  });
});
