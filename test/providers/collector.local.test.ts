import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Client, Pool } from "pg";
import { alarmsHere } from "../../infra/platform/local/collector/alarms";
import { parseMetrics } from "../../infra/platform/local/balancer/snapshot";
import { startBalancer, stateFolder, token, type RunningBalancer } from "../support/balancer";
import {
  provocations,
  quickLimits,
  rolePassword,
  roles,
  watchedDatabase,
  type WatchedDatabase,
} from "../support/watched";

const main = resolve(__dirname, "../../infra/platform/local/collector/main.ts");
const intervalMs = 1_000;
/** What has no colour either, and is none of the collector's. */
const ofBalancer = /^(balancer-errors-|walk-lost$)/;

describe("the collector of one machine", function () {
  this.timeout(600_000);
  const logs = mkdtempSync(join(tmpdir(), "collector-"));
  let state: Awaited<ReturnType<typeof stateFolder>>;
  let balancer: RunningBalancer;
  let db: WatchedDatabase;
  let collector: ChildProcess | undefined;
  let output = "";
  let stopped = false;
  const limits = { ...quickLimits };
  /** What has fired while somebody waited, with its severity. */
  const seen: Record<string, string> = {};

  const databaseAlarms = async () =>
    parseMetrics(await balancer.client.metrics()).filter(
      ({ name, labels }) =>
        name === "switchyard_balancer_alarm" && labels.colour === "none" && !ofBalancer.test(labels.alarm ?? ""),
    );

  /** Severity of each alarm that the balancer shows as firing, by name. */
  async function firing(): Promise<Record<string, string>> {
    const now = (await databaseAlarms()).filter(({ value }) => value === 1);
    return Object.fromEntries(now.map(({ labels }) => [labels.alarm ?? "", labels.severity ?? ""]));
  }

  /** Waits for reports, each of which is the collector's own doing. */
  async function until(what: string, holds: (names: readonly string[]) => Promise<boolean> | boolean): Promise<void> {
    const end = Date.now() + 90_000;
    for (;;) {
      const now = await firing();
      Object.assign(seen, now);
      if (await holds(Object.keys(now))) return;
      assert.ok(Date.now() < end, `${what}, within 90 s; what fires is ${Object.keys(now).join(", ")}\n${output}`);
      await delay(50);
    }
  }

  function startCollector(): ChildProcess {
    const child = spawn(process.execPath, ["--import", "tsx", main], {
      env: {
        ...{ PATH: process.env.PATH, PGHOST: "127.0.0.1", PGPORT: String(db.postgres.port), PGDATABASE: "pages" },
        ...{ PGPASSWORD: rolePassword, ADMIN_PORT: String(balancer.adminPort), ADMIN_TOKEN: token },
        ...{ COPIES_LOGS: logs, INTERVAL_MS: String(intervalMs), LIMITS: JSON.stringify(limits) },
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (output += text)); // prettier-ignore
    return child;
  }

  async function killed(): Promise<void> {
    if (collector?.exitCode !== null || collector.signalCode !== null) return;
    const ended = once(collector, "exit");
    collector.kill("SIGKILL");
    await ended;
  }

  before(async () => {
    state = await stateFolder();
    [balancer, db] = await Promise.all([startBalancer(state.path), watchedDatabase(15)]);
    await db.superuser(async (client) => {
      await client.query(`GRANT ALL ON pages TO ${roles.green}`);
      const { rows } = await client.query<{ age: number }>(
        "SELECT max(greatest(age(datfrozenxid), mxid_age(datminmxid)))::float8 AS age FROM pg_database",
      );
      // Room for what the test does before it means to.
      limits.age = (rows[0]?.age ?? 0) + 100;
    });
  });
  after(async () => {
    await killed();
    await Promise.all([balancer.end("SIGTERM"), stopped ? undefined : db.postgres.stop()]);
    await state.clear();
    rmSync(logs, { recursive: true, force: true });
  });

  /** Notes what fires from now on, until what is returned is called. */
  function watch(): () => Promise<void> {
    const ended = new AbortController();
    const done = (async () => {
      while (!ended.signal.aborted) {
        Object.assign(seen, await firing());
        await delay(50);
      }
    })();
    return () => {
      ended.abort();
      return done;
    };
  }

  /** What PostgreSQL and the copies write lines of, and has no figure. */
  async function logged(): Promise<() => Promise<unknown>> {
    const wrong = {
      host: "127.0.0.1",
      port: db.postgres.port,
      user: roles.readonly,
      password: "no",
      database: "pages",
    };
    for (let i = 0; i < 6; i += 1) await assert.rejects(new Client(wrong).connect());
    const migrator = await db.as("migrator");
    await assert.rejects(migrator.query("ALTER TABLE nowhere ADD COLUMN n integer"));
    for (let i = 0; i < 11; i += 1) await assert.rejects(migrator.query("INSERT INTO pages VALUES (1, 0)"), /violates/);
    await migrator.query("SELECT pg_sleep(1.05)");
    const waiters = await Promise.all(Array.from({ length: 5 }, () => db.as("migrator")));
    await migrator.query("BEGIN; UPDATE pages SET n = 1 WHERE id = 2");
    // Each of them waits longer than deadlock_timeout, three times.
    await Promise.all(
      waiters.map(async (client) => {
        await client.query("SET lock_timeout = '250ms'");
        for (let i = 0; i < 3; i += 1) await assert.rejects(client.query("UPDATE pages SET n = 2 WHERE id = 2"));
      }),
    );
    const [other] = waiters;
    await other?.query("SET lock_timeout = 0; BEGIN; UPDATE pages SET n = 1 WHERE id = 3");
    const ended = await Promise.allSettled([
      migrator.query("UPDATE pages SET n = 1 WHERE id = 3"),
      other?.query("UPDATE pages SET n = 1 WHERE id = 2"),
    ]);
    assert.equal(ended.filter(({ status }) => status === "rejected").length, 1);
    return () => Promise.all([migrator, ...waiters].map((client) => client.end()));
  }

  /** What a copy logs when its pool gives it no connection. */
  async function poolExhausted(): Promise<void> {
    const { user, password } = db.postgres.administrator;
    const at = { host: "127.0.0.1", port: db.postgres.port, database: "postgres", user, password };
    const pool = new Pool({ ...at, max: 1, connectionTimeoutMillis: 1_000 });
    const taken = await pool.connect();
    await assert.rejects(pool.connect(), (error: Error) => {
      for (const colour of ["blue", "green"])
        appendFileSync(
          join(logs, `${colour}.log`),
          `${JSON.stringify({ level: 50, err: { message: error.message } })}\n`,
        );
      return true;
    });
    taken.release();
    await pool.end();
  }

  /** The service's queries, slow all the time, on all but three of the connections that blue may have. */
  async function slowQueries(): Promise<() => Promise<unknown>> {
    const clients = await Promise.all(Array.from({ length: 5 }, () => db.as("blue")));
    const ended = new AbortController();
    const done = Promise.all(
      clients.map(async (client) => {
        while (!ended.signal.aborted) await client.query("SELECT pg_sleep(0.12)");
        await client.end();
      }),
    );
    return () => {
      ended.abort();
      return done;
    };
  }

  /** More than four of five that the server has. */
  async function manyConnections(): Promise<() => Promise<unknown>> {
    const clients = await Promise.all(
      Array.from({ length: 150 }, () => db.postgres.connect(db.postgres.administrator)),
    );
    return () => Promise.all(clients.map((client) => client.end()));
  }

  it("has every alarm of its table fire, with its severity, when that is so, and none any more when it is over", async () => {
    // What is looked at for an hour is so from the beginning.
    const undo = [await provocations["dead-rows"]?.(db)];
    collector = startCollector();
    await until("the first reading", (names) => names.length > 0);
    assert.deepEqual(await firing(), { "dead-rows": "low" });

    const expected = Object.fromEntries(
      alarmsHere(limits, roles)
        .filter(({ name }) => name !== "collector-silent")
        .map(({ name, severity }) => [name, severity]),
    );
    const watching = watch();
    undo.push(await logged());
    await poolExhausted();
    for (const name of [
      "lock-blocked",
      "old-transaction",
      "slot-behind",
      "wraparound",
      "stale-views",
      "connections-green",
    ])
      undo.push(await provocations[name]?.(db));
    undo.push(await slowQueries(), await manyConnections());
    await assert.rejects(db.as("green"), /too many connections/);
    const missing = () => Object.keys(expected).filter((name) => !(name in seen));
    await until(`each alarm (${missing().join(", ")})`, () => missing().length === 0);
    await watching();
    assert.deepEqual(seen, expected);
    for (const each of undo) await each?.();
    // Of an age only PostgreSQL itself disposes.
    await until("nothing of it", (names) => names.every((name) => name === "wraparound"));
  });

  it("shows the figures too", async () => {
    const samples = parseMetrics(await balancer.client.metrics());
    const figure = (name: string, role = "") =>
      samples.find(({ name: metric, labels }) => metric === "switchyard_database_figure" && labels.figure === name && labels.role === role)?.value; // prettier-ignore
    assert.equal(figure("Collected"), 1);
    assert.equal(figure("ConnectionsUsed", roles.green), 0);
    assert.equal(typeof figure("TransactionAge"), "number");
  });

  it("has collector-silent fire when the database is gone, and when it is gone itself; no walk fails by either", async () => {
    await db.postgres.stop();
    stopped = true;
    // Lines of the log are told of for five readings more.
    await until("silence, and nothing else", (names) => names.join() === "collector-silent");
    assert.match(output, /can't connect as pages_monitoring to pages at 127\.0\.0\.1:\d+: /);
    assert.ok(!output.includes(rolePassword) && !output.includes(token));
    const { firing: gates } = await balancer.client.snapshot();
    assert.deepEqual(gates, { blue: [], green: [] });
    await killed();
    // From then on the balancer knows of nothing else.
    const known = async () => (await databaseAlarms()).map(({ labels }) => labels.alarm);
    await until("the balancer's own word", async () => (await known()).length === 1);
    assert.deepEqual([await known(), await firing()], [["collector-silent"], { "collector-silent": "high" }]);
    await balancer.client.forgetDatabase();
    assert.deepEqual(await known(), []);
  });
});
