import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { checksumOf, MigrationError, parseMigration, parseSection, readMigrations } from "../../../infra/schema";
import { scanRegions } from "../../../infra/schema/lexer";
import { parseSql } from "../../../infra/schema/parser";
import { migrationOf, migrationText } from "./build";

describe("schema: reading migration files", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "switchyard-migrations-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("takes a file of dbmate as it is, but for the phase", () => {
    const text =
      "-- migrate:up transaction:false\nCREATE INDEX CONCURRENTLY i ON a (b);\n\n-- migrate:down\nDROP TABLE c;\n";
    const migration = parseMigration("20240131093000_add-index.sql", `-- switchyard: phase=expand\n${text}`);
    assert.equal(migration.version, "20240131093000");
    assert.equal(migration.name, "add-index");
    assert.equal(migration.impact, "low");
    assert.equal(migration.up.transaction, false);
    assert.equal(migration.down.transaction, true);
  });

  it("orders a folder by number and leaves notes for people alone", () => {
    for (const name of ["0010_c.sql", "0002_b.sql", "0001_a.sql"])
      writeFileSync(join(folder, name), migrationText("SELECT 1;"));
    for (const name of ["README.md", ".gitkeep"]) writeFileSync(join(folder, name), "not SQL");
    assert.deepEqual(
      readMigrations(folder).map(({ version }) => version),
      ["0001", "0002", "0010"],
    );
  });

  it("reads an empty folder as no migration", () => {
    assert.deepEqual(readMigrations(folder), []);
  });

  it("throws the problems of all files at once, unreadable ones and the folder's own included", () => {
    writeFileSync(join(folder, "0001_a.sql"), "SELECT 1;");
    writeFileSync(join(folder, "0002_b.sql"), Buffer.from([0x53, 0xe9, 0x4c]));
    writeFileSync(join(folder, "notes.txt"), "");
    mkdirSync(join(folder, "0003_c.sql"));
    assert.throws(
      () => readMigrations(folder),
      (error: unknown) => {
        assert.ok(error instanceof MigrationError);
        const found = new Set(error.problems.map(({ file, rule }) => `${file} ${rule}`));
        for (const one of [
          "0001_a.sql missing-phase",
          "0002_b.sql encoding",
          "0003_c.sql unreadable",
          "notes.txt file-name",
        ]) {
          assert.ok(found.has(one), `${one} is among ${[...found].join(", ")}`);
        }
        return true;
      },
    );
  });

  it("says which folder is missing", () => {
    assert.throws(
      () => readMigrations(join(folder, "absent")),
      /absent: unreadable: the folder of migrations can't be read/,
    );
  });

  it("takes CRLF, lone CR and a byte order mark for how the file was saved", () => {
    const text = migrationText("CREATE TABLE a (\n  t text DEFAULT 'é'\n);");
    const plain = parseMigration("0001_a.sql", text);
    for (const other of [`\uFEFF${text}`, text.replaceAll("\n", "\r\n"), text.replaceAll("\n", "\r")]) {
      const read = parseMigration("0001_a.sql", other);
      assert.equal(read.checksum, plain.checksum);
      assert.deepEqual(read.up.statements, plain.up.statements);
      assert.equal(checksumOf(other), plain.checksum);
    }
  });

  it("changes the checksum with any other character, comments included", () => {
    const text = migrationText("SELECT 1; -- one");
    assert.notEqual(checksumOf(text), checksumOf(text.replace("one", "two")));
    assert.match(checksumOf(text), /^[0-9a-f]{64}$/);
  });

  it("splits by the grammar: quotes, dollar quotes, comments, function bodies and empty statements", () => {
    const statements = [
      "INSERT INTO a VALUES ('x;''y', E'\\';', $$;$$, $t$ $$ ; $t$)",
      "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END",
      'CREATE TABLE "odd;name" (id int)',
      "SELECT 1 /* ; /* ; */ ; */ + 2",
      "SELECT 'é😀'",
      "SELECT 3",
    ];
    const { up } = migrationOf(`\n ${statements.join(" ;\n-- a ; comment\n;; ")} -- the last has no semicolon\n`);
    assert.deepEqual(
      up.statements.map(({ text }) => text),
      statements,
    );
  });

  it("finds each statement again at its offset and line, whatever stands around it (property)", () => {
    const statement = fc.constantFrom(
      "SELECT 'a;b'",
      'DROP TABLE "x;"',
      "SELECT $q$ -- ; $q$",
      "INSERT INTO é VALUES ('😀')",
      "DO $$ begin; end $$",
    );
    const gap = fc.constantFrom(";", ";\n", "; -- é;\n", ";\n/* ;\n'😀 */ ", " ;;\t");
    fc.assert(
      fc.property(fc.array(fc.tuple(statement, gap), { minLength: 1, maxLength: 8 }), (parts) => {
        const migration = migrationOf(parts.flat().join(""));
        assert.deepEqual(
          migration.up.statements.map(({ text }) => text),
          parts.map(([text]) => text),
        );
        for (const { text, offset, line } of migration.up.statements) {
          assert.equal(migration.text.slice(offset, offset + text.length), text);
          assert.equal(migration.text.slice(0, offset).split("\n").length, line);
        }
      }),
      { numRuns: 200 },
    );
  });

  it("sees comments and quotes as PostgreSQL's scanner does (property)", () => {
    const piece = fc.constantFrom("'", "''", "\\", '"', "--", "/*", "*/", "$$", "$a$", "e'", "\n", " ", "x", ";", "1");
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
        // Where all is closed by our reading, the server must read one string out of the same text.
        const text = pieces.join("");
        const open = scanRegions(text).at(-1)?.open === true;
        const outcome = parseSql(`${text}\n;SELECT 1`);
        const unterminated = !outcome.ok && /unterminated/.test(outcome.message);
        assert.ok(!unterminated || open, `the server finds "${text}" unterminated`);
      }),
      { numRuns: 2000 },
    );
  });

  it("reads a recorded section again, to the same statements", () => {
    const { up, down } = migrationOf("CREATE TABLE a (id int);\nCREATE INDEX i ON a (id);", {
      undo: "DROP INDEX i;\nDROP TABLE a;",
      down: "transaction:false",
    });
    for (const section of [up, down]) {
      const again = parseSection("0001_a, recorded", section.text);
      assert.equal(again.direction, section.direction);
      assert.equal(again.transaction, section.transaction);
      assert.deepEqual(
        again.statements.map(({ text }) => text),
        section.statements.map(({ text }) => text),
      );
    }
    assert.throws(() => parseSection("0001_a, recorded", "DROP TABLE a;"), /must begin with its marker/);
  });

  it("says plainly what a migration without a way back is", () => {
    const migration = migrationOf("DROP TABLE a;", {
      phase: "contract",
      undo: '-- switchyard: irreversible="the rows are gone"',
    });
    assert.equal(migration.irreversible, "the rows are gone");
    assert.deepEqual(migration.down.statements, []);
  });
});

describe("schema: directives", () => {
  it("gives waivers and backfills to the next statement only", () => {
    const { up } = migrationOf(
      [
        "SELECT 1;",
        '-- switchyard: waiver=truncate reason="a \\"cache\\", filled again',
        '--   by the service itself"',
        '-- switchyard: waiver=opaque reason="it is ours"',
        "-- switchyard: backfill=tenant_id,id batch=250",
        "UPDATE a SET b = 1;",
        "SELECT 2;",
      ].join("\n"),
      { up: "transaction:false" },
    );
    assert.deepEqual(
      up.statements.map(({ waivers }) => waivers.length),
      [0, 2, 0],
    );
    const [, second, third] = up.statements;
    assert.equal(second?.waivers[0]?.reason, 'a "cache", filled again\n  by the service itself');
    assert.deepEqual(second.backfill, { key: ["tenant_id", "id"], batch: 250 });
    assert.equal(third?.backfill, undefined);
  });

  it("reads impact, verify and sync into data", () => {
    const migration = migrationOf(
      [
        "-- switchyard: impact=medium",
        '-- switchyard: verify="SELECT count(*) FROM a WHERE b IS NULL;" expect=0',
        "-- switchyard: sync=split table=shop.people old=name new=first,last",
        "--   forward=\"split_part(name, ' ', 1), coalesce(nullif(split_part(name, ' ', 2), ''), '-')\"",
        "--   backward=\"concat(first, ' ', last)\"",
        "SELECT 1;",
      ].join("\n"),
    );
    assert.equal(migration.impact, "medium");
    assert.deepEqual(migration.verify, [{ sql: "SELECT count(*) FROM a WHERE b IS NULL", expect: "0" }]);
    assert.deepEqual(migration.syncs, [
      {
        shape: "split",
        table: "shop.people",
        old: ["name"],
        new: ["first", "last"],
        forward: ["split_part(name, ' ', 1)", "coalesce(nullif(split_part(name, ' ', 2), ''), '-')"],
        backward: ["concat(first, ' ', last)"],
        triggers: [],
        differing: undefined,
      },
    ]);
  });

  it("leaves ordinary comments alone", () => {
    for (const comment of [
      "-- migrate this later: up to you",
      "-- switch: a=b",
      "-- see: phase one",
      "--",
      "-- https://example.org/?a=b",
      "-- note: x=1",
    ]) {
      assert.doesNotThrow(() => migrationOf(`${comment}\nSELECT 1;`), comment);
    }
  });
});
