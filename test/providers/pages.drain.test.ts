import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, request, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import {
  createPagesDatabase,
  eventually,
  startService,
  type PagesDatabase,
  type RunningService,
} from "../support/pages";
import { startPostgres, type TestPostgres } from "../support/postgres";

type RequestError = Error & { reused: boolean };

describe("the end of the example service", function () {
  this.timeout(180_000);
  let postgres: TestPostgres;
  let database: PagesDatabase;
  let service: RunningService;
  before(async () => {
    postgres = await startPostgres();
    database = await createPagesDatabase(postgres);
  });
  after(() => postgres.stop());
  afterEach(() => service.destroy());

  const start = async (env: Record<string, string> = {}) => {
    service = await startService({ ...database.env, PAGES_DEBUG: "1", ...env });
  };
  const draining = () =>
    eventually("the drain begins", () => service.lines.some((line) => line.includes('"draining"')));
  const running = () =>
    eventually("the statement runs", async () =>
      (await database.sessions()).some(({ state, query }) => state === "active" && query.startsWith("SELECT pg_sleep")),
    );
  const get = (path: string, agent: Agent) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const sent = request({ host: "127.0.0.1", port: service.port, path, agent }, (response) => {
        response.resume().once("end", () => resolve(response));
      });
      sent.once("error", (error) => reject(Object.assign(error, { reused: sent.reusedSocket })));
      sent.end();
    });

  for (const signal of ["SIGTERM", "SIGINT"] as const)
    it(`on ${signal} finishes the request in flight, closes its connections and exits with 0`, async () => {
      await start();
      const agent = new Agent({ keepAlive: true });
      const slow = get("/debug/sleep?seconds=1.5", agent);
      await running();
      service.signal(signal);
      const answer = await slow;
      assert.deepEqual([answer.statusCode, answer.headers.connection], [200, "close"]);
      assert.equal(await service.exited, 0);
      await eventually("no session is left", async () => (await database.sessions()).length === 0);
      assert.match(service.lines.at(-1) ?? "", /"poolClosed":true,"msg":"stopped"/);
      agent.destroy();
    });

  it("answers requests that come on open connections, and tells them to close; then it takes no more", async () => {
    await start();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const first = await get("/health/live", agent);
    assert.notEqual(first.headers.connection, "close");
    const slow = service.call("GET", "/debug/sleep?seconds=2");
    await running();
    service.signal("SIGTERM");
    await draining();
    const last = await get("/pages?limit=1", agent);
    assert.deepEqual([last.statusCode, last.headers.connection], [200, "close"]);
    await eventually("new connections are refused", async () => {
      const socket = connect(service.port, "127.0.0.1");
      const refused = await new Promise<boolean>((resolve) => {
        socket.once("connect", () => resolve(false)).once("error", () => resolve(true));
      });
      socket.destroy();
      return refused;
    });
    assert.equal((await slow).status, 200);
    assert.equal(await service.exited, 0);
    agent.destroy();
  });

  it("is not ready any more while it drains", async () => {
    await start();
    const idle = connect(service.port, "127.0.0.1");
    await once(idle, "connect");
    service.signal("SIGTERM");
    await draining();
    const { status, body } = await service.call("GET", "/health/ready");
    assert.deepEqual([status, (body as { reason: string }).reason], [503, "the service is draining"]);
    assert.equal(await service.exited, 0);
    idle.destroy();
  });

  it("loses no request of clients that reuse their connections all the while", async () => {
    await start();
    const agent = new Agent({ keepAlive: true, maxSockets: 8 });
    let answered = 0;
    const failures: string[] = [];
    const client = async () => {
      for (;;) {
        const outcome = await get("/pages/by-slug/sample-page-1", agent).catch(
          (error: unknown) => error as RequestError,
        );
        if (!(outcome instanceof Error)) {
          answered += 1;
          if (outcome.statusCode !== 200) failures.push(`status ${outcome.statusCode ?? "none"}`);
        } else {
          // A new connection that is refused, or was not taken yet, is for the balancer to open to another copy.
          if (outcome.reused) failures.push(`${outcome.message} on an open connection`);
          return;
        }
      }
    };
    const clients = Promise.all(Array.from({ length: 8 }, client));
    await eventually("the load runs", () => answered > 100);
    service.signal("SIGTERM");
    await clients;
    assert.deepEqual(failures, []);
    assert.equal(await service.exited, 0);
    agent.destroy();
  });

  it("cuts off what takes longer than DRAIN_MS, says how many, and exits with 1", async () => {
    await start({ DRAIN_MS: "500" });
    const cut = service.call("GET", "/debug/sleep?seconds=9").catch((error: unknown) => error);
    await running();
    const begun = performance.now();
    service.signal("SIGTERM");
    assert.equal(await service.exited, 1);
    assert.ok(performance.now() - begun < 4000);
    assert.ok((await cut) instanceof TypeError);
    assert.ok(service.lines.some((line) => line.includes('"cut":1')));
  });

  it("heeds a signal that comes while the database can't be reached", async () => {
    await start({ PGPORT: "1" });
    service.signal("SIGTERM");
    assert.equal(await service.exited, 0);
  });
});
