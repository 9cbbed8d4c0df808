import assert from "node:assert/strict";
import { telemetryAt } from "../../infra/platform/telemetry";
import { load } from "../support/load";
import { declaring, Scene } from "../support/traffic";

describe("alarms of the local listener", function () {
  this.timeout(180_000);
  let scene: Scene;
  afterEach(() => scene.strike());
  after(() => Scene.close());

  const firing = async () =>
    (
      await telemetryAt(scene.inputs(declaring(0)).telemetry)
        .watch()
        .look()
    ).firing;
  const send = async (requests: number) => {
    const { production } = await scene.balancer.client.state();
    await load({ url: `http://127.0.0.1:${production?.port ?? 0}/`, requests, concurrency: 250 });
  };

  it("fire for the colour whose requests fail or are slow, and for no other", async () => {
    scene = await Scene.set(50, { green: "slow" });
    await send(250);
    await scene.until("green is too slow", async () => (await firing()).green.includes("green-p95"));
    await scene.crash("green");
    await send(400);
    await scene.until("too much fails", async () => (await firing()).green.includes("green-error-rate"));
    assert.deepEqual((await firing()).blue, []);
  });
});
