import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import http, { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { milliseconds } from "../../infra/config";
import { usualAlarms } from "../../infra/config/sections/alarms";
import { parseMetrics } from "../../infra/platform/local/balancer/client";
import { ofBalancer, provider } from "../../infra/platform/local/collector/provider";
import type { LocalCollectorInputs, LocalCollectorState } from "../../infra/platform/local/collector/resource";
import { stop } from "../../infra/platform/local/process/lifecycle";
import { ask, startBackend, startBalancer, token, until, untilHealthy, type Backend, type RunningBalancer } from "../support/balancer"; // prettier-ignore

/** What every answer takes longer than, and what none does, however slow this machine is. */
const [always, never] = [milliseconds(1), milliseconds(59_000)];

describe("limits of alarms on one machine", function () {
  this.timeout(120_000);
  let workingFolder: string;
  let folder: string;
  let backend: Backend;
  let balancer: RunningBalancer;
  let state: LocalCollectorState;
  let inputs: LocalCollectorInputs;

  const slowFrom = (high: LocalCollectorInputs["limits"]["p95"]["high"]): LocalCollectorInputs => ({
    ...inputs,
    limits: { ...usualAlarms, minRequests: 1, p95: { high, critical: milliseconds(60_000) } },
  });

  before(async () => {
    workingFolder = process.cwd();
    process.chdir(resolve(__dirname, "../../infra"));
    folder = realpathSync(mkdtempSync(join(tmpdir(), "switchyard-limits-")));
    balancer = await startBalancer(join(folder, "balancer"));
    backend = await startBackend("blue", (_, response) => setTimeout(() => response.end(), 5));
    const { client, adminPort } = balancer;
    await client.registerTarget("blue", { id: "blue", host: backend.host, port: backend.port });
    await client.createListener({ port: 0, weights: { blue: 100, green: 0 } });
    await untilHealthy(client);
    // Nothing listens there: a database that is down takes nothing from what the balancer itself sees.
    const database = { host: "127.0.0.1", port: 1, name: "pages" };
    inputs = { folder, database, monitoringPassword: "none-is-asked", limits: usualAlarms, adminPort, token };
    ({ outs: state } = await provider.create(slowFrom(always)));
  });
  after(async () => {
    await provider.delete(state, "");
    await balancer.end("SIGTERM");
    await backend.close();
    process.chdir(workingFolder);
    rmSync(folder, { recursive: true, force: true });
  });

  const changes = async (olds: LocalCollectorState, news: LocalCollectorInputs) =>
    (await provider.diff(olds, news, "")).changes;

  /** What fires of blue after three slow requests. */
  async function firing(): Promise<string[]> {
    const { client } = balancer;
    const port = (await client.state()).production?.port ?? 0;
    for (let i = 0; i < 3; i += 1) assert.equal((await ask(port)).status, 200);
    const alarms = parseMetrics(await client.metrics()).filter(
      ({ name, labels, value }) => name === "switchyard_balancer_alarm" && labels.colour === "blue" && value === 1,
    );
    return alarms.map(({ labels }) => labels.alarm ?? "");
  }

  it("are the balancer's from when the collector is brought up, and with the database down", async () => {
    assert.equal(await changes(state, slowFrom(always)), false);
    assert.deepEqual(await firing(), ["blue-p95-high"]);
  });

  it("are others as soon as config says so", async () => {
    assert.equal(await changes(state, slowFrom(never)), true);
    state = await provider.update(state, slowFrom(never), "");
    assert.deepEqual(await firing(), []);
    state = await provider.update(state, slowFrom(always), "");
    assert.deepEqual(await firing(), ["blue-p95-high"]);
  });

  it("are told a balancer that was started anew, which forgot them", async () => {
    // It tells them as it begins, and then each minute; the one below, each tenth of a second.
    await stop(state.process);
    const { adminPort } = balancer;
    await balancer.end("SIGKILL");
    balancer = await startBalancer(join(folder, "balancer"), { ADMIN_PORT: String(adminPort) });
    await untilHealthy(balancer.client);
    assert.deepEqual(await firing(), []);
    const { host, port, name } = inputs.database;
    const child = spawn(process.execPath, ["--import", "tsx", "platform/local/collector/main.ts"], {
      env: {
        ...{
          PATH: process.env.PATH,
          PGHOST: host,
          PGPORT: String(port),
          PGDATABASE: name,
          PGPASSWORD: "none-is-asked",
        },
        ...{ ADMIN_PORT: String(adminPort), ADMIN_TOKEN: token, COPIES_LOGS: folder, INTERVAL_MS: "100" },
        BALANCER_LIMITS: JSON.stringify(ofBalancer(slowFrom(always).limits)),
      },
      stdio: "ignore",
    });
    const ended = once(child, "exit");
    try {
      await until("the next look tells them", async () => (await firing()).includes("blue-p95-high"));
    } finally {
      child.kill("SIGTERM");
      await ended;
    }
  });

  it("are none of a balancer of an older version, which is left as it is; up says how it is started anew", async () => {
    const front = await withoutLimits(balancer.adminPort);
    const said = captured();
    try {
      const { port: adminPort } = front.address() as AddressInfo;
      const older = { ...slowFrom(always), adminPort };
      state = await provider.update(state, older, "");
      assert.equal(said.lines.length, 1);
      assert.match(said.lines[0] ?? "", new RegExp(`of an older version: .*kill ${balancer.pid} && npx pulumi up`));
      assert.equal(await changes(state, older), false);
      const known = async () => (await balancer.client.metrics()).includes('alarm="stale-views"');
      await until("it is told of the database all the same", known);
    } finally {
      said.end();
      front.close();
    }
  });

  /** The balancer at that port, as it is to whoever asks for what it has not: in its own words. */
  async function withoutLimits(port: number): Promise<Server> {
    const server = createServer((request, response) => {
      const path = request.url === "/alarms" ? "/what-there-is-not" : request.url;
      const { method, headers } = request;
      const onward = http.request({ host: "127.0.0.1", port, path, method, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 0, answer.headers);
        answer.pipe(response);
      });
      request.pipe(onward);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    return server;
  }

  /** What is told to whoever runs `up`. */
  function captured() {
    const lines: string[] = [];
    const real = console.error;
    console.error = (line: string) => lines.push(line);
    return { lines, end: () => (console.error = real) };
  }
});
