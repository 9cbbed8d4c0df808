import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { provider as balancer } from "../../infra/platform/local/balancer/provider";
import { provider as listener } from "../../infra/platform/local/listener/provider";
import { findFree, openFree } from "../../infra/platform/local/process/ports";

describe("ports of local stacks", function () {
  this.timeout(120_000);
  const workingFolder = process.cwd();

  // Where providers run.
  before(() => {
    process.chdir(join(__dirname, "../../infra"));
  });
  after(() => {
    process.chdir(workingFolder);
  });

  it("are each stack's own, when several begin in the same moment", async () => {
    const folder = mkdtempSync(join(tmpdir(), "switchyard-ports-"));
    const stacks = ["one", "two", "three"].map((name) => ({
      folder: join(folder, name),
      token: randomBytes(16).toString("hex"),
    }));
    const made = await Promise.allSettled(stacks.map((inputs) => balancer.create(inputs)));
    const outs = made.flatMap((each) => (each.status === "fulfilled" ? [each.value.outs] : []));
    try {
      assert.deepEqual(
        made.flatMap((each) => (each.status === "rejected" ? [String(each.reason)] : [])),
        [],
      );
      const open = await Promise.all(
        outs.map(({ adminPort, token }) => listener.create({ adminPort, token, greenWeight: 0 })),
      );
      const ports = [
        ...outs.flatMap(({ adminPort, chosenPreviewPort }) => [adminPort, chosenPreviewPort]),
        ...open.map((each) => each.outs.chosenPort),
      ];
      assert.equal(new Set(ports).size, 9, ports.join(", "));
    } finally {
      for (const each of outs) await balancer.delete(each, each.folder);
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("are not tried again where they are free: the reason is another one", async () => {
    let tries = 0;
    const failing = openFree(
      () => findFree(20_000),
      () => Promise.reject(new Error(`no ${(tries += 1)}`)),
    );
    await assert.rejects(failing, /no 1/);
  });
});
