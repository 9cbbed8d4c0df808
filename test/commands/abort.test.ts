import assert from "node:assert/strict";
import { CommandError } from "../../infra/commands/say";
import { endWalk } from "../../infra/commands/walk-end";
import { localTraffic } from "../../infra/platform/local/traffic";
import { systemClock } from "../../infra/providers/traffic/clock";
import { markIn } from "../../infra/providers/traffic/mark";
import { walkTags } from "../../infra/providers/traffic/tags";
import { token } from "../support/balancer";
import { declaring, Scene } from "../support/traffic";

/** The command itself, on a real stack, is tested with the other interruptions of a walk. */
describe("npm run abort", function () {
  this.timeout(180_000);
  let scene: Scene;
  let said: string[];

  beforeEach(async () => {
    scene = await Scene.set(0);
    said = [];
  });
  afterEach(() => scene.strike());
  after(() => Scene.close());

  const traffic = () => localTraffic({ kind: "local", adminPort: scene.balancer.adminPort, token });
  const end = (patience?: number) =>
    endWalk(traffic(), { clock: systemClock, say: (line) => said.push(line), ...(patience && { patience }) });

  /** A walk towards green in a process of its own; without requests it stays at its first step. */
  async function walkTo10() {
    const walker = scene.walker(scene.inputs(declaring(100)), scene.state(declaring(0)));
    await scene.untilWeight(10);
    const { tags = {} } = await scene.live();
    const mark = markIn(tags);
    assert.ok(mark?.owner);
    return { ...walker, mark, pid: mark.owner.process.pid };
  }

  it("ends a walk in another process, which puts its weights back", async () => {
    const { mark, told } = await walkTo10();
    const { outcome, greenWeight, walk } = await end();
    assert.deepEqual([outcome, greenWeight, walk?.id], ["aborted", 0, mark.id]);
    assert.match(said.join("\n"), /^asked walk .* from greenWeight 0 to 100 \(.*process \d+, since .*\) to end$/);
    assert.deepEqual(await scene.live(), { greenWeight: 0, tags: {} });
    assert.match((await told)?.message ?? "", /its end was asked for \(npm run abort\); greenWeight is back at 0$/);
  });

  it("finds nothing to end where nobody walks, and where there is no listener", async () => {
    assert.deepEqual(await end(), { outcome: "nothing", greenWeight: 0 });
    await scene.balancer.client.deleteListener();
    assert.deepEqual(await end(), { outcome: "nothing", greenWeight: undefined });
  });

  it("puts the weights back itself where the walking process was killed", async () => {
    const walker = await walkTo10();
    await walker.end("SIGKILL");
    const { outcome, greenWeight } = await end();
    assert.deepEqual([outcome, greenWeight], ["put back", 0]);
    assert.deepEqual(await scene.live(), { greenWeight: 0, tags: {} });
  });

  it("puts them back to where the walk began from wherever they are by then", async () => {
    const walker = await walkTo10();
    await walker.end("SIGKILL");
    await scene.balancer.client.setWeights({ blue: 60, green: 40 });
    assert.equal((await end()).outcome, "put back");
    assert.deepEqual(await scene.live(), { greenWeight: 0, tags: {} });
  });

  it("shifts nothing onto a colour that doesn't answer, and leaves the mark for the next up", async () => {
    const walker = await walkTo10();
    await walker.end("SIGKILL");
    await scene.crash("blue");
    await scene.until("blue is found dead", async () => (await traffic().read())?.targets.blue.alive === 0);
    await assert.rejects(end(), (error: Error) => {
      assert.ok(error instanceof CommandError);
      assert.match(
        error.message,
        /^no process of blue answers, so traffic stays at greenWeight 10 instead of going back to 0/,
      );
      return true;
    });
    const { greenWeight, tags } = await scene.live();
    assert.deepEqual([greenWeight, tags?.[walkTags.walk]], [10, walker.mark.id]);
  });

  it("says which process hangs when the walk doesn't end; that one's death lets the next abort go back", async () => {
    const walker = await walkTo10();
    process.kill(walker.pid, "SIGSTOP");
    await assert.rejects(end(500), (error: Error) => {
      assert.ok(error instanceof CommandError);
      assert.ok(error.message.includes(`(kill -9 ${walker.pid})`), error.message);
      assert.match(error.message, /greenWeight is 10/);
      return true;
    });
    await walker.end("SIGKILL");
    assert.equal((await end()).outcome, "put back");
  });

  it("a walk that hung ends as soon as it goes on, when it was asked to meanwhile", async () => {
    const walker = await walkTo10();
    process.kill(walker.pid, "SIGSTOP");
    const ending = end();
    await scene.until("it is asked", async () => (await scene.live()).tags?.[walkTags.abort] === walker.mark.id);
    process.kill(walker.pid, "SIGCONT");
    assert.equal((await ending).outcome, "aborted");
  });

  it("tells a walk that arrived meanwhile from one that was aborted, and one that stayed where it was", async () => {
    for (const [greenWeight, outcome] of [
      [100, "arrived"],
      [25, "stayed"],
    ] as const) {
      const tags = { [walkTags.walk]: `${outcome}@now`, [walkTags.from]: "0", [walkTags.to]: "100" };
      await scene.balancer.client.setTags(tags);
      const ending = end();
      await scene.until("it is asked", async () => (await scene.live()).tags?.[walkTags.abort] !== undefined);
      const none = Object.fromEntries(Object.values(walkTags).map((key) => [key, null]));
      await traffic().change({ greenWeight, tags: none });
      assert.equal((await ending).outcome, outcome);
    }
  });

  it("says so where the balancer can't be asked", async () => {
    await scene.stopBalancer();
    try {
      await assert.rejects(
        end(),
        /^Error: the listener can't be asked, so nobody can tell who walks: The balancer can't be/,
      );
    } finally {
      await scene.restartBalancer();
    }
  });
});
