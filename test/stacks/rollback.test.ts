import assert from "node:assert/strict";
import { readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { findHome } from "../../infra/platform/local/postgres/home";
import { load } from "../support/load";
import { connectBalancer } from "../support/exported";
import { Clone, type Outputs } from "../support/stack";

/** Going back by reverting config, whatever else is broken: one stack, and each test leaves it at greenWeight 0. */
describe("a rollback by reverting config", function () {
  this.timeout(600_000);
  let clone: Clone;
  let outputs: Outputs;

  before(async () => {
    clone = new Clone();
    clone.edit("Pulumi.local.yaml", (text) =>
      text.replace("bake: 5s", "bake: 1s").replace("maxBake: 5s", "maxBake: 1s"),
    );
    const { code, output } = await clone.npmStart();
    assert.equal(code, 0, output);
    outputs = await clone.outputs();
  });
  after(() => clone.dispose());

  const setWeight = (weight: number) => clone.must("config", "set", "greenWeight", String(weight));
  const liveWeight = async () => (await (await connectBalancer(clone)).state()).production?.weights.green;
  const postgresFile = (name: string) => join(findHome(join(clone.folder, ".switchyard/local"), 15).data, name);
  const killPostgres = () =>
    process.kill(Number(readFileSync(postgresFile("postmaster.pid"), "utf8").split("\n")[0]), "SIGKILL");

  it("moves the traffic and finishes with PostgreSQL killed, losing no request that needs no database", async () => {
    await clone.setGreenWeight(100);
    killPostgres();
    await setWeight(0);
    const watched = load({ url: `${outputs.url}/health/live`, rate: 300, durationMs: 8_000 });
    const output = await clone.up();
    assert.match(output, /returned from greenWeight 100 to 0/);
    assert.equal(await liveWeight(), 0);
    assert.equal((await watched).failed, 0);
    assert.match(await clone.up(), /Resources:\s+\d+ unchanged/);
  });

  it("moves the traffic even where PostgreSQL can't start, says what is wrong, and is over once that is mended", async () => {
    await clone.setGreenWeight(100);
    killPostgres();
    renameSync(postgresFile("global/pg_control"), postgresFile("pg_control"));
    await setWeight(0);
    const { code, output } = await clone.pulumi("up", "--yes", "--skip-preview");
    assert.notEqual(code, 0, output);
    assert.match(output, /returned from greenWeight 100 to 0/);
    assert.equal(await liveWeight(), 0);
    renameSync(postgresFile("pg_control"), postgresFile("global/pg_control"));
    await clone.up();
    assert.match(await clone.up(), /Resources:\s+\d+ unchanged/);
  });

  it("shows weights that somebody moved at preview, and takes them back where they were settled", async () => {
    const balancer = await connectBalancer(clone);
    await balancer.setWeights({ blue: 40, green: 60 });
    assert.match(await clone.must("preview"), /TrafficReturn traffic-return update/);
    assert.match(await clone.up(), /returned from greenWeight 60 to 0/);
    assert.equal(await liveWeight(), 0);
  });

  it("is refused after an up that went around the plan, with the way out named", async () => {
    await setWeight(30);
    await clone.must("up", "--yes", "--skip-preview", "--target", "**LocalListener**");
    const { code, output } = await clone.pulumi("preview");
    assert.notEqual(code, 0, output);
    for (const each of [/--target/, /weight 30 instead of 0/, /acceptTargeted/]) assert.match(output, each);
    await setWeight(0);
    await clone.must("up", "--yes", "--skip-preview", "--target", "**LocalListener**");
    await clone.up();
    assert.equal(await liveWeight(), 0);
  });
});
