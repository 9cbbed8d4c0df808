import assert from "node:assert/strict";
import { load } from "../support/load";
import { connectBalancer } from "../support/exported";
import { Clone, type Outputs } from "../support/stack";

/**
 * Releases that must not get through, each on the real engine with 300 requests a second: the walk ends at the weights that
 * it began at, says why in one line, and state says what is real. One stack; each test leaves it at greenWeight 0.
 */
describe("a walk to a release that is not good", function () {
  this.timeout(240_000);
  let clone: Clone;
  let outputs: Outputs;

  before(async () => {
    clone = new Clone();
    const bake = ["bake: 2s", "maxBake: 4s", "minRequests: 20", "onInsufficient: return"].join("\n    ");
    clone.edit("Pulumi.local.yaml", (text) =>
      text
        .replace(/bake: 5s\n.*maxBake: 5s\n.*onInsufficient: advance/, bake)
        .replace(/entry: .*/g, "entry: test/support/faulty.cjs"),
    );
    const { code, output } = await clone.npmStart();
    assert.equal(code, 0, output);
    outputs = await clone.outputs();
  });
  after(() => clone.dispose());

  const set = (key: string, value: string) => clone.must("config", "set", "--path", `switchyard:${key}`, value);
  const liveWeight = async () => (await (await connectBalancer(clone)).state()).production?.weights.green;
  const up = () => clone.pulumi("up", "--yes", "--skip-preview");

  /** Requests go on until the returned function is called. @returns what they met. */
  function traffic() {
    const over = new AbortController();
    const result = load({
      url: `${outputs.url}/`,
      rate: 300,
      concurrency: 64,
      durationMs: 200_000,
      signal: over.signal,
    });
    return () => {
      over.abort();
      return result;
    };
  }

  const cases: { what: string; fault: string; says: RegExp; requests?: boolean }[] = [
    { what: "answers 2 % of its requests with errors", fault: "errors", says: /error/ },
    { what: "takes 3 s for a request", fault: "slow", says: /p95|slow|latency/ },
    { what: "dies on the way", fault: "dies", says: /green/ },
    { what: "gets no traffic at all", fault: "none", says: /insufficient|requests/, requests: false },
  ];
  for (const { what, fault, says, requests = true } of cases)
    it(`ends where it began when the release ${what}`, async () => {
      await set("green.env.FAULT", fault);
      await clone.up();
      await set("greenWeight", "100");
      const stop = requests ? traffic() : undefined;
      const { code, output } = await up();
      await stop?.();
      assert.notEqual(code, 0, output);
      assert.equal(await liveWeight(), 0, output);
      const cause = output.split("\n").find((line) => line.includes("error:") && says.test(line));
      assert.ok(cause !== undefined, `no line says why:\n${output}`);

      // Before config is reverted, preview shows the shift; afterwards nothing.
      assert.match(await clone.must("preview"), /TrafficAdvance traffic-advance update/);
      await set("greenWeight", "0");
      await clone.up();
      assert.match(await clone.must("preview"), /Resources:\s+\d+ unchanged/);
    });

  it("doesn't begin while the release never gets ready", async () => {
    await set("green.env.FAULT", "unready");
    await set("greenWeight", "100");
    const { code, output } = await up();
    assert.notEqual(code, 0, output);
    assert.match(output, /not ready within|health\/ready/);
    assert.equal(await liveWeight(), 0);
    await set("greenWeight", "0");
    await set("green.env.FAULT", "none");
    await clone.up();
    assert.match(await clone.must("preview"), /Resources:\s+\d+ unchanged/);
  });
});
