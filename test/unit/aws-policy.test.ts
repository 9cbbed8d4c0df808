import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { declarePlatform, type Declared } from "../support/aws-mocked";
import { rules, unfilled } from "./aws-policy.rules";

// It comes with the SDK of Pulumi, which reads the same files with it.
// eslint-disable-next-line @typescript-eslint/no-require-imports -- it has no types of its own
const { load } = require("js-yaml") as { load: (text: string) => { config: Record<string, unknown> } };

/** What a stack's own file says. */
function configOf(stack: string): Record<string, unknown> {
  const { config } = load(readFileSync(join(__dirname, `../../Pulumi.${stack}.yaml`), "utf8"));
  const own = Object.entries(config).filter(([key]) => key.startsWith("switchyard:"));
  return Object.fromEntries(own.map(([key, value]) => [key.slice("switchyard:".length), value]));
}

for (const stack of ["staging", "production"])
  describe(`${stack} as Pulumi.${stack}.yaml declares it`, () => {
    let declared: Declared;

    before(async function () {
      this.timeout(60_000);
      declared = await declarePlatform(stack, configOf(stack));
    });

    const named = new Set<string>();
    for (const { ids, type, says, holds } of rules)
      it(`${type.split(":")[1] ?? type} ${says}, or says why not (${ids.join(", ")})`, () => {
        const found = declared.resources.filter((resource) => resource.type === `aws:${type}`);
        assert.ok(found.length > 0, `no ${type} is declared`);
        for (const resource of found) {
          const waived = ids.filter((id) => declared.waived.has(`aws:${type} ${resource.name} ${id}`));
          for (const id of waived) named.add(`aws:${type} ${resource.name} ${id}`);
          const met = holds(resource, declared);
          assert.ok(
            met || waived.length === ids.length,
            `${resource.name} (${type}): ${ids.join(", ")} — ${says}: found ${JSON.stringify(resource.inputs)}`,
          );
          assert.ok(!met || waived.length === 0, `${resource.name} meets ${waived.join(", ")}, and has a waiver of it`);
        }
      });

    for (const { ids, type } of unfilled)
      it(`declares no ${type} before ${ids.join(", ")} are asked of it here`, () =>
        assert.deepEqual(
          declared.resources.filter((resource) => resource.type === `aws:${type}`),
          [],
        ));

    it("waives no rule that nobody asks about", () => assert.deepEqual([...declared.waived].sort(), [...named].sort()));

    it("keeps no password in plain among what it registers", () =>
      assert.ok(
        !JSON.stringify(declared.resources.filter(({ type }) => !type.includes("secret"))).includes("mock-password"),
      ));

    it("names nobody's account", () => {
      const text = readFileSync(join(__dirname, `../../Pulumi.${stack}.yaml`), "utf8");
      assert.deepEqual(
        [...text.matchAll(/[0-9]{12}/g)].filter(([number]) => !/^0+$/.test(number)),
        [],
      );
    });
  });
