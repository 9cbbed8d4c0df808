import assert from "node:assert/strict";
import { unknownValue } from "../../infra/providers/contract";
import { provider } from "../../infra/providers/traffic-advance/provider";
import { walkTags } from "../../infra/providers/traffic/tags";
import { declaring, Scene, shortBake } from "../support/traffic";

describe("TrafficAdvance", function () {
  this.timeout(180_000);
  let scene: Scene;
  afterEach(() => scene.strike());
  after(() => Scene.close());

  it("walks a good green from 0 to 100, loses no request, and leaves a record and no tags", async () => {
    scene = await Scene.set(0);
    const { result, load } = await scene.under(() => scene.advance(scene.inputs(declaring(100))));
    assert.equal(result.failure, undefined);
    assert.deepEqual(scene.weightsSet(), [10, 25, 50, 100]);
    assert.deepEqual(
      result.lastWalk?.steps.map(({ verdict }) => verdict),
      ["pass", "pass", "pass", "pass"],
    );
    assert.equal(load.failed, 0);
    assert.equal(load.good, load.sent);
    assert.deepEqual(await scene.live(), { greenWeight: 100, tags: {} });
    const [began, ended] = await scene.records();
    assert.deepEqual([began?.kind, began?.from, began?.to, began?.outcome], ["advance", 0, 100, undefined]);
    assert.deepEqual([ended?.outcome, ended?.greenWeight, ended?.steps?.length], ["arrived", 100, 4]);
    assert.match(ended?.who ?? "", /^.+@.+$/);
    for (const step of ended?.steps ?? []) {
      assert.ok((step.bake?.figures.green.requests ?? 0) >= shortBake.minRequests, JSON.stringify(step));
      assert.equal(step.bake?.figures.green.errors, 0);
    }
  });

  it("walks towards blue by the mirrored steps", async () => {
    scene = await Scene.set(100);
    const before = { ...declaring(100), releases: { ...declaring(0).releases, blue: null } };
    const news = scene.inputs(declaring(0, { bake: 500 }), before);
    const { result } = await scene.under(() => scene.advance(news));
    assert.equal(result.failure, undefined);
    assert.deepEqual(scene.weightsSet(), [90, 75, 50, 0]);
  });

  it("sets the old weights again when green fails 2 % of its requests, and says so in one line", async () => {
    scene = await Scene.set(0, { green: "errors" });
    const { result } = await scene.under(() => scene.advance(scene.inputs(declaring(100))));
    assert.match(
      result.failure ?? "",
      /^the walk from greenWeight 0 to 100 ended: step \d of 4, .*: fail after .*: green fails [\d.]+ % of its requests, above errorRate 0.1 %; greenWeight is back at 0$/,
    );
    assert.deepEqual(await scene.live(), { greenWeight: 0, tags: {} });
    assert.equal(scene.weightsSet().at(-1), 0);
    const ended = (await scene.records()).at(-1);
    assert.deepEqual([ended?.outcome, ended?.error], ["returned", result.failure]);
  });

  it("sets the old weights again when green takes 3 s to answer", async () => {
    scene = await Scene.set(0, { green: "slow" });
    const { result } = await scene.under(() => scene.advance(scene.inputs(declaring(100))), { concurrency: 200 });
    assert.match(result.failure ?? "", /slower than p95 1 s, which 5 % may be; greenWeight is back at 0$/);
    assert.deepEqual(scene.weightsSet(), [10, 0]);
  });

  it("sets the old weights again when green dies at 25 %", async () => {
    scene = await Scene.set(0);
    const { result } = await scene.under(async () => {
      const walked = scene.advance(scene.inputs(declaring(100)));
      await scene.untilWeight(25);
      await scene.crash("green");
      return walked;
    });
    assert.match(result.failure ?? "", /step 2 of 4, greenWeight 25: fail .* greenWeight is back at 0$/);
    assert.deepEqual(scene.weightsSet(), [10, 25, 0]);
  });

  it("gives green nothing while it doesn't get healthy", async () => {
    scene = await Scene.set(0, { green: "sick" });
    const { result } = await scene.under(() => scene.advance(scene.inputs(declaring(100))));
    assert.match(
      result.failure ?? "",
      /after 1s 0 of green's 1 targets are healthy, and 1 are needed; greenWeight is back at 0$/,
    );
    assert.deepEqual(scene.weightsSet(), []);
    assert.deepEqual(await scene.live(), { greenWeight: 0, tags: {} });
  });

  it("refuses at preview to give green traffic with fewer copies than blue, names the key, and never does it", async () => {
    scene = await Scene.set(0);
    const more = (weight: number) => {
      const declared = declaring(weight);
      const { blue } = declared.releases;
      return { ...declared, releases: { ...declared.releases, blue: blue && { ...blue, count: 2 } } };
    };
    const news = scene.inputs(more(100), more(0));
    const message = /green.count is 1, and blue runs 2.*pulumi config set --path switchyard:green.count 2/;
    assert.match((await provider.check?.(news, undefined))?.join() ?? "", message);
    assert.match((await scene.advance(news)).failure ?? "", message);
    assert.deepEqual(scene.weightsSet(), []);

    assert.deepEqual(await provider.check?.(scene.inputs(more(0), more(0)), undefined), []);
    assert.deepEqual(await provider.check?.(scene.inputs(declaring(100)), undefined), []);
    assert.deepEqual(await provider.check?.({ ...news, attempts: unknownValue as never }, undefined), []);
  });

  it("takes no requests at all for nothing seen: back at maxBake, or on where config says so", async () => {
    scene = await Scene.set(0);
    const plan = { bake: 300, maxBake: 600, steps: [50, 100] };
    const { failure } = await scene.advance(scene.inputs(declaring(100, plan)));
    assert.match(
      failure ?? "",
      /insufficient after .*: 0 requests on green, fewer than minRequests 15; greenWeight is back/,
    );
    assert.deepEqual(scene.weightsSet(), [50, 0]);

    const on = await scene.advance(scene.inputs(declaring(100, { ...plan, onInsufficient: "advance" })));
    assert.equal(on.failure, undefined);
    assert.deepEqual(scene.weightsSet(), [50, 0, 50, 100]);
  });

  it("goes back from a green that died unasked, even where config says to walk on without having seen enough", async () => {
    scene = await Scene.set(0);
    const plan = { bake: 300, maxBake: 1_000, steps: [100], onInsufficient: "advance" as const };
    const walked = scene.advance(scene.inputs(declaring(100, plan)));
    await scene.untilWeight(100);
    await scene.crash("green");
    assert.match((await walked).failure ?? "", /none of green's 1 targets is healthy.*greenWeight is back at 0$/);
  });

  it("leaves traffic where it is when blue is gone too, and says so", async () => {
    scene = await Scene.set(0);
    const { result } = await scene.under(async () => {
      const walked = scene.advance(scene.inputs(declaring(100)));
      await scene.untilWeight(25);
      await scene.crash("blue");
      await scene.until("blue is found dead", async () =>
        (await scene.balancer.client.state()).targets.blue.every(({ health }) => health.state === "unhealthy"),
      );
      await scene.crash("green");
      return walked;
    });
    assert.match(result.failure ?? "", /greenWeight stays at 25, because no process of blue answers$/);
    assert.deepEqual([result.greenWeight, result.lastWalk?.outcome], [25, "stayed"]);
    assert.deepEqual(await scene.live(), { greenWeight: 25, tags: {} });
  });

  it("bakes anew when the balancer was restarted, and keeps the walk", async () => {
    scene = await Scene.set(0);
    const { result } = await scene.under(async () => {
      const walked = scene.advance(scene.inputs(declaring(100, { steps: [100], bake: 2_000 })));
      const seen = async () => (await scene.balancer.client.snapshot()).green.requests;
      const before = await seen();
      // By then settling, a second at most, is over.
      await scene.until("it bakes", async () => (await seen()) > before + 500);
      await scene.restartBalancer();
      return walked;
    });
    assert.equal(result.failure, undefined, scene.said.join("\n"));
    assert.ok(
      scene.said.some((line) => line.includes("begin anew")),
      scene.said.join("\n"),
    );
    assert.deepEqual(await scene.live(), { greenWeight: 100, tags: {} });
  });

  it("puts the weights back when somebody asks for its end, and says so", async () => {
    scene = await Scene.set(0);
    const { result } = await scene.under(async () => {
      const walked = scene.advance(scene.inputs(declaring(100)));
      await scene.untilWeight(25);
      const id = (await scene.live()).tags?.[walkTags.walk] ?? "";
      await scene.balancer.client.setTags({ [walkTags.abort]: id });
      return walked;
    });
    assert.match(result.failure ?? "", /its end was asked for \(npm run abort\); greenWeight is back at 0$/);
    assert.deepEqual(await scene.live(), { greenWeight: 0, tags: {} });
  });

  it("heeds no abort that was meant for another walk", async () => {
    scene = await Scene.set(0);
    await scene.balancer.client.setTags({ [walkTags.abort]: "another" });
    const { result } = await scene.under(() => scene.advance(scene.inputs(declaring(10, { bake: 300 }))));
    assert.equal(result.failure, undefined);
  });

  it("ends in the middle of a bake, without touching anything, when somebody else moves the weights", async () => {
    scene = await Scene.set(0);
    const { result } = await scene.under(async () => {
      const walked = scene.advance(scene.inputs(declaring(100, { bake: 120_000, maxBake: 120_000, steps: [25, 100] })));
      await scene.untilWeight(25);
      await scene.balancer.client.setWeights({ blue: 60, green: 40 });
      return walked;
    });
    assert.match(result.failure ?? "", /the weights were left alone: somebody else took over .* greenWeight is 40/);
    assert.equal((await scene.live()).greenWeight, 40);
    assert.deepEqual(scene.weightsSet(), [25, 40]);
  });
});
