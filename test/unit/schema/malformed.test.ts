import assert from "node:assert/strict";
import { MigrationError, parseMigration } from "../../../infra/schema";
import { readFiles } from "../../../infra/schema/read";
import { FILE_RULES } from "../../../infra/schema/rules";
import { readTexts } from "./build";
import { MALFORMED_FILES } from "./malformed-files";

/** File names beside a good 0002_b.sql, the rule that refuses them, and a piece of its message. */
const NAMES: readonly (readonly [rule: string, message: string, ...names: string[]])[] = [
  ["file-name", '"add_slug.sql" is not the name of a migration', "add_slug.sql"],
  ["file-name", '"0003.sql"', "0003.sql"],
  ["file-name", '"0003_.sql"', "0003_.sql"],
  ["file-name", '"0003-add-slug.sql"', "0003-add-slug.sql"],
  ["file-name", '"0003_add slug.sql"', "0003_add slug.sql"],
  ["file-name", '"0003_add.SQL"', "0003_add.SQL"],
  ["file-name", '"0003_add.sql.bak"', "0003_add.sql.bak"],
  ["file-name", '"V3__add.sql"', "V3__add.sql"],
  ["file-name", '"1234567890123456789_add.sql"', "1234567890123456789_add.sql"],
  ["duplicate-version", "version 0002 is taken by 0002_b.sql", "0002_c.sql"],
  ["duplicate-version", "version 2 is taken by 0002_b.sql", "2_c.sql"],
  ["version-order", "by number it comes after 9_c.sql, by text before it", "9_c.sql", "10_d.sql"],
];

describe("schema: malformed files are refused with file, line and column", () => {
  for (const [rules, message, place, text] of MALFORMED_FILES) {
    const title = text.replace(/^-- switchyard: phase=expand\n/, "").replace(/\s+/g, " ");
    it(`${rules}: ${title.slice(0, 110)}`, () => {
      const { migrations, problems } = readTexts(text);
      assert.deepEqual([...new Set(problems.map(({ rule }) => rule))].sort(), rules.split(" ").sort());
      const found = problems.find((problem) => problem.message.includes(message));
      assert.ok(found, `one of ${problems.map((problem) => problem.message).join(" | ")} says "${message}"`);
      assert.equal(`${found.line}:${found.column}`, place);
      assert.match(found.excerpt, /\| .*\n +\| .*\^$/u);
      assert.doesNotMatch(found.message + found.safeWay, /undefined|\[object/);
      assert.deepEqual(migrations, [], "it is not planned with");
    });
  }

  for (const [rule, message, ...names] of NAMES) {
    it(`${rule}: ${names.join(", ")}`, () => {
      const text = "-- switchyard: phase=expand\n-- migrate:up\nSELECT 1;\n-- migrate:down\nSELECT 1;\n";
      const { problems } = readFiles(["0002_b.sql", ...names].map((fileName) => ({ fileName, text })));
      assert.deepEqual(
        problems.map((problem) => problem.rule),
        [rule],
      );
      assert.ok(problems[0]?.message.includes(message), problems[0]?.message);
    });
  }

  it("has a case for every rule over files that texts and names can break", () => {
    const covered = new Set([
      ...MALFORMED_FILES.flatMap(([rules]) => rules.split(" ")),
      ...NAMES.map(([rule]) => rule),
    ]);
    assert.deepEqual(
      FILE_RULES.filter((rule) => !covered.has(rule)),
      ["unreadable"],
    );
  });

  it("reports all problems of a file at once, in order of place", () => {
    const text = "-- migrate:up\nCREAT TABLE a (id int);\nSELECT 1;\nUPDATE a SET b = 1 LIMIT 5;\n-- migrate:down\n";
    assert.throws(
      () => parseMigration("0001_a.sql", text),
      (error: unknown) => {
        assert.ok(error instanceof MigrationError);
        assert.deepEqual(
          error.problems.map(({ rule, line }) => `${rule} ${line}`),
          ["missing-phase 1", "syntax 2", "update-limit 4", "empty-down 5"],
        );
        assert.match(error.message, /^The migrations have 4 problems:\n\n0001_a\.sql:1:1: missing-phase: /);
        assert.match(error.message, /\n {2}4 \| UPDATE a SET b = 1 LIMIT 5;\n {4}\| {20}\^\n {2}safe way: /);
        return true;
      },
    );
  });
});
