import assert from "node:assert/strict";
import {
  createPagesDatabase,
  eventually,
  startService,
  type PagesDatabase,
  type RunningService,
} from "../support/pages";
import { startPostgres, type TestPostgres } from "../support/postgres";

const many = <T>(count: number, work: (index: number) => Promise<T>) =>
  Promise.all(Array.from({ length: count }, (_, n) => work(n)));

describe("the pool of the example service", function () {
  this.timeout(180_000);
  let postgres: TestPostgres;
  let database: PagesDatabase;
  before(async () => {
    postgres = await startPostgres();
    database = await createPagesDatabase(postgres);
  });
  after(() => postgres.stop());

  describe("with its defaults", () => {
    let service: RunningService;
    before(async () => {
      service = await startService({ ...database.env, PAGES_DEBUG: "1" });
    });
    after(() => service.destroy());

    it("has 5 connections open as soon as it listens, in the colour's name and under its statement timeout", async () => {
      const sessions = await database.sessions();
      assert.deepEqual(
        sessions.map(({ state }) => state),
        Array(5).fill("idle"),
      );
    });

    it("keeps them when a statement fails: a conflict costs no connection", async () => {
      const pids = async () => (await database.sessions()).map(({ pid }) => pid);
      const before = await pids();
      for (let round = 0; round < 10; round += 1)
        assert.equal((await service.call("POST", "/pages", { slug: "sample-page-1", title: "x" })).status, 409);
      assert.deepEqual(await pids(), before);
    });

    it("opens others in place of connections that were ended", async () => {
      const ended = await postgres.asSuperuser(async (client) => {
        const { rows } = await client.query<{ pid: number }>(
          "SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pages-blue'",
        );
        return rows.map(({ pid }) => pid);
      });
      assert.equal(ended.length, 5);
      await eventually("5 others are open", async () => {
        const sessions = await database.sessions();
        return sessions.length === 5 && sessions.every(({ pid }) => !ended.includes(pid));
      });
    });

    it("never has more than 20 under the load of 200 requests at once, and serves every one", async () => {
      let most = 0;
      const load = new AbortController();
      const watch = (async () => {
        while (!load.signal.aborted) most = Math.max(most, (await database.sessions()).length);
      })();
      const answers = await many(200, () => service.call("GET", "/debug/sleep?seconds=0.1"));
      load.abort();
      await watch;
      assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
      assert.equal(most, 20);
    });

    it("makes nobody wait longer than 2 s for a connection: 503 and retry-after", async () => {
      const busy = many(20, () => service.call("GET", "/debug/sleep?seconds=4"));
      await eventually("all 20 are busy", async () => {
        const sessions = await database.sessions();
        return (
          sessions.filter(({ query, state }) => state === "active" && query.startsWith("SELECT pg_sleep")).length === 20
        );
      });
      const start = performance.now();
      const waiting = service.call("GET", "/pages/by-slug/sample-page-1");
      const metrics = await (await service.fetch("/metrics")).text();
      assert.match(metrics, /^pg_pool_waiting\{.*\} 1$/m);
      const { status, headers, body } = await waiting;
      const ms = performance.now() - start;
      assert.deepEqual([status, headers.get("retry-after")], [503, "1"]);
      assert.equal((body as { error: { code: string } }).error.code, "database_unavailable");
      assert.ok(ms > 1900 && ms < 3000, `${ms} ms`);
      assert.equal((await service.call("GET", "/health/live")).status, 200);
      assert.deepEqual(new Set((await busy).map((answer) => answer.status)), new Set([200]));
      await eventually("the log says why", () =>
        service.lines.some((line) => line.includes("all 20 connections were in use for 2000 ms")),
      );
    });

    it("has a statement of 11 s cancelled by the server after 10 s: 57014", async () => {
      const start = performance.now();
      const { status, body } = await service.call("GET", "/debug/sleep?seconds=11");
      const seconds = (performance.now() - start) / 1000;
      assert.deepEqual([status, (body as { error: { code: string } }).error.code], [504, "statement_timeout"]);
      assert.ok(seconds > 9.9 && seconds < 12, `${seconds} s`);
      const failed = await eventually("the log says so", () =>
        service.log().find(({ msg, code }) => msg === "request failed" && code === "statement_timeout"),
      );
      assert.equal((failed.err as { code: string }).code, "57014");
    });
  });

  it("falls back to 5 connections once the others were idle for long, within a role's limit of just 20", async () => {
    const own = await createPagesDatabase(postgres);
    await postgres.asSuperuser((client) => client.query(`ALTER ROLE ${own.env.PGUSER ?? ""} CONNECTION LIMIT 20`));
    const service = await startService({ ...own.env, POOL_IDLE_MS: "50", PAGES_DEBUG: "1" });
    try {
      // Idle connections are closed while new ones are wanted: the moment at which a limit is overstepped.
      for (let burst = 0; burst < 25; burst += 1) {
        const answers = await many(20, (n) => service.call("GET", `/debug/sleep?seconds=0.0${n % 10}`));
        assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]), service.lines.join("\n"));
      }
      await eventually("5 are left", async () => (await own.sessions()).length === 5);
    } finally {
      await service.destroy();
    }
  });

  it("takes its size and limits from the environment", async () => {
    const env = {
      POOL_MAX: "3",
      POOL_MIN: "2",
      POOL_CONNECT_MS: "500",
      STATEMENT_TIMEOUT_MS: "2000",
      PAGES_DEBUG: "1",
    };
    const service = await startService({ ...database.env, ...env, COLOUR: "green" });
    try {
      assert.equal((await database.sessions("green")).length, 2);
      const answers = await many(4, () => service.call("GET", "/debug/sleep?seconds=1.2"));
      assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 200, 200, 503]);
      assert.equal((await service.call("GET", "/debug/sleep?seconds=3")).status, 504);
    } finally {
      await service.destroy();
    }
  });

  it("is full at the server, not only here: 53300 gives 503 and retry-after, and leaves the process alive", async () => {
    const own = await createPagesDatabase(postgres);
    await postgres.asSuperuser((client) => client.query(`ALTER ROLE ${own.env.PGUSER ?? ""} CONNECTION LIMIT 3`));
    const service = await startService({ ...own.env, PAGES_DEBUG: "1" });
    try {
      const answers = await many(6, () => service.call("GET", "/debug/sleep?seconds=0.5"));
      const refused = answers.filter(({ status }) => status === 503);
      assert.ok(refused.length > 0 && refused.length <= 3, String(refused.length));
      assert.ok(refused.every(({ headers }) => headers.get("retry-after") === "1"));
      assert.equal((await service.call("GET", "/health/ready")).status, 200);
    } finally {
      await service.destroy();
    }
  });
});
