// A database as Access makes it, and everything that the collector's alarms are about brought about in it for real.

import assert from "node:assert/strict";
import type { Client } from "pg";
import { limitsWith, type CollectedLimits } from "../../infra/collector/alarms";
import { loginKinds, roleNames, type LoginKind } from "../../infra/database/names";
import { startPostgres, type TestPostgres } from "./postgres";

export const database = "pages";
export const roles = roleNames(database);
export const rolePassword = "of-a-test";
/** CONNECTION LIMIT of each role but the collector's own. */
const mostConnections = 8;

/** What takes hours on a server that works, with limits that a test can wait for; the rest as a stack has it. */
export const quickLimits: CollectedLimits = {
  ...limitsWith(80),
  ...{ lockWait: 1, transaction: 1, retained: 8 * 2 ** 20 },
};

export interface WatchedDatabase {
  readonly postgres: TestPostgres;
  /** A session of one of the roles; `stop` ends it, if nobody did. */
  as(kind: LoginKind): Promise<Client>;
  superuser<T>(work: (client: Client) => Promise<T>): Promise<T>;
}

export async function watchedDatabase(major: 15 | 18): Promise<WatchedDatabase> {
  const postgres = await startPostgres(major);
  await postgres.asSuperuser(async (client) => {
    for (const kind of loginKinds) {
      const more =
        kind === "monitoring" ? "CONNECTION LIMIT 5 IN ROLE pg_monitor" : `CONNECTION LIMIT ${mostConnections}`;
      await client.query(`CREATE ROLE ${roles[kind]} LOGIN PASSWORD '${rolePassword}' ${more}`);
    }
    await client.query(`CREATE DATABASE ${database} TEMPLATE template1`);
    // Alarms on the log want lines that a test can wait for.
    await client.query("ALTER SYSTEM SET deadlock_timeout = '100ms'");
    await client.query("SELECT pg_reload_conf()");
  });
  const superuser = <T>(work: (client: Client) => Promise<T>) => postgres.asSuperuser(work, database);
  await superuser(async (client) => {
    await client.query("CREATE TABLE pages (id integer PRIMARY KEY, n integer)");
    await client.query("CREATE TABLE secrets (id integer)");
    await client.query("INSERT INTO pages SELECT i, 0 FROM generate_series(1, 3) i");
    await client.query(`GRANT ALL ON pages TO ${roles.blue}, ${roles.migrator}`);
    await client.query("CREATE TABLE visits (id integer) WITH (autovacuum_enabled = off)");
    await client.query("INSERT INTO visits SELECT generate_series(1, 12000)");
    await client.query("CREATE MATERIALIZED VIEW popular_pages AS SELECT count(*) FROM pages");
  });
  const as = (kind: LoginKind) => postgres.connect({ user: roles[kind], password: rolePassword, database });
  return { postgres, as, superuser };
}

type Undo = () => Promise<unknown>;

/** Waits until a query of the superuser's gives true: the server's own word, and not a time. */
async function until(db: WatchedDatabase, what: string, condition: string): Promise<void> {
  for (let tries = 0; tries < 600; tries += 1) {
    const holds = await db.superuser(async (client) => {
      const { rows } = await client.query<{ holds: boolean }>(`SELECT ${condition} AS holds, pg_sleep(0.02)`);
      return rows[0]?.holds === true;
    });
    if (holds) return;
  }
  assert.fail(`${what} didn't come about`);
}

/** What each alarm on a figure of the collector is about; undone by what is returned, where a test can. */
export const provocations: Readonly<Record<string, (db: WatchedDatabase) => Promise<Undo | undefined>>> = {
  "query-p95": async (db) => {
    const clients = await Promise.all(Array.from({ length: 5 }, () => db.as("blue")));
    await Promise.all(
      clients.map(async (client) => {
        for (let i = 0; i < 5; i += 1) await client.query("SELECT pg_sleep(0.15)");
      }),
    );
    await Promise.all(clients.map((client) => client.end()));
    return () => Promise.resolve();
  },
  "lock-blocked": async (db) => {
    const [holder, waiter] = [await db.as("blue"), await db.as("migrator")];
    await holder.query("BEGIN; UPDATE pages SET n = 1 WHERE id = 1");
    const waits = waiter.query("BEGIN; LOCK TABLE pages IN ACCESS EXCLUSIVE MODE; COMMIT");
    await until(db, "a wait above a second", "EXISTS (SELECT FROM pg_locks WHERE NOT granted AND waitstart < clock_timestamp() - interval '1.2 s')"); // prettier-ignore
    return async () => {
      await holder.query("ROLLBACK");
      await waits;
      await Promise.all([holder.end(), waiter.end()]);
    };
  },
  "connections-blue": (db) => taken(db, "blue"),
  "connections-green": (db) => taken(db, "green"),
  "old-transaction": async (db) => {
    const client = await db.as("blue");
    await client.query("BEGIN; SELECT 1");
    await until(db, "an old transaction", "EXISTS (SELECT FROM pg_stat_activity WHERE xact_start < clock_timestamp() - interval '1.2 s' AND usename LIKE 'pages%')"); // prettier-ignore
    return () => client.end();
  },
  "slot-behind": async (db) => {
    await db.superuser(async (client) => {
      await client.query("SELECT pg_create_physical_replication_slot('forgotten', true)");
      await client.query("SELECT pg_logical_emit_message(false, 'test', repeat('x', 10 * 1024 * 1024))");
    });
    return () => db.superuser((client) => client.query("SELECT pg_drop_replication_slot('forgotten')"));
  },
  /** What is over only once every database was frozen, the ones that nobody connects to included. */
  wraparound: async (db) => {
    await db.superuser(async (client) => {
      for (let i = 0; i < 150; i += 1) await client.query("SELECT pg_current_xact_id()");
    });
    return undefined;
  },
  "dead-rows": async (db) => {
    await db.superuser((client) => client.query("DELETE FROM visits WHERE id <= 8000"));
    await until(db, "the statistics", "EXISTS (SELECT FROM pg_stat_user_tables WHERE relname = 'visits' AND n_dead_tup >= 8000)"); // prettier-ignore
    return () => db.superuser((client) => client.query("VACUUM visits"));
  },
  "stale-views": async (db) => {
    const comment = (refreshed: string) =>
      db.superuser((client) =>
        client.query(`DO $$ BEGIN EXECUTE format('COMMENT ON MATERIALIZED VIEW popular_pages IS %L',
          'fresh for 1 hour; refreshed ' || ${refreshed}); END $$`),
      );
    await comment("(now() - interval '61 minutes')");
    return () => comment("now()");
  },
};

/** Every connection that a role may have; while a test looks, its own session is none of them. */
async function taken(db: WatchedDatabase, kind: LoginKind): Promise<Undo> {
  const clients = await Promise.all(Array.from({ length: mostConnections }, () => db.as(kind)));
  return () => Promise.all(clients.map((client) => client.end()));
}
