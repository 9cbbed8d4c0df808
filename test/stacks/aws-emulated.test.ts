import assert from "node:assert/strict";
import { emulated, type EmulatedAccount } from "../support/aws-account";

/** A step of it takes minutes: the provider waits for AWS as long as AWS usually takes. */
const stepMs = 1_200_000;

/** moto can't read back a rule's description where it is about a group, nor the parameters of a parameter group. */
const emulatorForgets = [
  "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
  "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
  "aws:rds/parameterGroup:ParameterGroup",
];

describe("staging, by the real AWS provider on an emulated account", () => {
  let account: EmulatedAccount;

  before(async function () {
    account = await emulated(this);
    await account.init("staging");
  });

  after(async function () {
    this.timeout(120_000);
    // What had to be skipped was never started.
    await (account as EmulatedAccount | undefined)?.stop();
  });

  it("is applied whole, every resource checked and made by the real provider", async () => {
    const output = await account.must("staging", "up", "--yes", "--skip-preview");
    assert.match(output, /aws:lb:Listener listener created/);
    assert.match(output, /switchyard:EcsSteady blue-steady created/);
    const outputs = JSON.parse(await account.json("staging", "stack", "output", "--json")) as Record<string, unknown>;
    assert.equal(outputs.schemaVersion, "0007");
    assert.deepEqual(outputs.weights, { blue: 100, green: 0 });
  }).timeout(stepMs);

  it("is not changed by a second `up`", async () => {
    await account.must("staging", "up", "--yes", "--skip-preview", "--expect-no-changes");
  }).timeout(stepMs);

  it("has not drifted when it is read anew, but for what the emulator can't tell; a walk's tags are no drift", async () => {
    await account.tagListener({ "switchyard-walk": "some-walk", "switchyard-walk-from": "0", "switchyard-abort": "x" });
    // The first one learns what AWS made of it: routes of a table, load balancers of a target group.
    await account.must("staging", "refresh", "--yes", "--skip-preview");
    await account.must("staging", "refresh", "--yes", "--skip-preview", "--expect-no-changes");
    const { steps = [] } = JSON.parse(await account.json("staging", "preview", "--json")) as {
      steps?: { op: string; newState?: { type: string } }[];
    };
    const changed = steps
      .filter(({ op }) => op !== "same" && op !== "read")
      .map(({ newState }) => newState?.type ?? "");
    assert.deepEqual(
      changed.filter((type) => !emulatorForgets.includes(type)),
      [],
    );
    // Put right again, for what comes next.
    await account.must("staging", "up", "--yes", "--skip-preview");
  }).timeout(stepMs);

  it("keeps no password in plain in its state", async () => {
    const state = await account.must("staging", "stack", "export");
    assert.ok(!state.includes(account.postgres.administrator.password));
  }).timeout(stepMs);

  it("refuses to be destroyed while it holds data, and loses nothing", async () => {
    const { code, output } = await account.pulumi("staging", "destroy", "--yes", "--skip-preview");
    assert.notEqual(code, 0);
    assert.match(output, /protect/);
    await account.must("staging", "preview", "--expect-no-changes");
  }).timeout(stepMs);
});
