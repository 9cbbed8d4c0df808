import assert from "node:assert/strict";
import { declarePlatform } from "../../support/aws-mocked";
import { configOf } from "../../support/stack-file";
import { aws, load, local, refuses } from "../config-support";

describe("a lock on the store", function () {
  this.timeout(180_000);
  const locks = async (lockDays?: number) => {
    const production = configOf("production");
    const backup = { ...(production.backup as object), ...(lockDays !== undefined && { lockDays }) };
    const { resources } = await declarePlatform("production", { ...production, backup });
    return resources.filter(
      ({ type }) => type === "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration",
    );
  };

  it("is for as long as config says, on the store alone, and there is none where it says nothing", async () => {
    assert.deepEqual(
      (await locks(40)).map(({ name, inputs }) => [name, inputs.rule]),
      [["store", { defaultRetention: { mode: "GOVERNANCE", days: 40 } }]],
    );
    assert.deepEqual(await locks(), []);
  });

  it("is of AWS alone", () => {
    assert.equal(load({ ...aws, backup: { lockDays: 30 } }).backup.lockDays, 30);
    refuses({ ...local, backup: { lockDays: 30 } }, "backup.lockDays", "config rm --path 'switchyard:backup.lockDays'");
  });
});

describe("a snapshot in place of a dump", () => {
  it("is of AWS alone, and asks that nobody expects a drill of it", () => {
    refuses(
      { ...local, backup: { mode: "snapshot" } },
      "backup.mode",
      "config set --path 'switchyard:backup.mode' dump",
    );
    refuses(
      { ...aws, backup: { mode: "snapshot" } },
      "backup.drill",
      "config set --path 'switchyard:backup.drill' never",
    );
    assert.equal(load({ ...aws, backup: { mode: "snapshot", drill: "never" } }).backup.mode, "snapshot");
  });
});
