import assert from "node:assert/strict";
import { join } from "node:path";
import { analyseMigrations, checkMigrations, formatProblem, runSquawk } from "../../../infra/schema";
import type { SquawkFinding } from "../../../infra/schema";
import { migrationText, readTexts } from "./build";
import { SAFE_MIGRATIONS } from "./safe-migrations";

describe("schema: safe migrations pass without a finding", () => {
  // Each by itself: what one makes must not excuse another.
  const cases = SAFE_MIGRATIONS.map(([up, undo, shape]) => ({
    up,
    ...readTexts(migrationText(up, { undo, ...shape })),
  }));
  const findings: SquawkFinding[][] = [];

  before("squawk reads them all", () => {
    const all = cases.flatMap(({ migrations }, index) =>
      migrations.map((one) => ({ ...one, fileName: String(index) })),
    );
    for (const finding of runSquawk(all))
      (findings[Number(finding.file)] ??= []).push({ ...finding, file: "0001_a.sql" });
  });

  cases.forEach(({ up, migrations, problems }, index) => {
    it(up.replace(/\s+/g, " ").slice(0, 110), () => {
      const found = [...problems, ...analyseMigrations(migrations, { squawk: findings[index] ?? [] })];
      assert.equal(found.map(formatProblem).join("\n"), "");
    });
  });

  it("are at least a hundred", () => {
    assert.ok(SAFE_MIGRATIONS.length >= 100);
  });

  it("so do those of the example service, judged as strictly as can be", () => {
    const migrations = checkMigrations(join(__dirname, "../../../migrations"));
    assert.ok(migrations.length >= 6);
  });
});
