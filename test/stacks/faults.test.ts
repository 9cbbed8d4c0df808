import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { load } from "../support/load";
import { eventually } from "../support/pages";
import { RevertingClone } from "../support/reverting";

/**
 * Releases that must not get through, each on the real engine with 300 requests a second: the walk ends at the weights that
 * it began at, says why in one line, and state says what is real. One stack; each test leaves it at greenWeight 0.
 */
describe("a walk to a release that is not good", function () {
  this.timeout(600_000);
  const entry = { entry: "test/support/faulty.cjs", env: { FAULT: "told", FAULT_FILE: "fault" } };
  let clone: RevertingClone;
  let url: string;

  before(async () => {
    clone = new RevertingClone();
    await clone.begin({
      platform: "local",
      greenWeight: "0",
      bake: { bake: "1s", maxBake: "4s", minRequests: 20 },
      blue: { ...entry, version: "1.0.0", schema: "0006" },
      green: { ...entry, version: "1.1.0", schema: "0007" },
      local: { deleteDataOnDestroy: true },
    });
    ({ url } = await clone.outputs());
  });
  after(() => clone.dispose());

  const faultFile = () => join(clone.folder, "fault");

  const liveWeight = async () => (await clone.production()).weights.green;

  /** Asks for all traffic to a green that has this fault. */
  const ship = (fault: string) => {
    const green = { ...entry, version: "1.2.0", schema: "0007", env: { ...entry.env, FAULT: fault } };
    clone.commit({ config: { greenWeight: "100", green } });
  };

  /** Requests go on until the returned function is called. @returns what they met. */
  function traffic() {
    const over = new AbortController();
    const result = load({ url: `${url}/`, rate: 300, concurrency: 64, durationMs: 200_000, signal: over.signal });
    return () => {
      over.abort();
      return result;
    };
  }

  /** What whoever reverts the commit sees: before, preview shows the shift; afterwards nothing. */
  async function revert(): Promise<void> {
    assert.match(await clone.must("preview"), /TrafficAdvance traffic-advance update/);
    clone.revert();
    await clone.up();
    assert.equal(await liveWeight(), 0);
    await clone.must("preview", "--expect-no-changes");
  }

  const cases: { what: string; fault: string; says: RegExp; requests?: boolean }[] = [
    { what: "answers 2 % of its requests with errors", fault: "errors", says: /error/ },
    { what: "takes 3 s for a request", fault: "slow", says: /p95|slow|latency/ },
    { what: "dies on the way", fault: "dies", says: /green/ },
    { what: "gets no traffic at all", fault: "none", says: /insufficient|requests/, requests: false },
  ];
  for (const { what, fault, says, requests = true } of cases)
    it(`ends where it began when the release ${what}`, async () => {
      ship(fault);
      const stop = requests ? traffic() : undefined;
      const { code, output } = await clone.tryUp();
      await stop?.();
      assert.notEqual(code, 0, output);
      assert.equal(await liveWeight(), 0, output);
      const cause = output.split("\n").find((line) => line.includes("error:") && says.test(line));
      assert.ok(cause !== undefined, `no line says why:\n${output}`);
      await revert();
    });

  describe("nor is the other one", () => {
    afterEach(() => rmSync(faultFile(), { force: true }));

    it("ends where it began when both answer 2 % of their requests with errors", async () => {
      ship("told");
      writeFileSync(faultFile(), "errors");
      const stop = traffic();
      const { code, output } = await clone.tryUp();
      await stop();
      assert.notEqual(code, 0, output);
      assert.match(output, /greenWeight is back at 0/);
      await revert();
    });

    it("stays where it is when both die, and goes back as soon as the config is reverted", async () => {
      ship("told");
      const { ended, output } = clone.startUp();
      await eventually("it walks", async () => (await liveWeight()) === 10, 60_000);
      await clone.killCopies("blue", "green");
      assert.notEqual((await ended).code, 0);
      assert.match(output(), /greenWeight stays at 10, because no process of blue answers/);
      await revert();
      assert.equal((await load({ url, requests: 20 })).failed, 0);
    });

    it("is over at once with a return, however many alarms fire", async () => {
      ship("told");
      // So quick that few requests were good before.
      const bake = { steps: [50, 100], bake: "100ms", maxBake: "100ms", onInsufficient: "advance" };
      clone.commit({ config: { greenWeight: "50", bake } });
      await clone.up();
      writeFileSync(faultFile(), "broken");
      await load({ url, requests: 600, concurrency: 256 });
      const firing = async () => (await clone.balancer().snapshot()).firing;
      const critical = (colour: string) => [`${colour}-error-rate-critical`, `${colour}-p95-critical`];
      const all = { blue: critical("blue"), green: critical("green") };
      assert.deepEqual(await firing(), all);
      clone.commit({ config: { greenWeight: "0" } });
      assert.match(await clone.up(), /returned from greenWeight 50 to 0/);
      assert.equal(await liveWeight(), 0);
      assert.deepEqual((await firing()).blue, all.blue);
      await clone.must("preview", "--expect-no-changes");
    });
  });
});
