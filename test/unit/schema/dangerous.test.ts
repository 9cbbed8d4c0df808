import assert from "node:assert/strict";
import { analyseMigrations, RULES } from "../../../infra/schema";
import { migrationText, readTexts } from "./build";
import { DANGEROUS_STATEMENTS } from "./dangerous-statements";

describe("schema: dangerous statements are refused at preview", () => {
  for (const [rules, message, sql, shape] of DANGEROUS_STATEMENTS) {
    it(`${rules}: ${sql.replace(/\s+/g, " ")}${shape?.undo === undefined ? "" : ` / ${shape.undo}`}`, () => {
      const { migrations, problems } = readTexts(migrationText(sql, shape));
      assert.deepEqual(problems, [], "the file itself is well formed");
      const found = analyseMigrations(migrations);
      assert.deepEqual([...new Set(found.map(({ rule }) => rule))].sort(), rules.split(" ").sort());
      const first = found.find(({ rule }) => rule === rules.split(" ")[0]);
      assert.ok(first?.message.includes(message), `"${first?.message ?? ""}" says "${message}"`);
      for (const problem of found) {
        assert.ok(problem.line > 2 && problem.column > 0, "it stands at a statement");
        assert.match(problem.excerpt, /\^$/, "a caret shows where");
        assert.ok(problem.safeWay.length > 10, "it says what to write instead");
        assert.doesNotMatch(problem.message + problem.safeWay, /undefined|\[object/);
      }
    });
  }

  it("has a case for every rule that refuses something", () => {
    const covered = new Set(DANGEROUS_STATEMENTS.flatMap(([rules]) => rules.split(" ")));
    assert.deepEqual(
      RULES.filter(({ id, silent }) => !covered.has(id) && silent !== true).map(({ id }) => id),
      [],
    );
  });

  it("has no two rules of one name", () => {
    assert.equal(new Set(RULES.map(({ id }) => id)).size, RULES.length);
  });
});
