import assert from "node:assert/strict";
import pino from "pino";
import { adminServer } from "../../infra/platform/local/balancer/admin";
import { Balancer } from "../../infra/platform/local/balancer/balancer";
import { usualAlarms } from "../../infra/config/sections/alarms";
import { BalancerClient, type BalancerError } from "../../infra/platform/local/balancer/client";
import { readSettings } from "../../infra/platform/local/balancer/settings";
import { parseMetrics } from "../../infra/platform/local/balancer/snapshot";
import { StateFile } from "../../infra/platform/local/balancer/store";
import { Watch } from "../../infra/platform/local/balancer/watch";
import { telemetryAt } from "../../infra/platform/telemetry";
import { ask, startBackend, stateFolder, token, until, untilHealthy, type Backend } from "../support/balancer";
import { load } from "../support/load";
import { declaring, Scene } from "../support/traffic";

/** Severity of each alarm of these that fires, by its name. */
async function firing(client: BalancerClient, of = ["blue", "green", "none"]): Promise<Record<string, string>> {
  const alarms = parseMetrics(await client.metrics()).filter(({ name }) => name === "switchyard_balancer_alarm");
  const now = alarms.filter(({ value, labels }) => value === 1 && of.includes(labels.colour ?? ""));
  return Object.fromEntries(now.map(({ labels }) => [labels.alarm ?? "", labels.severity ?? ""]));
}

const { errorRate, minRequests, p95 } = usualAlarms;
const usual = { errorRate, minRequests, p95 };
/** What no answer takes, however slow this machine is. */
const never = { high: 59_000, critical: 60_000 };

const both = (name: string) => ({ [`${name}-high`]: "high", [`${name}-critical`]: "critical" });

/** The balancer as it is, in this process: its clock alone is the test's, so that minutes pass when they are to. */
describe("alarms of the local balancer, from firing to quiet", function () {
  this.timeout(120_000);
  const minute = 60_000;
  let skipped = 0;
  let state: Awaited<ReturnType<typeof stateFolder>>;
  let balancer: Balancer;
  let admin: ReturnType<typeof adminServer>;
  let client: BalancerClient;
  let status = 200;
  let green: Backend;
  let blue: Backend;

  beforeEach(async () => {
    state = await stateFolder();
    [skipped, status] = [0, 200];
    const settings = readSettings({ ADMIN_PORT: "0", ADMIN_TOKEN: token, HEALTH_INTERVAL_MS: "20", HEALTH_TIMEOUT_MS: "5000" }); // prettier-ignore
    const log = pino({ level: "silent" });
    balancer = new Balancer(new StateFile(state.path), settings, log, new Watch(() => performance.now() + skipped));
    await balancer.restore();
    admin = adminServer(balancer, token, log);
    await admin.listen({ host: "127.0.0.1", port: 0 });
    const { port: adminPort } = admin.server.address() as { port: number };
    client = new BalancerClient({ adminPort, token });
    [blue, green] = (await Promise.all(
      ["blue", "green"].map((colour) =>
        startBackend(colour, (_, response) => response.writeHead(colour === "green" ? status : 200).end()),
      ),
    )) as [Backend, Backend];
    for (const [colour, { host, port }] of [
      ["blue", blue],
      ["green", green],
    ] as const)
      // prettier-ignore
      await client.registerTarget(colour, { id: colour, host, port });
    await client.createListener({ port: 0, weights: { blue: 50, green: 50 } });
    await client.setAlarmLimits({ ...usual, p95: never });
    await untilHealthy(client);
  });
  afterEach(async () => {
    await balancer.stop(1_000);
    await admin.close();
    await Promise.all([blue.close(), green.close()]);
    await state.clear();
  });

  async function send(requests: number, path = "/"): Promise<void> {
    const port = (await client.state()).production?.port ?? 0;
    for (let sent = 0; sent < requests; sent += 50)
      await Promise.all(Array.from({ length: Math.min(50, requests - sent) }, () => ask(port, { path })));
  }
  const none = async () => assert.deepEqual(await firing(client), {});

  it("error-rate: while 5 minutes hold too many errors", async () => {
    await send(210);
    await none();
    status = 500;
    // 2 to 4 of them are green's.
    await send(6);
    assert.deepEqual(await firing(client), { "green-error-rate-high": "high" });
    await send(40);
    assert.deepEqual(await firing(client), both("green-error-rate"));
    skipped += 5 * minute + 5_000;
    await none();
  });

  it("p95: while 10 minutes hold too many slow answers; new limits begin with what comes after them", async () => {
    await send(250);
    await client.setAlarmLimits({ ...usual, p95: { high: 1, critical: 60_000 } });
    await none();
    green.server.removeAllListeners("request").on("request", (_request, response: import("node:http").ServerResponse) => setTimeout(() => response.end(), 5)); // prettier-ignore
    await send(250);
    assert.equal((await firing(client))["green-p95-high"], "high");
    assert.equal((await firing(client))["green-p95-critical"], undefined);
    skipped += 6 * minute;
    assert.equal((await firing(client))["green-p95-high"], "high");
    skipped += 5 * minute;
    await none();
  });

  it("healthy: 3 minutes after the last healthy copy, critical with traffic, and until there is one again", async () => {
    const health = async () => (await client.state()).targets.green[0]?.health.state;
    green.healthStatus = 503;
    await until("it is found so", async () => (await health()) === "unhealthy");
    skipped += 2 * minute;
    await none();
    skipped += minute;
    assert.deepEqual(await firing(client), { "green-healthy": "critical" });
    await client.setWeights({ blue: 100, green: 0 });
    assert.deepEqual(await firing(client), { "green-healthy": "medium" });
    green.healthStatus = 200;
    await until("it is well", async () => (await health()) === "healthy");
    await none();
    // Once retired, nobody misses it; the next release has its own 3 minutes.
    green.healthStatus = 503;
    await until("it is found so", async () => (await health()) === "unhealthy");
    skipped += 3 * minute;
    assert.deepEqual(await firing(client), { "green-healthy": "medium" });
    await client.deregisterTarget("green", "green", 0);
    await none();
    skipped += 9 * minute;
    await client.registerTarget("green", { id: "next", host: green.host, port: green.port });
    await none();
  });

  it("balancer-errors: while 5 minutes hold too many requests that it refused itself, whichever listener they came to", async () => {
    await client.deregisterTarget("green", "green", 0);
    await send(98);
    await none();
    await send(102);
    assert.deepEqual(await firing(client), both("balancer-errors"));
    skipped += 5 * minute + 5_000;
    assert.deepEqual(await firing(client), { "green-healthy": "critical" });
    await client.setWeights({ blue: 100, green: 0 });
    await none();
    const { port } = await client.openPreview(0);
    for (let i = 0; i < 100; i += 1) assert.equal((await ask(port)).status, 404);
    await none();
    const headers = { "x-switchyard-colour": "green" };
    for (let i = 0; i < 100; i += 1) assert.equal((await ask(port, { headers })).status, 503);
    assert.deepEqual(await firing(client), both("balancer-errors"));
  });

  it("go by no limits that can't be, nor by anybody's", async () => {
    const wrong = {
      errorRate: { high: 0, critical: 5 },
      minRequests: 0.5,
      p95: { high: 1 },
    } as unknown as typeof usual;
    await assert.rejects(client.setAlarmLimits(wrong), (error: BalancerError) => {
      assert.equal(error.code, "ValidationError");
      for (const key of ["errorRate.high", "errorRate.critical", "minRequests", "p95.critical"])
        assert.ok(error.message.includes(`limits.${key}: `), `${key}: ${error.message}`);
      return true;
    });
    const { port: adminPort } = admin.server.address() as { port: number };
    const stranger = new BalancerClient({ adminPort, token: "not-this-stack's-token" });
    await assert.rejects(stranger.setAlarmLimits(usual), ({ code }: BalancerError) => code === "AccessDenied");
  });

  it("walk-lost: 2 minutes after the last beat of a walk that left its tags, until somebody takes them away", async () => {
    const beat = (tag: string | null) => client.setTags({ "switchyard-walk": tag, "switchyard-walk-beat": tag });
    await beat("a");
    skipped += 1.9 * minute;
    await beat("b");
    skipped += 1.9 * minute;
    await none();
    // Weights are no beat.
    await client.setWeights({ blue: 90, green: 10 });
    skipped += 0.1 * minute;
    assert.deepEqual(await firing(client), { "walk-lost": "critical" });
    await beat(null);
    await none();
  });
});

describe("alarms of the local listener", function () {
  this.timeout(180_000);
  let scene: Scene;
  afterEach(async () => {
    await scene.balancer.client.setAlarmLimits(usual);
    await scene.strike();
  });
  after(() => Scene.close());

  /** What a walk sees of them. */
  const seen = async () =>
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
    await scene.until("green is too slow", async () => (await seen()).green.includes("green-p95-critical"));
    await scene.crash("green");
    await send(400);
    await scene.until("too much fails", async () => (await seen()).green.includes("green-error-rate-critical"));
    assert.deepEqual((await seen()).blue, []);
    const { client } = scene.balancer;
    // Nobody answered for green: that is the balancer's own word, too.
    const all = { ...both("green-p95"), ...both("green-error-rate"), ...both("balancer-errors") };
    assert.deepEqual(await firing(client, ["green", "none"]), all);
    // With the copy goes what it did.
    await client.deregisterTarget("green", "green", 0);
    assert.deepEqual(await firing(client, ["green", "none"]), both("balancer-errors"));
  });

  it("fail a walk when they are critical, and not when they are high or of no colour", async () => {
    scene = await Scene.set(0);
    const { client } = scene.balancer;
    // Whatever is answered takes longer than that.
    await client.setAlarmLimits({ ...usual, minRequests: 1, p95: { high: 1, critical: 60_000 } });
    await client.reportDatabase({ everyMs: 600_000, alarms: [{ name: "stale-views", severity: "critical", fires: true }], figures: [] }); // prettier-ignore
    const { result } = await scene.under(() => scene.advance(scene.inputs(declaring(50))));
    assert.equal(result.greenWeight, 50);
    const { "green-p95-high": ofGreen, "stale-views": ofNone } = await firing(client);
    assert.deepEqual([ofGreen, ofNone], ["high", "critical"]);
    await client.setAlarmLimits({ ...usual, minRequests: 1, p95: { high: 1, critical: 2 } });
    const ended = await scene.under(() => scene.advance(scene.inputs(declaring(100), declaring(50))));
    assert.equal(ended.result.greenWeight, 50);
    assert.match(ended.result.failure ?? "", /alarm green-p95-critical is firing/);
    await client.forgetDatabase();
  });
});
