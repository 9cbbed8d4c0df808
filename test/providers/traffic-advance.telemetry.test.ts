import assert from "node:assert/strict";
import { telemetryAt, TelemetryUnreachable } from "../../infra/platform/telemetry";
import type { Sample } from "../../infra/rollout/verdict";
import { declaring, Scene } from "../support/traffic";
import { load } from "../support/load";

describe("telemetry of the local listener", function () {
  this.timeout(120_000);
  let scene: Scene;
  afterEach(() => scene.strike());
  after(() => Scene.close());

  const watch = () => telemetryAt(scene.inputs(declaring(0)).telemetry).watch();
  /** Sends requests and waits until they are counted: an answer arrives a moment before. */
  const send = async (requests: number) => {
    const { client } = scene.balancer;
    const counted = async () => {
      const { blue, green } = await client.snapshot();
      return blue.requests + green.requests;
    };
    const before = await counted();
    const { production } = await client.state();
    const sent = await load({ url: `http://127.0.0.1:${production?.port ?? 0}/`, requests });
    await scene.until("all are counted", async () => (await counted()) === before + sent.sent);
    return sent;
  };
  const counts = ({ colours }: Sample, colour: "blue" | "green") => colours[colour] ?? assert.fail();

  it("counts each colour's requests, errors of its own and for want of it, and their latency, look by look", async () => {
    scene = await Scene.set(50, { green: "errors" });
    const watched = watch();
    const first = await watched.look();
    assert.deepEqual([first.samples, first.reset], [[], false]);
    const sent = await send(400);
    const { samples, until, firing } = await watched.look();
    const [sample] = samples;
    assert.ok(sample && samples.length === 1);
    assert.deepEqual([sample.from, sample.until], [first.until, until]);
    for (const colour of ["blue", "green"] as const) {
      const { requests, latency } = counts(sample, colour);
      assert.equal(requests, sent.byColour[colour]);
      assert.equal(latency.total, requests);
      assert.equal(latency.atMost.at(-1)?.[1], requests);
    }
    assert.equal(counts(sample, "green").errors, sent.byStatus["500"]);
    assert.deepEqual(firing, { blue: [], green: [] });

    await scene.crash("green");
    const broken = await send(100);
    const [next] = (await watched.look()).samples;
    assert.ok(next);
    assert.equal(next.from, until);
    assert.equal(counts(next, "green").errors, broken.failed);
    assert.equal(counts(next, "green").latency.total, 0);
    assert.equal(counts(next, "blue").errors, 0);
  });

  it("says when counting began anew, and when nothing can be read", async () => {
    scene = await Scene.set(0);
    const watched = watch();
    await watched.look();
    await send(10);
    await scene.stopBalancer();
    await assert.rejects(watched.look(), TelemetryUnreachable);
    await scene.restartBalancer();
    const { samples, reset } = await watched.look();
    assert.deepEqual([samples, reset], [[], true]);
    await send(10);
    const [sample] = (await watched.look()).samples;
    assert.equal(sample && counts(sample, "blue").requests, 10);
  });
});
