import assert from "node:assert/strict";
import { once } from "node:events";
import net, { type AddressInfo } from "node:net";
import type { BalancerClient } from "../../infra/platform/local/balancer/client";
import { ask, startBackend, startBalancer, stateFolder, until, untilHealthy } from "../support/balancer";
import type { Backend, RunningBalancer } from "../support/balancer";

const idleTimeoutMs = 400;

/** A raw target: does to each connection whatever a test says, once it has sent something. */
async function startRaw(onRequest: (socket: net.Socket) => void) {
  const sockets = new Set<net.Socket>();
  let connections = 0;
  const server = net.createServer((socket) => {
    sockets.add(socket);
    // Resets are what these targets are for.
    socket.on("error", () => undefined);
    socket.once("data", (data) => {
      // Health checks are not what is tested; a raw target is served by failing open.
      if (data.toString("latin1").includes("/health/live")) {
        socket.end("HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n");
        return;
      }
      connections++;
      onRequest(socket);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    host: "127.0.0.1" as const,
    port: (server.address() as AddressInfo).port,
    requests: () => connections,
    close: async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, "close");
    },
  };
}

describe("balancer: failures, with an ALB's semantics", function () {
  this.timeout(120_000);
  let folder: Awaited<ReturnType<typeof stateFolder>>;
  let balancer: RunningBalancer;
  let client: BalancerClient;
  let green: Backend;
  let port: number;
  const toClose: { close(): Promise<void> }[] = [];

  before(async () => {
    folder = await stateFolder();
    balancer = await startBalancer(folder.path, { IDLE_TIMEOUT_MS: String(idleTimeoutMs) });
    client = balancer.client;
    green = await startBackend("green");
    await client.registerTarget("green", { id: "green", host: green.host, port: green.port });
    await untilHealthy(client);
    port = (await client.createListener({ port: 0, weights: { blue: 100, green: 0 } })).port;
  });

  afterEach(async () => {
    for (const { id } of (await client.state()).targets.blue) await client.deregisterTarget("blue", id, 0);
    for (const each of toClose.splice(0)) await each.close();
    assert.equal(green.seen.length, 0, "no request for blue went to green");
  });

  after(async () => {
    await balancer.end("SIGKILL");
    await green.close();
    await folder.clear();
  });

  const blue = (target: { host: "127.0.0.1"; port: number }, id = "blue") =>
    client.registerTarget("blue", { id, host: target.host, port: target.port });

  /** Registers a raw target as the only one of blue. */
  async function blueDoes(onRequest: (socket: net.Socket) => void) {
    const target = await startRaw(onRequest);
    toClose.push(target);
    await blue(target);
    return target;
  }

  /** What the counters of blue rose by during `work`. */
  async function counted(work: () => Promise<unknown>) {
    const from = (await client.snapshot()).blue;
    await work();
    const to = (await client.snapshot()).blue;
    return {
      requests: to.requests - from.requests,
      targetErrors: to.targetErrors - from.targetErrors,
      balancerErrors: to.balancerErrors - from.balancerErrors,
    };
  }

  const byBalancer = { requests: 1, targetErrors: 0, balancerErrors: 1 };
  const byTarget = { requests: 1, targetErrors: 1, balancerErrors: 0 };

  it("answers 503 when the colour has no target, and does not fail over to the other", async () => {
    const counts = await counted(async () => {
      const { status, body, headers } = await ask(port);
      assert.deepEqual([status, headers.server], [503, "switchyard-balancer"]);
      assert.match(body, /no blue target is registered/);
    });
    assert.deepEqual(counts, byBalancer);
  });

  it("answers 502 when the target refuses the connection, and tries no other", async () => {
    const gone = await startRaw(() => assert.fail("nobody listens there any more"));
    await gone.close();
    await blue(gone);
    const counts = await counted(async () => {
      const { status, body } = await ask(port);
      assert.equal(status, 502);
      assert.match(body, /blue target blue \(127\.0\.0\.1:\d+\) refused the connection/);
    });
    assert.deepEqual(counts, byBalancer);
  });

  it("answers 502 when the target resets the connection before it answers, and retries nothing", async () => {
    const target = await blueDoes((socket) => socket.resetAndDestroy());
    const counts = await counted(async () => {
      const { status, body } = await ask(port);
      assert.equal(status, 502);
      assert.match(body, /closed the connection before it answered/);
    });
    assert.deepEqual(counts, byBalancer);
    assert.equal(target.requests(), 1);
  });

  for (const [what, answer] of [
    ["is not HTTP", "220 smtp.example\r\n\r\n"],
    ["has an impossible status", "HTTP/1.1 099 Odd\r\ncontent-length: 0\r\n\r\n"],
    ["switches protocols unasked", "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"],
  ] as const) {
    it(`answers 502 when the target's answer ${what}`, async () => {
      await blueDoes((socket) => socket.end(answer));
      assert.deepEqual(await counted(async () => assert.equal((await ask(port)).status, 502)), byBalancer);
    });
  }

  it("answers 504 when the target is silent for longer than the idle timeout", async () => {
    await blueDoes(() => undefined);
    const started = performance.now();
    const counts = await counted(async () => {
      const { status, body } = await ask(port);
      assert.equal(status, 504);
      assert.match(body, /did not answer before the idle timeout/);
    });
    assert.ok(performance.now() - started >= idleTimeoutMs);
    assert.deepEqual(counts, byBalancer);
  });

  it("closes an upgraded connection that is silent for longer than the idle timeout", async () => {
    await blueDoes((socket) => {
      socket.write("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\r\n");
    });
    const counts = await counted(async () => {
      const socket = net.connect(port, "127.0.0.1");
      socket.write("GET / HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n");
      const [data] = (await once(socket, "data")) as [Buffer];
      assert.match(data.toString(), /^HTTP\/1\.1 101 /);
      const upgraded = performance.now();
      await once(socket, "close");
      assert.ok(performance.now() - upgraded >= idleTimeoutMs - 50);
    });
    assert.deepEqual(counts, { requests: 1, targetErrors: 0, balancerErrors: 0 });
  });

  it("answers 408, which is no error of either side, when the client stops sending its request", async () => {
    await blueDoes(() => undefined);
    const counts = await counted(async () => {
      const socket = net.connect(port, "127.0.0.1");
      socket.write("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf");
      const [data] = (await once(socket, "data")) as [Buffer];
      assert.match(data.toString(), /^HTTP\/1\.1 408 /);
      await once(socket, "close");
    });
    assert.deepEqual(counts, { requests: 1, targetErrors: 0, balancerErrors: 0 });
  });

  it("closes the client's connection when the target breaks off an answer, and counts that against the target", async () => {
    await blueDoes((socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"));
    const counts = await counted(() => assert.rejects(ask(port), { code: "ECONNRESET" }));
    assert.deepEqual(counts, byTarget);
  });

  it("passes the target's own 500 on and counts it against the target", async () => {
    const target = await startBackend("blue", (_request, response) => response.writeHead(500).end("mine"));
    toClose.push(target);
    await blue(target);
    const counts = await counted(async () => {
      const { status, body, headers } = await ask(port);
      assert.deepEqual([status, body, headers["x-colour"]], [500, "mine", "blue"]);
    });
    assert.deepEqual(counts, byTarget);
  });

  it("counts a client that left before the answer as no one's error, and lets go of the target", async () => {
    let closedByBalancer = false;
    const target = await blueDoes((socket) => socket.once("close", () => (closedByBalancer = true)));
    const counts = await counted(async () => {
      const socket = net.connect(port, "127.0.0.1");
      socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
      await until("the target has the request", () => target.requests() === 1);
      socket.destroy();
      await until("the target's connection is closed", () => closedByBalancer);
      await until("nothing is in flight", async () => (await client.state()).targets.blue[0]?.inFlight === 0);
    });
    assert.deepEqual(counts, { requests: 1, targetErrors: 0, balancerErrors: 0 });
  });

  it("gives requests to healthy targets only, and to all when none is healthy", async () => {
    const first = await startBackend("blue");
    const second = await startBackend("blue");
    toClose.push(first, second);
    await blue(first, "first");
    await blue(second, "second");
    await untilHealthy(client);
    const states = async () => (await client.state()).targets.blue.map(({ health }) => health.state).join();

    first.healthStatus = 503;
    await until("the first is unhealthy", async () => (await states()) === "unhealthy,healthy");
    for (let sent = 0; sent < 10; sent++) await ask(port);
    assert.deepEqual([first.seen.length, second.seen.length], [0, 10]);

    second.healthStatus = 503;
    await until("both are unhealthy", async () => (await states()) === "unhealthy,unhealthy");
    for (let sent = 0; sent < 10; sent++) assert.equal((await ask(port)).status, 200);
    assert.deepEqual([first.seen.length, second.seen.length], [5, 15]);

    first.healthStatus = 200;
    await until("the first is healthy again", async () => (await states()) === "healthy,unhealthy");
    for (let sent = 0; sent < 10; sent++) await ask(port);
    assert.deepEqual([first.seen.length, second.seen.length], [15, 15]);
  });

  it("shows why a target is unhealthy", async () => {
    const target = await startBackend("blue");
    toClose.push(target);
    target.healthStatus = 503;
    await blue(target, "bad-status");
    const gone = await startRaw(() => undefined);
    await gone.close();
    await blue(gone, "gone");
    await until("both are unhealthy", async () => {
      const { blue: targets } = (await client.state()).targets;
      return targets.every(({ health }) => health.state === "unhealthy");
    });
    const [status, refused] = (await client.state()).targets.blue.map(({ health }) => health);
    assert.equal(status?.reason, "Target.ResponseCodeMismatch");
    assert.match(status.description ?? "", /\[503\]/);
    assert.equal(refused?.reason, "Target.FailedHealthChecks");
    assert.match(refused.description ?? "", /ECONNREFUSED/);
  });
});
