import assert from "node:assert/strict";
import { TrafficMoved, trafficAt, TrafficUnreachable, type Traffic } from "../../infra/platform/traffic";
import { systemClock, type Clock } from "../../infra/providers/traffic/clock";
import type { FenceBroken } from "../../infra/providers/traffic/broken";
import { Fence } from "../../infra/providers/traffic/fence";
import { thisOwner } from "../../infra/providers/traffic/mark";
import { walkTags } from "../../infra/providers/traffic/tags";
import { declaring, Scene } from "../support/traffic";

describe("the fence of a walk", function () {
  this.timeout(120_000);
  let scene: Scene;
  beforeEach(async () => (scene = await Scene.set(0)));
  afterEach(() => scene.strike());
  after(() => Scene.close());

  const claimed = async (traffic: Traffic, patience?: number, clock = systemClock): Promise<Fence> => {
    const live = await traffic.read();
    assert.ok(live);
    const claim = { id: "1@now", owner: thisOwner(), from: 0, to: 100, live: live.greenWeight, replaces: null };
    const engineAlive = () => Promise.resolve(true);
    return Fence.claim(claim, live, { traffic, clock, engineAlive, patience });
  };
  const real = () => trafficAt(scene.inputs(declaring(0)).traffic);

  /** A way to the balancer on which the answer to every second change gets lost, from when it is told to. */
  function forgetful(): { traffic: Traffic; begin: () => void; lost: () => number } {
    const traffic = real();
    let changes = -Infinity;
    let lost = 0;
    return {
      traffic: {
        read: () => traffic.read(),
        async change(change, expect) {
          await traffic.change(change, expect);
          changes += 1;
          if (changes % 2 !== 1) return;
          lost += 1;
          throw new TrafficUnreachable("no answer");
        },
      },
      begin: () => (changes = 0),
      lost: () => lost,
    };
  }

  it("takes a change of its own whose answer got lost for its own", async () => {
    const { traffic, begin, lost } = forgetful();
    const fence = await claimed(traffic);
    for (const weight of [25, 50]) {
      begin();
      await fence.set(weight);
      assert.equal((await scene.live()).greenWeight, weight);
    }
    begin();
    await fence.leave();
    assert.equal(lost(), 3);
    assert.deepEqual(await scene.live(), { greenWeight: 50, tags: {} });
  });

  it("knows that it has put the weights back when only the answer got lost", async () => {
    const { traffic, begin, lost } = forgetful();
    const fence = await claimed(traffic);
    await fence.set(25);
    begin();
    assert.deepEqual(await fence.putBack(), { outcome: "returned" });
    assert.equal(lost(), 1);
    assert.deepEqual(await scene.live(), { greenWeight: 0, tags: {} });
  });

  it("puts back what was being set when it broke", async () => {
    const { traffic, begin } = forgetful();
    const fence = await claimed(traffic);
    begin();
    const set = fence.set(25).catch(() => undefined);
    await scene.untilWeight(25);
    assert.deepEqual(await fence.putBack(), { outcome: "returned" });
    await set;
    assert.deepEqual(await scene.live(), { greenWeight: 0, tags: {} });
  });

  it("gives up on a listener that stays out of reach, and says what it could not put back", async () => {
    const fence = await claimed(real(), 300);
    await fence.set(25);
    await scene.stopBalancer();
    const never = new Promise(() => undefined);
    await assert.rejects(fence.guard(never), (error: FenceBroken) => error.why === "unreachable");
    const { outcome, trouble } = await fence.putBack();
    assert.equal(outcome, "unreachable");
    assert.match(trouble ?? "", /The balancer can't be reached/);
    await scene.restartBalancer();
    assert.equal((await scene.live()).greenWeight, 25);
  });

  it("lets nobody else in until it has left", async () => {
    const fence = await claimed(real());
    await assert.rejects(claimed(real()), TrafficMoved);
    await fence.leave();
    await (await claimed(real())).leave();
  });

  it("goes on saying that it looks", async () => {
    const begun = systemClock.now();
    const fast: Clock = {
      now: () => begun + (systemClock.now() - begun) * 50,
      sleep: (milliseconds, signal) => systemClock.sleep(milliseconds / 50, signal),
    };
    const fence = await claimed(real(), undefined, fast);
    const beat = async () => (await scene.live()).tags?.[walkTags.beat];
    const first = await beat();
    await scene.until("it has said so again", async () => (await beat()) !== first);
    await fence.leave();
    assert.equal(await beat(), undefined);
  });
});
