import assert from "node:assert/strict";
import { emulated, type EmulatedAccount } from "../support/aws-account";

/** A step of it takes minutes: the provider waits for AWS as long as AWS usually takes. */
const stepMs = 1_200_000;

/** moto can't read back a rule's description where it is about a group, nor the parameters of a parameter group. */
const emulatorForgets = [/SecurityGroup(In|E)gressRule::\S+ description$/, /ParameterGroup::\S+ parameters$/];

/** moto keeps these when it is told of a change, and not when it makes what they belong to. */
const forgottenAtCreation = [
  "update aws:rds/instance:Instance::database monitoringInterval, monitoringRoleArn, performanceInsightsKmsKeyId, performanceInsightsRetentionPeriod",
  "update aws:ecs/service:Service::green enableEcsManagedTags, healthCheckGracePeriodSeconds",
  "update aws:ecs/service:Service::blue enableEcsManagedTags, healthCheckGracePeriodSeconds",
];

describe("staging, by the real AWS provider on an emulated account", () => {
  let account: EmulatedAccount;

  before(async function () {
    account = await emulated(this);
    await account.init("staging");
  });

  after(async function () {
    this.timeout(300_000);
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

  it("is not changed by another `up`, once the emulator was told again what it forgets of what it makes", async () => {
    assert.deepEqual((await proposed()).sort(), forgottenAtCreation.toSorted());
    await account.must("staging", "up", "--yes", "--skip-preview");
    assert.deepEqual(await proposed(), []);
  }).timeout(stepMs);

  it("has not drifted when it is read anew, but for what the emulator can't tell; a walk's tags are no drift", async () => {
    await account.tagListener({ "switchyard-walk": "some-walk", "switchyard-walk-from": "0", "switchyard-abort": "x" });
    await account.must("staging", "refresh", "--yes", "--skip-preview");
    assert.deepEqual(
      (await proposed()).filter((change) => !emulatorForgets.some((forgotten) => forgotten.test(change))),
      [],
    );
  }).timeout(stepMs);

  it("keeps no password in plain in its state", async () => {
    const state = await account.must("staging", "stack", "export");
    assert.ok(!state.includes(account.postgres.administrator.password));
  }).timeout(stepMs);

  it("refuses to be destroyed while it holds data; told not to look first, it still loses none", async () => {
    const looked = await account.pulumi("staging", "destroy", "--yes");
    assert.notEqual(looked.code, 0);
    assert.match(looked.output, /protect/);
    const forced = await account.pulumi("staging", "destroy", "--yes", "--skip-preview");
    assert.notEqual(forced.code, 0);
    const { rows } = await account.postgres.asSuperuser(
      (client) => client.query<{ pages: number }>("SELECT count(*)::int AS pages FROM pages"),
      "pages",
    );
    assert.ok((rows[0]?.pages ?? 0) > 0);
    const state = await account.must("staging", "stack", "export");
    for (const type of ["aws:rds/instance:Instance", "aws:s3/bucket:Bucket", "postgresql:index/database:Database"])
      assert.ok(state.includes(`"type": "${type}"`), `${type} is gone`);
  }).timeout(stepMs);

  /** What a preview would change: type, name and which properties. */
  async function proposed(): Promise<string[]> {
    const { steps = [] } = JSON.parse(await account.json("staging", "preview", "--json")) as {
      steps?: { op: string; urn: string; diffReasons?: string[] }[];
    };
    return steps
      .filter(({ op }) => op !== "same" && op !== "read" && op !== "refresh")
      .map(({ op, urn, diffReasons = [] }) => `${op} ${urn.split("$").at(-1) ?? ""} ${diffReasons.join(", ")}`);
  }
});
