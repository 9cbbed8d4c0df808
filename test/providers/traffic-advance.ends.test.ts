import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { provider } from "../../infra/providers/traffic-advance/provider";
import { thisOwner } from "../../infra/providers/traffic/mark";
import { walkTags } from "../../infra/providers/traffic/tags";
import { declaring, Scene } from "../support/traffic";

const tagsOf = (id: string, from: number, to: number, owner: string, beat = new Date()) => ({
  [walkTags.walk]: id,
  [walkTags.from]: String(from),
  [walkTags.to]: String(to),
  [walkTags.owner]: owner,
  [walkTags.beat]: beat.toISOString(),
});

/** A process of this machine that has ended: no boot had this id. */
const dead = `${hostname()}/1/0-0-0-0/1`;

describe("TrafficAdvance that is ended from outside", function () {
  this.timeout(180_000);
  let scene: Scene;
  afterEach(() => scene.strike());
  after(() => Scene.close());

  const setTraffic = (green: number, tags: Record<string, string | null> = {}) =>
    scene.balancer.client.modifyListener({ weights: { blue: 100 - green, green }, tags });
  const plain = { greenWeight: 0, tags: {} };

  it("puts the weights back when the engine that started it was killed, and ends", async () => {
    scene = await Scene.set(0);
    const walker = await scene.walkerWithEngine(scene.inputs(declaring(100)), scene.state(declaring(0)));
    await scene.under(async () => {
      await scene.untilWeight(25);
      await walker.kill();
      await scene.until("the weights are back", async () => (await scene.live()).greenWeight === 0);
      await scene.until("it has ended", () => Promise.resolve(!walker.isRunning()));
    });
    assert.deepEqual(await scene.live(), plain);
    const ended = (await scene.records()).at(-1);
    assert.equal(ended?.outcome, "returned");
    assert.match(ended.error ?? "", /the pulumi that asked for it is gone; greenWeight is back at 0$/);
  });

  it("puts the weights back when its process is told to end, and then ends by that signal", async () => {
    scene = await Scene.set(0);
    const walker = scene.walker(scene.inputs(declaring(100)), scene.state(declaring(0)));
    await scene.under(async () => {
      await scene.untilWeight(25);
      await walker.end("SIGTERM");
    });
    assert.deepEqual(await walker.exit, [null, "SIGTERM"]);
    assert.match((await walker.told)?.message ?? "", /told to end \(SIGTERM\); greenWeight is back at 0$/);
    assert.deepEqual(await scene.live(), plain);
  });

  it("is taken up by the next run when it was killed: what it had reached is baked first", async () => {
    scene = await Scene.set(0);
    const declared = declaring(100);
    const walker = scene.walker(scene.inputs(declared), scene.state(declaring(0)));
    const { result } = await scene.under(async () => {
      await scene.untilWeight(25);
      await walker.end("SIGKILL");
      assert.equal((await scene.live()).greenWeight, 25);
      assert.deepEqual(await provider.diff(scene.state(declared), scene.inputs(declared), "advance"), {
        changes: true,
      });
      return scene.advance(scene.inputs(declared));
    });
    assert.equal(result.failure, undefined);
    assert.deepEqual(
      result.lastWalk?.steps.map(({ greenWeight }) => greenWeight),
      [25, 50, 100],
    );
    assert.deepEqual(scene.weightsSet(), [10, 25, 50, 100]);
    assert.deepEqual(await scene.live(), { greenWeight: 100, tags: {} });
  });

  it("goes back at once when it was killed and the config reverted", async () => {
    scene = await Scene.set(0);
    const walker = scene.walker(scene.inputs(declaring(100)), scene.state(declaring(0)));
    await scene.under(async () => {
      await scene.untilWeight(25);
      await walker.end("SIGKILL");
    });
    const { failure, lastWalk } = await scene.advance(scene.inputs(declaring(0)));
    assert.equal(failure, undefined);
    assert.deepEqual([lastWalk?.kind, lastWalk?.from, lastWalk?.to], ["return", 25, 0]);
    assert.deepEqual(await scene.live(), plain);
  });

  it("bakes what a killed walk had reached even where that is what is declared, and goes back to where that began", async () => {
    scene = await Scene.set(0, { green: "errors" });
    await setTraffic(100, tagsOf("1@then", 0, 100, dead));
    const { result } = await scene.under(() => scene.advance(scene.inputs(declaring(100))));
    assert.match(result.failure ?? "", /step 1 of 1, greenWeight 100: fail .* greenWeight is back at 0$/);
    assert.deepEqual(await scene.live(), plain);
  });

  it("doesn't wait for a green that a killed walk left with traffic, and that died since", async () => {
    scene = await Scene.set(0);
    await setTraffic(50, tagsOf("1@then", 0, 100, dead));
    await scene.crash("green");
    const { result } = await scene.under(() => scene.advance(scene.inputs(declaring(100)), { readyWithin: 60_000 }));
    assert.match(result.failure ?? "", /greenWeight 50: fail .* green fails 100 % .* greenWeight is back at 0$/);
    assert.deepEqual(scene.weightsSet(), [50, 0]);
  });

  it("goes back first when a killed walk went elsewhere", async () => {
    scene = await Scene.set(0);
    await setTraffic(50, tagsOf("1@then", 0, 100, dead));
    const plan = { bake: 300, steps: [10, 25, 100] };
    const { result } = await scene.under(() => scene.advance(scene.inputs(declaring(25, plan))));
    assert.equal(result.failure, undefined);
    assert.deepEqual(scene.weightsSet(), [50, 0, 10, 25]);
  });

  it("is refused while another walk is there, naming host, process, time and command", async () => {
    scene = await Scene.set(0);
    const since = new Date().toISOString();
    await setTraffic(25, tagsOf(`1@${since}`, 0, 100, thisOwner()));
    await assert.rejects(scene.advance(scene.inputs(declaring(100))), (error: Error) => {
      for (const part of [hostname(), `process ${process.pid}`, since, "npm run abort", "from greenWeight 0 to 100"])
        assert.ok(error.message.includes(part), error.message);
      return true;
    });
    assert.equal((await scene.live()).greenWeight, 25);
    assert.deepEqual(scene.weightsSet(), [25]);
  });

  it("takes a walk of another machine for ended only when it has long been silent", async () => {
    scene = await Scene.set(0);
    await setTraffic(0, tagsOf("1@then", 0, 100, "elsewhere/7/1", new Date(Date.now() - 60_000)));
    await assert.rejects(scene.advance(scene.inputs(declaring(100))), /elsewhere, process 7/);
    await setTraffic(0, tagsOf("1@then", 0, 100, "elsewhere/7/1", new Date(Date.now() - 3_600_000)));
    assert.equal((await scene.advance(scene.inputs(declaring(0)))).failure, undefined);
    assert.deepEqual(await scene.live(), plain);
  });

  it("lets one of two that begin at the same time walk, and refuses the other", async () => {
    scene = await Scene.set(0);
    const { result } = await scene.under(() =>
      Promise.allSettled([1, 2].map(() => scene.advance(scene.inputs(declaring(50, { bake: 500 }))))),
    );
    const refused = result.flatMap((each) => (each.status === "rejected" ? [String(each.reason)] : []));
    assert.equal(refused.length, 1);
    assert.match(refused[0] ?? "", /is on the listener, so nothing was begun/);
    assert.deepEqual(scene.weightsSet(), [10, 25, 50]);
    const outcomes = (await scene.records()).flatMap(({ outcome }) => outcome ?? []);
    assert.deepEqual(
      outcomes.filter((outcome) => outcome !== "not begun"),
      ["arrived"],
    );
  });

  it("doesn't begin an advance that can't be recorded, and returns all the same", async () => {
    scene = await Scene.set(0);
    // A file where the folder should be: not even root can write into that.
    await writeFile(join(scene.folder, "store"), "");
    await assert.rejects(scene.advance(scene.inputs(declaring(100))), /nothing was begun, because .* can't be stored/);
    assert.deepEqual(scene.weightsSet(), []);

    await setTraffic(40);
    const { failure, lastWalk } = await scene.advance(scene.inputs(declaring(0)));
    assert.equal(failure, undefined);
    assert.deepEqual([lastWalk?.kind, lastWalk?.record], ["return", undefined]);
    assert.deepEqual(await scene.live(), plain);
    assert.ok(
      scene.said.some((line) => /could not be stored at .*records.*"from":40/.test(line)),
      scene.said.join("\n"),
    );
  });

  it("has nothing to do before the first deployment, nor where the weights are as declared", async () => {
    scene = await Scene.set(30);
    assert.deepEqual(await scene.advance(scene.inputs(declaring(30), declaring(30))), { greenWeight: 30 });
    await scene.balancer.client.deleteListener();
    assert.deepEqual(await scene.advance(scene.inputs(declaring(0))), { greenWeight: 0 });
    assert.deepEqual(await scene.records(), []);
  });

  it("shows at preview what is live, and compares with state what can't be read", async () => {
    scene = await Scene.set(0);
    const news = scene.inputs(declaring(0));
    const changes = async () => (await provider.diff(scene.state(declaring(0)), news, "advance")).changes;
    assert.equal(await changes(), false);
    await setTraffic(25);
    assert.equal(await changes(), true);
    await setTraffic(0, tagsOf("1@then", 0, 100, dead));
    assert.equal(await changes(), true);
    await setTraffic(0, { [walkTags.walk]: null });
    assert.equal(await changes(), false);
    await setTraffic(25);
    const gone = { ...scene.state(declaring(0)), traffic: { ...news.traffic, adminPort: 1 } };
    assert.deepEqual(await provider.diff(gone, gone, "advance"), { changes: false });
  });

  it("stops before anything where the plan holds it", async () => {
    scene = await Scene.set(0);
    const news = { ...scene.inputs(declaring(100)), hold: ["the schema is not reached"] };
    await assert.rejects(async () => provider.create(news), /^Error: the schema is not reached$/);
    assert.deepEqual(scene.weightsSet(), []);
  });
});
