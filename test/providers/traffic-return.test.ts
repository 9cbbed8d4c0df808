import assert from "node:assert/strict";
import { join } from "node:path";
import { PartialFailure } from "../../infra/providers/contract";
import { walkTags } from "../../infra/providers/traffic/tags";
import { provider } from "../../infra/providers/traffic-return/provider";
import type { TrafficReturnInputs, TrafficReturnState } from "../../infra/providers/traffic-return/resource";
import type { Declared } from "../../infra/rollout/types";
import {
  startBackend,
  startBalancer,
  stateFolder,
  token,
  until,
  untilHealthy,
  type Backend,
  type RunningBalancer,
} from "../support/balancer";
import { first, release, Stack } from "../unit/rollout/given";

const both: Declared = { ...first, releases: { ...first.releases, green: release("B", "0002") } };
const shifted: Declared = { ...both, weight: 100 };

describe("TrafficReturn", function () {
  this.timeout(120_000);
  let folder: Awaited<ReturnType<typeof stateFolder>>;
  let balancer: RunningBalancer;
  let backends: Record<"blue" | "green", Backend>;

  before(async () => {
    folder = await stateFolder();
    balancer = await startBalancer(folder.path);
    backends = { blue: await startBackend("blue"), green: await startBackend("green") };
    await balancer.client.createListener({ port: 0, weights: { blue: 100, green: 0 } });
    for (const colour of ["blue", "green"] as const)
      await balancer.client.registerTarget(colour, {
        id: `${colour}-1`,
        host: "127.0.0.1",
        port: backends[colour].port,
      });
    await untilHealthy(balancer.client);
  });
  after(async () => {
    await balancer.end("SIGTERM");
    await Promise.all([backends.blue.close(), backends.green.close()]);
    await folder.clear();
  });

  const setWeight = (green: number, tags?: Record<string, string | null>) =>
    balancer.client.modifyListener({ weights: { blue: 100 - green, green }, ...(tags && { tags }) });
  const live = async () => (await balancer.client.state()).production;

  /** The inputs of an `up` of `declared` after these; the last of them failed where `failed` says so. */
  function inputs(declared: Declared, history: Declared[], failed: Declared[] = []): TrafficReturnInputs {
    const stack = Stack.settledOn(...history);
    for (const each of failed) stack.fail(each);
    stack.fail(declared);
    const { settled, attempts } = stack.memory;
    const store = { kind: "local" as const, folder: join(folder.path, "store") };
    const traffic = { kind: "local" as const, adminPort: balancer.adminPort, token };
    return { declared, ...(settled && { settled }), attempts: [...attempts], traffic, store, hold: [] };
  }
  const stateOf = (news: TrafficReturnInputs): TrafficReturnState => ({ ...news, greenWeight: 0 });
  const changes = async (news: TrafficReturnInputs) => (await provider.diff(stateOf(news), news, "return")).changes;
  const up = (news: TrafficReturnInputs) => provider.update(stateOf(news), news, "return");

  it("shows a return at preview, and makes it at once, wherever a failed walk left the weights", async () => {
    for (const where of [10, 55, 100]) {
      await setWeight(where);
      const news = inputs(both, [both], [shifted]);
      assert.equal(await changes(news), true);
      assert.equal((await up(news)).greenWeight, 0);
      assert.deepEqual((await live())?.weights, { blue: 100, green: 0 });
      assert.equal(await changes(news), false);
    }
  });

  it("leaves an advance to the walk", async () => {
    await setWeight(0);
    const news = inputs(shifted, [both]);
    assert.equal(await changes(news), false);
    assert.equal((await up(news)).greenWeight, 0);
  });

  it("leaves the weights alone where the release was replaced since: that is an advance", async () => {
    await setWeight(100);
    const replaced = { ...shifted, releases: { ...both.releases, blue: release("C", "0002") } };
    const back = { ...replaced, weight: 0 };
    assert.equal(await changes(inputs(back, [both, shifted, replaced])), false);
  });

  it("takes the walk's tag away, so that a walk left behind ends", async () => {
    await setWeight(40, { [walkTags.walk]: "walk-1", [walkTags.from]: "0" });
    await up(inputs(both, [both], [shifted]));
    assert.equal((await live())?.tags[walkTags.walk], undefined);
  });

  it("returns to a colour that isn't ready but alive, as it is while the database is down", async () => {
    await setWeight(100);
    backends.blue.healthStatus = 503;
    await until("blue is unhealthy", async () => {
      const [target] = (await balancer.client.state()).targets.blue;
      return target?.health.state === "unhealthy";
    });
    assert.equal((await up(inputs(both, [both], [shifted]))).greenWeight, 0);
    backends.blue.healthStatus = 200;
    await untilHealthy(balancer.client);
  });

  it("doesn't send traffic to a colour of which no copy is there; that comes when it runs again", async () => {
    await setWeight(100);
    await balancer.client.deregisterTarget("blue", "blue-1", 0);
    assert.equal((await up(inputs(both, [both], [shifted]))).greenWeight, 100);
    await balancer.client.registerTarget("blue", { id: "blue-1", host: "127.0.0.1", port: backends.blue.port });
    await untilHealthy(balancer.client);
  });

  it("returns first, then stops where the plan holds the rest, with the reasons", async () => {
    await setWeight(100);
    const news = { ...inputs(both, [both], [shifted]), hold: ["blue.count: found 0; expected 1"] };
    assert.equal(await changes(news), true);
    await assert.rejects(up(news), (error) => {
      assert.ok(error instanceof PartialFailure);
      assert.match(error.message, /greenWeight 0\. Nothing else was begun:\nblue\.count/);
      return true;
    });
    assert.deepEqual((await live())?.weights, { blue: 100, green: 0 });
  });

  it("has nothing to do before anything has settled", async () => {
    const { traffic, settled, ...news } = inputs(first, []);
    assert.ok(traffic !== undefined && settled === undefined);
    assert.equal(await changes(news), false);
    assert.equal((await up(news)).greenWeight, undefined);
  });

  it("goes on without a listener that can't be reached, and shows at preview what state remembers", async () => {
    const news = { ...inputs(both, [both], [shifted]), traffic: { kind: "local" as const, adminPort: 1, token } };
    assert.equal((await provider.diff({ ...stateOf(news), greenWeight: 25 }, news, "return")).changes, true);
    assert.equal(await changes(news), false);
    assert.equal((await up(news)).greenWeight, undefined);
  });
});
