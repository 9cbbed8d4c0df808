import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { analyseMigrations, RULES, runSquawk } from "../../../infra/schema";
import type { Migration } from "../../../infra/schema";
import { FILE_RULES } from "../../../infra/schema/rules";
import { judgeSquawk, SQUAWK_ADOPTED, SQUAWK_COVERED, SQUAWK_EXCLUDED } from "../../../infra/schema/squawk";
import { migrationOf, migrationText, readTexts } from "./build";
import type { Shape } from "./build";

const waive = (rule: string, sql: string, reason = "it is right here"): string =>
  `-- switchyard: waiver=${rule} reason="${reason}"\n${sql}`;

function judge(sql: string, shape?: Shape): { rule: string; message: string; line: number }[] {
  return analyseMigrations([migrationOf(sql, shape)]).map(({ rule, message, line }) => ({ rule, message, line }));
}

function set(...texts: string[]): Migration[] {
  const { migrations, problems } = readTexts(...texts);
  assert.deepEqual(problems, []);
  return migrations;
}

describe("schema: waivers", () => {
  it("lets the statement after it pass, and only that one", () => {
    assert.deepEqual(judge(waive("drop-column", "ALTER TABLE a DROP COLUMN b;")), []);
    const found = judge(`${waive("drop-column", "ALTER TABLE a DROP COLUMN b;")}\nALTER TABLE a DROP COLUMN c;`);
    assert.deepEqual(
      found.map(({ rule, line }) => `${rule} ${line}`),
      ["drop-column 5"],
    );
  });

  it("waives no other rule that the statement breaks", () => {
    assert.deepEqual(
      judge(waive("drop-object", "DROP TABLE a CASCADE;")).map(({ rule }) => rule),
      ["drop-cascade"],
    );
  });

  it("is refused for rules that can't be waived, each with why; the rule still applies", () => {
    const cases: Record<string, string> = {
      "outside-transaction": "CREATE INDEX CONCURRENTLY i ON a (b);",
      "transaction-control": "COMMIT;",
      "security-definer": "ALTER FUNCTION f() SECURITY DEFINER;",
      "extension-in-migration": "CREATE EXTENSION pg_trgm;",
      "server-wide": "ALTER DATABASE a SET timezone = 'UTC';",
      copy: "COPY a FROM stdin;",
    };
    for (const [rule, sql] of Object.entries(cases)) {
      const found = judge(waive(rule, sql));
      assert.deepEqual(found.map((problem) => problem.rule).sort(), [rule, "waiver"].sort());
      assert.match(
        found.find((problem) => problem.rule === "waiver")?.message ?? "",
        new RegExp(`^${rule} can't be waived: .{10}`),
      );
    }
  });

  it("is refused where the rule finds nothing: it would hide what somebody writes there later", () => {
    assert.match(judge(waive("drop-column", "ALTER TABLE a ADD COLUMN b int;"))[0]?.message ?? "", /is idle/);
    // In a contract the rule does not apply at all.
    assert.match(
      judge(waive("drop-column", "ALTER TABLE a DROP COLUMN b;"), { phase: "contract" })[0]?.message ?? "",
      /is idle/,
    );
  });

  it("is not idle where the rule would apply but for something new", () => {
    const files = set(
      migrationText("CREATE TABLE a (b int);"),
      migrationText(waive("index-blocks-writes", "CREATE INDEX i ON a (b);")),
    );
    assert.deepEqual(analyseMigrations(files, { applied: [] }), []);
    assert.deepEqual(analyseMigrations(files), []);
  });

  it("offers a near miss for a misspelt rule, and knows file rules", () => {
    assert.match(
      judge(waive("drop-colum", "ALTER TABLE a DROP COLUMN b;"))[1]?.message ?? "",
      /did you mean drop-column\?/,
    );
    assert.match(judge(waive("missing-down", "SELECT 1;"))[0]?.message ?? "", /concerns the file/);
  });
});

describe("schema: what counts as new", () => {
  const make = migrationText("CREATE TABLE a (id bigint, old int);", { undo: "DROP TABLE a;" });
  const index = migrationText("CREATE INDEX i ON a (id);", { undo: "DROP TABLE IF EXISTS b;" });
  const drop = migrationText("ALTER TABLE a DROP COLUMN old;");

  it("is only what the same file makes, while nobody says what is applied", () => {
    const found = analyseMigrations(set(make, index, drop));
    assert.deepEqual(
      found.map(({ file, rule }) => `${file} ${rule}`),
      ["0002_a.sql index-blocks-writes", "0003_a.sql drop-column"],
    );
  });

  it("is all that pending files make, where the history is known: nothing that runs can know of it", () => {
    assert.deepEqual(analyseMigrations(set(make, index, drop), { applied: [] }), []);
  });

  it("is not what an applied file has made; and an applied file is not judged again", () => {
    const found = analyseMigrations(set(make, index, drop), { applied: ["1", "0002"] });
    assert.deepEqual(
      found.map(({ file, rule }) => `${file} ${rule}`),
      ["0003_a.sql drop-column"],
    );
  });

  it("never excuses a down by what its own up has made: it runs when that is in use", () => {
    const text = migrationText("CREATE TABLE a (id int);\nCREATE INDEX i ON a (id);", { undo: "DROP INDEX i;" });
    assert.deepEqual(
      analyseMigrations(set(text), { applied: [] }).map(({ rule }) => rule),
      ["drop-index-blocks"],
    );
  });

  it("remembers across files what is proven: a validated CHECK lets SET NOT NULL pass", () => {
    const check = migrationText("ALTER TABLE a ADD CONSTRAINT c CHECK (b IS NOT NULL AND b <> '') NOT VALID;", {
      phase: "contract",
    });
    const validate = migrationText("ALTER TABLE a VALIDATE CONSTRAINT c;", { phase: "contract" });
    const setNotNull = migrationText("ALTER TABLE a ALTER COLUMN b SET NOT NULL;", { phase: "contract" });
    assert.deepEqual(analyseMigrations(set(check, validate, setNotNull)), []);
    assert.deepEqual(
      analyseMigrations(set(check, setNotNull)).map(({ rule }) => rule),
      ["set-not-null-scans"],
    );
  });

  it("remembers a sync of an earlier file", () => {
    const sync = migrationText(
      "-- switchyard: sync=rename table=public.a old=b new=c\nALTER TABLE a ADD COLUMN c int;",
    );
    const backfill = migrationText("-- switchyard: backfill=id\nUPDATE a SET c = b;", { up: "transaction:false" });
    assert.deepEqual(analyseMigrations(set(sync, backfill)), []);
    assert.deepEqual(
      analyseMigrations(set(backfill)).map(({ rule }) => rule),
      ["backfill-without-sync"],
    );
  });

  it("knows when a contract has ended a sync, and that its down brings it back", () => {
    const OUTSIDE = "transaction:false" as const;
    const rules = (...texts: string[]): string[] => analyseMigrations(set(...texts)).map(({ rule }) => rule);
    const sync = migrationText("-- switchyard: sync=rename table=a old=b new=c\nALTER TABLE a ADD COLUMN c int;");
    const backfill = (sql: string): string => `-- switchyard: backfill=id\n${sql}`;
    const contract = (undo: string): string =>
      migrationText("ALTER TABLE a DROP COLUMN b;", { phase: "contract", down: OUTSIDE, undo });
    const later = migrationText(backfill("UPDATE a SET c = d;"), { up: OUTSIDE });
    assert.deepEqual(rules(sync, later), ["backfill-against-sync"], "while it is on");
    assert.deepEqual(rules(sync, contract("ALTER TABLE a ADD COLUMN b int;"), later), ["backfill-without-sync"]);
    const undo = (value: string): string =>
      `ALTER TABLE a ADD COLUMN b int;\n${backfill(`UPDATE a SET b = ${value};`)}`;
    assert.deepEqual(rules(sync, contract(undo("c"))), []);
    assert.deepEqual(rules(sync, contract(undo("d"))), ["backfill-against-sync"]);
    const own = migrationText("-- switchyard: sync=rename table=a old=b new=c\nALTER TABLE a ADD COLUMN c int;", {
      down: OUTSIDE,
      undo: `${backfill("UPDATE a SET b = d;")}\nALTER TABLE a DROP COLUMN c;`,
    });
    assert.deepEqual(rules(own), [], "the down of an expand has ended its own sync first");
    const widened = migrationText(`${backfill("UPDATE a SET c = d;")}\nALTER TABLE a DROP COLUMN b;`, {
      phase: "contract",
      up: OUTSIDE,
    });
    assert.deepEqual(rules(sync, widened), [], "and so has a contract that it ends with");
  });
});

describe("schema: squawk beside our rules", () => {
  const long = `a${"b".repeat(70)}`;

  it("adds what no rule of ours covers, at its place in the file, and takes a waiver for it", () => {
    const text = migrationText(`-- é\nCREATE TABLE é ("${long}" int);`);
    const files = set(text, migrationText(waive("squawk/identifier-too-long", `CREATE TABLE ${long} (id int);`)));
    const found = analyseMigrations(files, { squawk: runSquawk(files) });
    assert.deepEqual(
      found.map(({ file, rule, line, column }) => `${file} ${rule} ${line}:${column}`),
      ["0001_a.sql squawk/identifier-too-long 4:17"],
    );
  });

  it("is not heard where a rule of ours has judged the statement, whatever that came to", () => {
    const files = set(migrationText("DROP TABLE a;", { phase: "contract" }), migrationText("CREATE INDEX i ON a (b);"));
    const squawk = runSquawk(files);
    assert.deepEqual(squawk.map(({ name }) => name).sort(), ["ban-drop-table", "require-concurrent-index-creation"]);
    assert.deepEqual(
      analyseMigrations(files, { squawk }).map(({ rule }) => rule),
      ["index-blocks-writes"],
    );
  });

  it("is heard where ours should have judged and did not, and where its rule is new to us", () => {
    assert.equal(judgeSquawk("ban-drop-table", new Set(["drop-object"])), false);
    assert.equal(judgeSquawk("ban-drop-table", new Set(["opaque"])), true);
    assert.equal(judgeSquawk("a-rule-of-next-year", new Set()), true);
  });

  it("can't be silenced by its own comments", () => {
    const files = set(
      migrationText(`-- squawk-ignore-file\n-- squawk-ignore identifier-too-long\nCREATE TABLE ${long} (id int);`),
    );
    assert.deepEqual(
      runSquawk(files).map(({ name }) => name),
      ["identifier-too-long"],
    );
  });

  it("knows which sections run in a transaction", () => {
    const sql = "CREATE INDEX CONCURRENTLY i ON a (b);\nCREATE INDEX CONCURRENTLY j ON a (c);";
    const files = set(migrationText(sql, { up: "transaction:false" }), migrationText(sql));
    assert.deepEqual(
      runSquawk(files).map(({ file, name }) => `${file} ${name}`),
      Array.from({ length: 2 }, () => "0002_a.sql ban-concurrent-index-creation-in-transaction"),
    );
  });

  it("is an error, not silence, where it is missing, fails or says what nobody understands", () => {
    const files = set(migrationText("SELECT 1;"));
    assert.throws(() => runSquawk(files, { binary: "/absent/squawk" }), /squawk failed: .*ENOENT.*npm ci/);
    assert.throws(() => runSquawk(files, { binary: "/bin/true" }), /squawk failed: no JSON came/);
    assert.throws(() => runSquawk(files, { binary: "/bin/false" }), /squawk failed: no JSON came/);
    assert.throws(() => runSquawk(files, { binary: process.execPath }), /squawk failed: exit code 9/);
    assert.deepEqual(runSquawk([], { binary: "/absent/squawk" }), []);
  });

  it("knows every rule of the installed squawk that it switches off or covers", () => {
    const overlap = [...Object.keys(SQUAWK_COVERED), ...SQUAWK_ADOPTED].filter((name) => name in SQUAWK_EXCLUDED);
    assert.deepEqual(overlap, []);
    for (const rule of Object.values(SQUAWK_COVERED).flat())
      assert.ok(
        RULES.some(({ id }) => id === rule),
        rule,
      );
  });
});

describe("schema: docs/migrations.md", () => {
  const page = readFileSync(join(__dirname, "../../../docs/migrations.md"), "utf8");

  it("lists every rule, and says of each whether it can be waived", () => {
    for (const { id, waivable } of RULES) {
      const row = page.split("\n").find((line) => line.startsWith(`| \`${id}\` |`));
      assert.ok(row, `the page has a row for ${id}`);
      assert.equal(/\| yes \|/.test(row), waivable === true, `${id}: ${row}`);
    }
    for (const id of FILE_RULES) assert.ok(page.includes(`\`${id}\``), `the page names ${id}`);
  });

  it("lists every rule of squawk that is switched off", () => {
    for (const name of Object.keys(SQUAWK_EXCLUDED)) assert.ok(page.includes(`\`${name}\``), name);
  });
});
