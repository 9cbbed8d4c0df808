import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { declarePlatform, type Declared } from "../support/aws-mocked";
import { configOf } from "../support/stack-file";
import { alarmRules } from "./aws-policy.alarms";
import { checkovRules } from "./aws-policy.checkov";
import { collectorRules } from "./aws-policy.collector";
import { rules } from "./aws-policy.rules";

/** What production leaves out, and a stack may have. */
function withEverything(): Record<string, unknown> {
  const production = configOf("production");
  const domain = {
    ...(production.domain as object),
    zone: "Z0123456789ABC",
    waf: `arn:aws:wafv2:eu-west-1:000000000000:regional/webacl/pages/${"0".repeat(8)}-0000-0000-0000-${"0".repeat(12)}`,
  };
  return {
    ...production,
    rds: { ...(production.rds as object), proxy: true },
    domain,
    ci: { github: "example/pages" },
    notify: { low: { email: ["team@example.com"] } },
    restore: { pointInTime: "2026-01-31T08:00:00Z" },
  };
}

const stacks = [
  ["staging", "as Pulumi.staging.yaml declares it", () => configOf("staging")],
  ["production", "as Pulumi.production.yaml declares it", () => configOf("production")],
  ["everything", "with proxy, web ACL, DNS names, a pipeline, a digest and an instance of a moment", withEverything],
] as const;

for (const [stack, how, config] of stacks)
  describe(`${stack}, ${how}`, () => {
    let declared: Declared;

    before(async function () {
      this.timeout(180_000);
      declared = await declarePlatform(stack, config());
    });

    const named = new Set<string>();
    for (const { ids, type, says, holds } of [...rules, ...alarmRules, ...collectorRules, ...checkovRules])
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

    it("waives no rule that nobody asks about", () => assert.deepEqual([...declared.waived].sort(), [...named].sort()));

    it("hands passwords to Secrets Manager, and to nothing else of AWS", () => {
      const holders = declared.resources.filter(
        (resource) => resource.type.startsWith("aws:") && JSON.stringify(resource).includes("mock-password"),
      );
      assert.deepEqual(
        holders.map(({ type, name }) => `${type.split(":")[2] ?? ""} ${name}`),
        ["SecretVersion blue-login", "SecretVersion green-login", "SecretVersion monitoring-login"],
      );
    });
  });

for (const stack of ["staging", "production"])
  it(`Pulumi.${stack}.yaml names nobody's account`, () => {
    const text = readFileSync(join(__dirname, `../../Pulumi.${stack}.yaml`), "utf8");
    assert.deepEqual(
      [...text.matchAll(/[0-9]{12}/g)].filter(([number]) => !/^0+$/.test(number)),
      [],
    );
  });
