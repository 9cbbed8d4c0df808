import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { isRunning } from "../../infra/platform/local/process/identity";
import { eventually } from "../support/pages";
import { leaveAsleep, nameOf, WalkingClone, type Place, type Walking } from "../support/walking";

const full = process.env.SWITCHYARD_INTERRUPTS === "full";
/** For how long weights are looked at after whoever was left behind might write, in ms. */
const aftermathMs = full ? 60_000 : 3_000;

/** Ten places of a walk that takes about 12 s; or those that are named. */
const places = (...few: number[]): Place[] =>
  full ? Array.from({ length: 10 }, (_, second) => ({ seconds: second + 0.5 })) : few.map((weight) => ({ weight }));

/**
 * Each interruption of a walk from greenWeight 0 to 100, on the real engine. One stack; each test leaves it at 0, and nothing
 * differs then. SWITCHYARD_INTERRUPTS=full interrupts each walk at ten places.
 */
describe("a walk that is interrupted", function () {
  this.timeout(900_000);
  let clone: WalkingClone;

  before(async () => {
    clone = new WalkingClone();
    // Long enough for a command to look at the walk before it is over, on a machine that has much else to do.
    await clone.begin("2s");
  });
  afterEach(async function () {
    if (this.currentTest?.state === "failed") await clone.recover();
  });
  after(() => clone.dispose());

  /** Interrupts a walk at each place, looks at what comes of it, and reverts the config. */
  function each(what: string, at: Place[], act: (up: Walking) => Promise<void>): void {
    for (const place of at)
      it(`${what}: ${nameOf(place)}`, async () => {
        const up = await clone.walkTo(place);
        await act(up);
        await clone.revert();
        assert.ok(!isRunning(up.cli) && !isRunning(up.provider), "nothing of the up is left");
      });
  }

  async function unlocked(): Promise<string> {
    const refused = await clone.pulumi("up", "--yes", "--skip-preview");
    assert.match(refused.output, /currently locked/);
    const { code, output } = await clone.command("unlock");
    assert.equal(code, 0, output);
    assert.match(output, /process \d+, since .* is cleared: .*pulumi preview/s);
    return output;
  }

  async function goesOn(up: Walking): Promise<void> {
    const { output } = await up.ended;
    assert.match(output, /greenWeight 100: baked/);
    await clone.settlesAt(100);
  }

  each("one Ctrl-C waits for the walk, which goes on to its end", places(25), async (up) => {
    up.signal("SIGINT", up.cli);
    await goesOn(up);
  });

  each("SIGTERM to the process that was started does what one Ctrl-C does", places(10), async (up) => {
    up.signal("SIGTERM", up.cli);
    await goesOn(up);
  });

  each("pulumi cancel beside it takes the lock away, and the walk goes on to its end", places(25), async (up) => {
    await clone.must("cancel", "--yes");
    await goesOn(up);
  });

  each("a second Ctrl-C puts the weights back", places(50), async (up) => {
    up.signal("SIGINT", up.cli);
    // Two at once would be one.
    await eventually("the engine has taken note", () => /cancel/i.test(up.output()));
    up.signal("SIGINT", up.cli);
    await clone.settlesAt(0);
    assert.notEqual((await up.ended).code, 0);
  });

  each("npm run abort puts the weights back, and the up fails", places(10), async (up) => {
    const { code, output } = await clone.command("abort");
    const ended = await up.ended;
    if (full && code === 4) {
      // It was there before the command had begun to look: nothing is left to end, and going back is a return.
      assert.equal(ended.code, 0, ended.output);
      await clone.settlesAt(100);
      return;
    }
    assert.equal(code, 0, output);
    assert.match(output, /is aborted; greenWeight is 0 again/);
    assert.notEqual(ended.code, 0);
    assert.match(ended.output, /its end was asked for \(npm run abort\); greenWeight is back at 0/);
    const again = await clone.command("abort", "--json");
    assert.equal(again.code, 4);
    assert.equal((JSON.parse(again.output) as { outcome: string }).outcome, "nothing");
  });

  each("kill -9 of the engine puts the weights back; the lock is cleared then, not before", places(10), async (up) => {
    const early = await clone.command("unlock");
    assert.equal(early.code, 3, early.output);
    assert.match(early.output, new RegExp(`process ${up.cli.pid}, since .* the lock stays: .* runs .*npm run abort`));
    up.signal("SIGKILL", up.cli);
    await clone.settlesAt(0);
    await unlocked();
  });

  each("kill -9 of the provider leaves the weights, and the next up puts them back", places(25), async (up) => {
    up.signal("SIGKILL", up.provider);
    assert.notEqual((await up.ended).code, 0);
    const { weight } = await clone.live();
    assert.ok(weight > 0 || full);
    assert.match(await clone.must("preview"), /was left behind/);
  });

  each("kill -9 of both leaves weights and lock, and the next up goes back", places(25), async (up) => {
    up.signal("SIGKILL", up.cli, up.provider);
    assert.match(await unlocked(), /was left behind at greenWeight \d+/);
  });

  each("kill -9 of both: npm run abort goes back at once", places(50), async (up) => {
    up.signal("SIGKILL", up.cli, up.provider);
    const { code, output } = await clone.command("abort");
    assert.equal(code, 0, output);
    assert.match(output, /left behind by a process that is gone; greenWeight is 0 again/);
    await unlocked();
  });

  describe("and left behind while another up goes on", () => {
    each("a return is never undone by a walk that wakes up after it", places(50), async (up) => {
      leaveAsleep(up);
      // It may have looked in that very moment; then it sleeps, or has ended, with its weights put back.
      const walks = (await clone.live()).walk !== undefined;
      const { code, output } = await clone.command("unlock");
      assert.equal(code, walks ? 3 : 0, output);
      if (walks) {
        assert.match(
          output,
          new RegExp(`the lock stays: walk .*process ${up.provider.pid}, since .*npm run abort`, "s"),
        );
        await clone.must("cancel", "--yes");
      }
      clone.declare(0);
      await clone.up();
      assert.deepEqual(await clone.live(), { weight: 0, walk: undefined });
      const seen = clone.watch();
      if (isRunning(up.provider)) up.signal("SIGCONT", up.provider);
      await eventually("the walk has ended", () => !isRunning(up.provider));
      await delay(aftermathMs);
      assert.deepEqual(await seen(), [0]);
    });

    each("a return that begins at once ends it for good", places(25), async (up) => {
      const seen = clone.watch();
      up.signal("SIGKILL", up.cli);
      await clone.must("cancel", "--yes");
      clone.declare(0);
      const { code, output } = await clone.startUp().ended;
      assert.equal(code, 0, output);
      await delay(aftermathMs);
      assert.deepEqual(await clone.live(), { weight: 0, walk: undefined });
      const weights = await seen();
      assert.deepEqual(weights.slice(weights.indexOf(0)), [0]);
      assert.ok(!isRunning(up.provider));
    });

    each(
      "a return beside an up that pulumi cancel has left without its lock has the last word",
      places(10),
      async (up) => {
        const seen = clone.watch();
        await clone.must("cancel", "--yes");
        clone.declare(0);
        const { code, output } = await clone.startUp().ended;
        assert.equal(code, 0, output);
        await up.ended;
        await delay(aftermathMs);
        assert.deepEqual(await clone.live(), { weight: 0, walk: undefined });
        const weights = await seen();
        assert.deepEqual(weights.slice(weights.indexOf(0)), [0]);
        // Both wrote the state: what it says is what the return left, or this would be a change.
        await clone.must("preview", "--expect-no-changes");
      },
    );

    each("an advance that begins at once walks to its end, alone", places(25), async (up) => {
      const seen = clone.watch();
      up.signal("SIGKILL", up.cli);
      await clone.must("cancel", "--yes");
      const { code, output } = await clone.startUp().ended;
      assert.equal(code, 0, output);
      await delay(aftermathMs);
      assert.deepEqual(await clone.live(), { weight: 100, walk: undefined });
      const weights = await seen();
      // The first one goes back before the second begins, and changes nothing afterwards.
      assert.deepEqual(weights.slice(weights.indexOf(0)), [0, 10, 25, 50, 100]);
      assert.ok(!isRunning(up.provider));
    });
  });
});
