import assert from "node:assert/strict";
import {
  createPagesDatabase,
  eventually,
  startInVain,
  startService,
  type PagesDatabase,
  type RunningService,
  type Session,
} from "../support/pages";
import { startGate, startServer, stopServer, type Gate } from "../support/pages.faults";
import { startPostgres, type TestPostgres } from "../support/postgres";

interface Ready {
  status: string;
  reason?: string;
}

const isAsleep = ({ state, query }: Session) => state === "active" && query.startsWith("SELECT pg_sleep");

const live = async (service: RunningService) => (await service.fetch("/health/live")).status;

async function ready(service: RunningService): Promise<{ status: number; reason: string; ms: number }> {
  const start = performance.now();
  const answer = await service.call("GET", "/health/ready");
  return { status: answer.status, reason: (answer.body as Ready).reason ?? "", ms: performance.now() - start };
}

describe("the health of the example service", function () {
  this.timeout(180_000);
  let postgres: TestPostgres;
  const running: RunningService[] = [];
  const start = async (env: Record<string, string>) => {
    const service = await startService(env);
    running.push(service);
    return service;
  };
  before(async () => {
    postgres = await startPostgres();
  });
  afterEach(() => Promise.all(running.splice(0).map((service) => service.destroy())));
  after(() => postgres.stop());

  describe("and the schema", () => {
    let database: PagesDatabase;
    beforeEach(async () => {
      database = await createPagesDatabase(postgres, "");
    });

    it("is not ready on a database that Switchyard has never seen, and says what to do", async () => {
      const service = await start(database.env);
      const { status, reason } = await ready(service);
      assert.equal(status, 503);
      assert.match(reason, /no table switchyard\.migrations.*pulumi up/);
      assert.equal(await live(service), 200);
    });

    it("is ready from the migration that it needs on, and not before", async () => {
      await database.migrate("0005");
      const service = await start(database.env);
      assert.match((await ready(service)).reason, /the schema is at 0005, this release needs 0006/);
      await database.migrate("0006");
      assert.equal((await ready(service)).status, 200);
      await database.migrate("0007");
      assert.equal((await ready(service)).status, 200);
    });

    it("takes a migration that has not finished for none", async () => {
      await database.migrate("0005");
      await database.record({ version: "0006", phase: "expand", finished: false });
      assert.match((await ready(await start(database.env))).reason, /the schema is at 0005/);
    });

    it("is not ready over a contract that is half way, in either direction; is again once it was taken back", async () => {
      await database.migrate("0007");
      await database.record({ version: "0008", phase: "contract", finished: false });
      await database.owner.query("ALTER TABLE switchyard.migrations ADD COLUMN state text, ADD COLUMN summary jsonb");
      const service = await start(database.env);
      const set = (state: string, summary = "{}") =>
        database.owner.query("UPDATE switchyard.migrations SET state = $1, summary = $2 WHERE version = '0008'", [
          state,
          summary,
        ]);
      for (const state of ["applying", "taking back"]) {
        await set(state);
        assert.match((await ready(service)).reason, /contract migration 0008/);
      }
      await set("applying", '{ "breaksBelow": "0006" }');
      assert.equal((await ready(service)).status, 200);
      await set("taken back");
      assert.equal((await ready(service)).status, 200);
    });

    it("is ready before a contract that it was built against, given the expand that it needs", async () => {
      await database.migrate("0007");
      assert.equal((await ready(await start({ ...database.env, SCHEMA: "0008", SCHEMA_NEEDS: "0007" }))).status, 200);
    });

    it("is not ready past a contract migration newer than itself; the release built against that one is", async () => {
      await database.migrate("0007");
      const [older, newer] = await Promise.all([start(database.env), start({ ...database.env, SCHEMA: "0008" })]);
      assert.match((await ready(newer)).reason, /the schema is at 0007, this release needs 0008/);
      await database.record({ version: "0008", phase: "contract", finished: false });
      assert.equal((await ready(older)).status, 200);
      await database.owner.query("UPDATE switchyard.migrations SET finished_at = now() WHERE finished_at IS NULL");
      assert.match((await ready(older)).reason, /contract migration 0008 is applied, past 0006/);
      assert.equal((await ready(newer)).status, 200);
      assert.deepEqual([await live(older), await live(newer)], [200, 200]);
    });

    it("shows version, colour, schema and the database with its latency", async () => {
      await database.migrate("0007");
      const { status, body } = await (await start(database.env)).call("GET", "/health");
      const health = body as {
        dependencies: { database: { status: string; latencyMs: number; pool: { total: number } } };
      };
      const { latencyMs, pool } = health.dependencies.database;
      assert.partialDeepStrictEqual(body, { status: "ok", version: "1.0.0", colour: "blue", schema: { required: "0006", applied: "0007" } }); // prettier-ignore
      assert.deepEqual([status, health.dependencies.database.status, pool.total], [200, "ok", 5]);
      assert.ok(latencyMs > 0 && latencyMs < 2000);
    });

    it("answers within 2 s while somebody locks the history, and leaves no statement behind", async () => {
      await database.migrate("0006");
      const service = await start(database.env);
      await database.owner.query("BEGIN");
      await database.owner.query("LOCK TABLE switchyard.migrations IN ACCESS EXCLUSIVE MODE");
      const { status, reason, ms } = await ready(service);
      const busy = (await database.sessions()).filter(({ state }) => state !== "idle");
      await database.owner.query("ROLLBACK");
      assert.deepEqual([status, busy], [503, []]);
      assert.match(reason, /another session holds a lock/);
      assert.ok(ms < 2500, `${ms} ms`);
      assert.equal((await ready(service)).status, 200);
    });
  });

  it("says at once what is wrong with its environment, all of it, in one JSON line, and exits with 1", async () => {
    const { code, lines } = await startInVain({ COLOUR: "red", SCHEMA: "six", PGPASSWORD: "secret-word" });
    assert.equal(code, 1);
    assert.equal(lines.length, 1);
    const { level, problems } = JSON.parse(lines[0] ?? "") as { level: string; problems: string[] };
    assert.equal(level, "fatal");
    const keys = problems.map((problem) => problem.split(":")[0]);
    assert.deepEqual(keys, ["COLOUR", "SCHEMA", "PGHOST", "PGDATABASE", "PGUSER"]);
    assert.doesNotMatch(lines.join(), /secret-word/);
  });

  it("names the port that is taken, and exits with 1", async () => {
    const { env } = await createPagesDatabase(postgres, "");
    const first = await start(env);
    const { code, lines } = await startInVain({ ...env, PORT: String(first.port) });
    assert.equal(code, 1);
    assert.match(lines.at(-1) ?? "", new RegExp(`"level":"fatal".*EADDRINUSE.*"port":${first.port},.*can't listen`));
  });

  describe("and a database that goes silent", () => {
    let gate: Gate;
    before(async () => {
      gate = await startGate(postgres.port);
    });
    after(() => gate.close());

    it("answers live at once and ready within 2 s, and recovers", async () => {
      const { env } = await createPagesDatabase(postgres);
      const service = await start({ ...env, PGPORT: String(gate.port) });
      assert.equal((await ready(service)).status, 200);
      gate.freeze();
      const checks = await Promise.all(Array.from({ length: 8 }, () => ready(service)));
      for (const { status, ms } of checks) {
        assert.equal(status, 503);
        assert.ok(ms < 2500, `${ms} ms`);
      }
      const asked = performance.now();
      assert.equal(await live(service), 200);
      assert.ok(performance.now() - asked < 500);
      gate.thaw();
      await eventually("the service is ready again", async () => (await ready(service)).status === 200);
    });
  });

  it("outlives connections that break while statements run on them, and opens others", async () => {
    const gate = await startGate(postgres.port);
    try {
      const database = await createPagesDatabase(postgres);
      const service = await start({ ...database.env, PGPORT: String(gate.port), PAGES_DEBUG: "1" });
      const asleep = Array.from({ length: 3 }, () => service.call("GET", "/debug/sleep?seconds=9"));
      await eventually("3 run", async () => (await database.sessions()).filter(isAsleep).length === 3);
      gate.cut();
      for (const { status, body } of await Promise.all(asleep))
        assert.deepEqual([status, (body as { error: { code: string } }).error.code], [503, "connection_lost"]);
      await eventually("5 work again", async () => {
        const sessions = await database.sessions();
        return sessions.filter(({ state }) => state === "idle").length === 5;
      });
      assert.equal((await ready(service)).status, 200);
    } finally {
      await gate.close();
    }
  });

  describe("and a database that stops", () => {
    after(() => stopServer(postgres));

    it("stays live, fails requests soon, and serves again with 5 connections once it is back", async () => {
      const database = await createPagesDatabase(postgres);
      const service = await start({ ...database.env, PAGES_DEBUG: "1" });
      const asleep = service.call("GET", "/debug/sleep?seconds=9");
      await eventually("the statement runs", async () => (await database.sessions()).some(isAsleep));
      await stopServer(postgres);

      const cut = await asleep;
      assert.deepEqual([cut.status, (cut.body as { error: { code: string } }).error.code], [503, "connection_lost"]);
      assert.equal(await live(service), 200);
      assert.equal((await ready(service)).status, 503);
      assert.equal((await service.call("GET", "/health")).status, 503);
      const refused = await service.call("GET", "/pages");
      assert.deepEqual([refused.status, refused.headers.get("retry-after"), refused.headers.get("x-colour")], [503, "1", "blue"]); // prettier-ignore

      // Started while the database is away: it comes up all the same.
      const second = await start({ ...database.env, COLOUR: "green" });
      assert.deepEqual([await live(second), (await ready(second)).status], [200, 503]);

      await startServer(postgres);
      for (const [service_, colour] of [
        [service, "blue"],
        [second, "green"],
      ] as const) {
        // prettier-ignore
        await eventually(`${colour} is ready again`, async () => (await ready(service_)).status === 200);
        assert.equal((await service_.call("GET", "/pages?limit=1")).status, 200);
        await eventually(`${colour} has its 5 connections`, async () => {
          const { body } = await service_.call("GET", "/health");
          return (
            (body as { dependencies: { database: { pool: { total: number } } } }).dependencies.database.pool.total === 5
          );
        });
      }
      // Lines come by a pipe: an answer may be here before what was logged ahead of it.
      await eventually("its log says so", () => /the database is reachable again/.test(service.lines.join("\n")));
      const text = service.lines.join("\n");
      assert.match(text, /"level":"warn".*an idle connection was lost/);
      assert.doesNotMatch(text, /"level":"fatal"/);
    });
  });
});
