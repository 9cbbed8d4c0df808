import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import http from "node:http";
import net, { type Socket } from "node:net";
import { WebSocket } from "undici";
import type { BalancerClient } from "../../infra/platform/local/balancer/client";
import { ask, startBackend, startBalancer, stateFolder, until, untilHealthy } from "../support/balancer";
import type { Backend, RunningBalancer } from "../support/balancer";

const acceptKey = (key: string) =>
  createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");

/** Accepts WebSockets, says its colour in one text frame, and agrees when the client closes (opcode 8). */
function greet(backend: Backend, colour: string): Set<Socket> {
  const open = new Set<Socket>();
  backend.server.on("upgrade", (request: http.IncomingMessage, socket: Socket) => {
    backend.seen.push(request);
    if (request.url === "/refused") {
      socket.end("HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno");
      return;
    }
    open.add(socket);
    socket.on("end", () => socket.end());
    socket.on("close", () => open.delete(socket));
    // Resets are part of what is tested.
    socket.on("error", () => undefined);
    if (request.url === "/silent") {
      // An upgraded socket that nobody reads never notices its end.
      socket.resume();
      return;
    }
    socket.write(
      "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n" +
        `sec-websocket-accept: ${acceptKey(String(request.headers["sec-websocket-key"]))}\r\n\r\n`,
    );
    socket.write(Buffer.concat([Buffer.from([0x81, colour.length]), Buffer.from(colour)]));
    socket.on("data", ([first = 0]) => {
      if ((first & 0x0f) === 8) socket.end(Buffer.from([0x88, 0]));
    });
  });
  return open;
}

describe("balancer: listeners", function () {
  this.timeout(120_000);
  let folder: Awaited<ReturnType<typeof stateFolder>>;
  let balancer: RunningBalancer;
  let client: BalancerClient;
  let blue: Backend;
  let green: Backend;
  let production: number;
  let preview: number;
  let sockets: Set<Socket>;

  const echo = (request: http.IncomingMessage, response: http.ServerResponse) => {
    let body = "";
    request.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
    request.on("end", () => {
      const { method, url, headers } = request;
      response.setHeader("set-cookie", ["a=1", "b=2"]);
      response.end(JSON.stringify({ method, url, headers, body }));
    });
  };
  interface Echo {
    method: string;
    url: string;
    headers: Record<string, string>;
    body: string;
  }
  const echoed = async (options: Parameters<typeof ask>[1]) =>
    JSON.parse((await ask(production, options)).body) as Echo;

  before(async () => {
    folder = await stateFolder();
    balancer = await startBalancer(folder.path);
    client = balancer.client;
    [blue, green] = await Promise.all([startBackend("blue", echo), startBackend("green", echo)]);
    greet(blue, "blue");
    sockets = greet(green, "green");
    await client.registerTarget("blue", { id: "b", host: blue.host, port: blue.port });
    await client.registerTarget("green", { id: "g", host: green.host, port: green.port });
    preview = (await client.openPreview(0)).port;
    production = (await client.createListener({ port: 0, weights: { blue: 100, green: 0 } })).port;
    await untilHealthy(client);
  });

  after(async () => {
    await balancer.end("SIGKILL");
    for (const socket of sockets) socket.destroy();
    await Promise.all([blue.close(), green.close()]);
    await folder.clear();
  });

  it("preview: the header picks the colour, whatever the weights", async () => {
    for (const colour of ["blue", "green"]) {
      const answer = await ask(preview, { headers: { "x-switchyard-colour": colour } });
      assert.deepEqual([answer.status, answer.headers["x-colour"]], [200, colour]);
    }
  });

  it("preview: without the header, or with another value, 404 names the header and its values", async () => {
    for (const headers of [{}, { "x-switchyard-colour": "red" }]) {
      const answer = await ask(preview, { headers });
      assert.equal(answer.status, 404);
      assert.match(answer.body, /x-switchyard-colour: blue or green; found (none|"red")/);
    }
  });

  it("production: the header means nothing", async () => {
    const answer = await ask(production, { headers: { "x-switchyard-colour": "green" } });
    assert.equal(answer.headers["x-colour"], "blue");
  });

  it("preview requests are not in production's figures", async () => {
    const before = await client.snapshot();
    await ask(preview, { headers: { "x-switchyard-colour": "green" } });
    await ask(preview);
    assert.deepEqual(await client.snapshot(), before);
    await ask(production);
    assert.equal((await client.snapshot()).blue.requests, before.blue.requests + 1);
  });

  it("keeps Host and the path as they came, adds X-Forwarded-* and a request id", async () => {
    const { url, headers } = await echoed({ path: "/a/../b%2e//c?x=%20&y", headers: { host: "pages.example:99" } });
    assert.equal(url, "/a/../b%2e//c?x=%20&y");
    assert.equal(headers.host, "pages.example:99");
    assert.equal(headers["x-forwarded-for"], "127.0.0.1");
    assert.equal(headers["x-forwarded-proto"], "http");
    assert.equal(headers["x-forwarded-port"], String(production));
    assert.match(headers["x-request-id"] ?? "", /^1-[0-9a-f]{8}-[0-9a-f]{24}$/);
  });

  it("passes repeated answer headers on, without the target's keep-alive", async () => {
    const { headers } = await ask(production, { agent: new http.Agent({ keepAlive: true, maxSockets: 1 }) });
    assert.deepEqual(headers["set-cookie"], ["a=1", "b=2"]);
    assert.equal(headers["keep-alive"], "timeout=60");
  });

  it("keeps connections to clients and to targets", async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const ports = new Set<number | undefined>();
    const seen = blue.seen.length;
    for (let sent = 0; sent < 5; sent++) {
      await ask(production, { agent });
      ports.add(Object.values(agent.freeSockets)[0]?.[0]?.localPort);
    }
    agent.destroy();
    assert.equal(ports.size, 1);
    const sources = blue.seen.slice(seen).map(({ socket }) => socket.remotePort);
    assert.deepEqual([sources.length, new Set(sources).size], [5, 1]);
  });

  for (const method of ["POST", "DELETE", "OPTIONS"]) {
    it(`passes the chunked body of a ${method} whole, so that none of it is taken for another request`, async () => {
      const smuggled = "GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n";
      const headers = { "transfer-encoding": "chunked" };
      const seen = blue.seen.length;
      const got = await echoed({ method, headers, body: smuggled });
      assert.deepEqual([got.method, got.body], [method, smuggled]);
      await ask(production);
      assert.deepEqual(
        blue.seen.slice(seen).map(({ url }) => url),
        ["/", "/"],
      );
    });
  }

  it("sends a body only where the client sent one", async () => {
    for (const method of ["GET", "POST", "DELETE"]) {
      const { headers } = await echoed({ method });
      assert.equal(headers["transfer-encoding"], undefined, method);
    }
    assert.equal((await echoed({ method: "PUT", headers: { "content-length": 3 }, body: "abc" })).body, "abc");
    // Node.js answers `expect: 100-continue` itself; the body follows.
    const headers = { expect: "100-continue", "content-length": 3 };
    assert.equal((await echoed({ method: "POST", headers, body: "abc" })).body, "abc");
  });

  it("passes a large body both ways", async () => {
    const body = "0123456789".repeat(300_000);
    assert.equal((await echoed({ method: "POST", body })).body.length, body.length);
  });

  it("serves a request for any other upgrade as a plain one", async () => {
    const { headers } = await echoed({ headers: { connection: "upgrade, http2-settings", upgrade: "h2c" } });
    assert.equal(headers.upgrade, undefined);
  });

  it("carries WebSockets on both listeners, and counts them once", async () => {
    const hello = async (url: string, headers: Record<string, string> = {}) => {
      const socket = new WebSocket(url, { headers });
      const greeting = await new Promise<unknown>((resolve, reject) => {
        socket.addEventListener("message", ({ data }) => resolve(data));
        socket.addEventListener("error", () => reject(new Error(`no WebSocket at ${url}`)));
      });
      return { socket, greeting };
    };
    const before = (await client.snapshot()).blue.requests;
    const first = await hello(`ws://127.0.0.1:${production}/chat`);
    assert.equal(first.greeting, "blue");
    const second = await hello(`ws://127.0.0.1:${preview}/chat`, { "x-switchyard-colour": "green" });
    assert.equal(second.greeting, "green");
    assert.equal((await client.state()).targets.green[0]?.inFlight, 1);
    assert.equal(blue.seen.at(-1)?.headers["x-forwarded-port"], String(production));
    for (const { socket } of [first, second]) socket.close();
    await until("both targets are let go", async () => {
      const { targets } = await client.state();
      return [...targets.blue, ...targets.green].every(({ inFlight }) => inFlight === 0) && sockets.size === 0;
    });
    assert.equal((await client.snapshot()).blue.requests, before + 1);
  });

  const handshake = { connection: "Upgrade", upgrade: "websocket", "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==" };

  it("passes on that a target refuses a WebSocket", async () => {
    const answer = await ask(production, { path: "/refused", headers: handshake });
    assert.deepEqual([answer.status, answer.body, answer.headers.connection], [403, "no", "close"]);
  });

  it("lets go of the target when a client leaves before its handshake is answered", async () => {
    const socket = net.connect(preview, "127.0.0.1");
    const headers = Object.entries({ host: "x", ...handshake, "x-switchyard-colour": "green" });
    socket.write(`GET /silent HTTP/1.1\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`);
    await until("green has the handshake", () => sockets.size === 1);
    socket.destroy();
    await until("the target is let go", () => sockets.size === 0);
  });

  it("answers a WebSocket handshake for which there is no target as it would any request", async () => {
    assert.equal((await ask(preview, { headers: handshake })).status, 404);
    const gone = await startBackend("green");
    await gone.close();
    await client.deregisterTarget("green", "g", 0);
    const forGreen = { ...handshake, "x-switchyard-colour": "green" };
    assert.equal((await ask(preview, { headers: forGreen })).status, 503);
    await client.registerTarget("green", { id: "gone", host: gone.host, port: gone.port });
    assert.equal((await ask(preview, { headers: forGreen })).status, 502);
    await client.deregisterTarget("green", "gone", 0);
    await client.registerTarget("green", { id: "g", host: green.host, port: green.port });
  });

  it("survives clients that reset their connection in the middle of anything", async () => {
    const rest = Object.entries(handshake).map(([name, value]) => `${name}: ${value}\r\n`);
    for (const text of [
      "GET / HT",
      "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nx",
      `GET /chat HTTP/1.1\r\nhost: x\r\n${rest.join("")}\r\n`,
    ]) {
      const socket = net.connect(production, "127.0.0.1");
      await new Promise<void>((resolve) => socket.write(text, () => resolve()));
      socket.resetAndDestroy();
    }
    await until("nothing is in flight", async () => (await client.state()).targets.blue[0]?.inFlight === 0);
    assert.equal((await ask(production)).status, 200);
  });
});
