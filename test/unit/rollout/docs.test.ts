import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CHANGE_CONFIRMED } from "../../../infra/rollout/confirm";
import { NARROWING_WAITS, RULES } from "../../../infra/rollout/rules";

describe("docs/rules.md", () => {
  const page = readFileSync(join(__dirname, "../../../docs/rules.md"), "utf8");

  for (const { id, statement, guards, remedy, override } of [...RULES, NARROWING_WAITS, CHANGE_CONFIRMED]) {
    it(`says of ${id} what the code says`, () => {
      const row = page.split("\n").find((line) => line.startsWith(`| \`${id}\``));
      const cells = row?.split(" | ").map((cell) => cell.replace(/^\| | \|$/g, "").trim());
      assert.deepEqual(cells, [
        `\`${id}\``,
        statement,
        guards,
        remedy,
        override === undefined ? "none" : `\`${override}\``,
      ]);
    });
  }

  it("names no rule that there isn't", () => {
    const named = [...page.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, id]) => id);
    const known = [...RULES.map(({ id }) => id), NARROWING_WAITS.id, CHANGE_CONFIRMED.id];
    assert.deepEqual(named.filter((id) => id !== undefined && id.includes("-") && !known.includes(id)), []); // prettier-ignore
  });
});
