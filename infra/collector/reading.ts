// What PostgreSQL knows of itself and CloudWatch doesn't, read in one session by a member of pg_monitor. The same on 15 and 18.

import type { Client } from "pg";

/** One statement as pg_stat_statements has counted it since it began to, of one role. */
export interface Statement {
  /** Tells it apart from every other: role, query, and whether it was called by another one. */
  readonly key: string;
  readonly calls: number;
  /** Milliseconds of all calls together. */
  readonly total: number;
  /** Sum of the squares of each call's milliseconds. */
  readonly squares: number;
}

export interface RoleConnections {
  readonly role: string;
  /** Its CONNECTION LIMIT; -1 is none. */
  readonly most: number;
  readonly used: number;
}

/** A materialised view whose comment says how fresh it has to be. */
export interface CommentedView {
  readonly name: string;
  readonly comment: string;
}

/** Counts since the statistics were last reset. */
export interface Transactions {
  readonly commits: number;
  readonly rollbacks: number;
  readonly deadlocks: number;
}

/** One look at a database. Times in seconds, but for statements. */
export interface Reading {
  /** Milliseconds since the epoch, by the server's clock. */
  readonly at: number;
  readonly statements: readonly Statement[];
  /** Sessions that have waited longer than a second for a lock, and the one that has waited longest. */
  readonly waits: { readonly waiting: number; readonly longest: number };
  readonly roles: readonly RoleConnections[];
  readonly connections: { readonly used: number; readonly most: number };
  readonly transactions: Transactions;
  /** Of the oldest open transaction of a client; 0 without one. */
  readonly oldestTransaction: number;
  /** WAL, in bytes, that a replication slot keeps; of the one that keeps most. */
  readonly retained: number;
  /** Transactions since the oldest that isn't frozen, of all databases; at 2^31 the server stops writing. */
  readonly age: number;
  /** Percent of the rows that are dead, of the worst table with 10,000 rows or more. */
  readonly dead: number;
  readonly views: readonly CommentedView[];
}

/** Below this a table is small enough to be read whole whatever is dead in it. */
const smallTable = 10_000;

/** Whose statements are the service's. Migrations, dumps and people are no part of its latency. */
const statements = `
  SELECT userid || '/' || queryid || '/' || toplevel AS key, calls::float8 AS calls, total_exec_time AS total,
         calls * (stddev_exec_time ^ 2 + mean_exec_time ^ 2) AS squares
    FROM pg_stat_statements(false) JOIN pg_roles ON pg_roles.oid = userid
   WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND rolname = ANY ($1)
     AND queryid IS NOT NULL`;

const waits = `
  SELECT count(*)::float8 AS waiting, coalesce(max(extract(epoch FROM clock_timestamp() - waitstart)), 0)::float8 AS longest
    FROM pg_locks JOIN pg_stat_activity USING (pid)
   WHERE NOT granted AND datname = current_database() AND waitstart < clock_timestamp() - interval '1 second'`;

const roles = `
  SELECT rolname AS role, rolconnlimit::float8 AS most, count(pid)::float8 AS used
    FROM pg_roles LEFT JOIN pg_stat_activity ON usesysid = pg_roles.oid
   WHERE rolname = ANY ($1) GROUP BY 1, 2 ORDER BY 1`;

const whole = `
  SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS at,
         (SELECT count(*) FROM pg_stat_activity WHERE backend_type IN ('client backend', 'walsender'))::float8 AS used,
         current_setting('max_connections')::float8 AS most,
         xact_commit::float8 AS commits, xact_rollback::float8 AS rollbacks, deadlocks::float8 AS deadlocks,
         (SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0) FROM pg_stat_activity
           WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid())::float8
           AS "oldestTransaction",
         (SELECT coalesce(max(pg_wal_lsn_diff(
             CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, restart_lsn)), 0)
            FROM pg_replication_slots)::float8 AS retained,
         (SELECT max(greatest(age(datfrozenxid), mxid_age(datminmxid))) FROM pg_database)::float8 AS age,
         (SELECT coalesce(max(100.0 * n_dead_tup / (n_live_tup + n_dead_tup)), 0) FROM pg_stat_user_tables
           WHERE n_live_tup + n_dead_tup >= ${smallTable})::float8 AS dead
    FROM pg_stat_database WHERE datname = current_database()`;

const views = `
  SELECT oid::regclass::text AS name, obj_description(oid, 'pg_class') AS comment
    FROM pg_class WHERE relkind = 'm' AND obj_description(oid, 'pg_class') IS NOT NULL ORDER BY 1`;

type Whole = Transactions &
  Pick<Reading, "at" | "oldestTransaction" | "retained" | "age" | "dead"> & { used: number; most: number };

/**
 * Looks once.
 * @param of whose statements count (the colours' roles), and whose connections (every role that logs in)
 * @throws what PostgreSQL says: pg_stat_statements that isn't there or not loaded, a statement that took too long
 */
export async function read(
  client: Client,
  of: { service: readonly string[]; all: readonly string[] },
): Promise<Reading> {
  const rows = async <T extends object>(text: string, ...values: unknown[]): Promise<T[]> =>
    (await client.query<T>(text, values)).rows;
  const [general] = await rows<Whole>(whole);
  const [waited] = await rows<Reading["waits"]>(waits);
  if (general === undefined || waited === undefined) throw new Error("PostgreSQL has no statistics of this database");
  const { at, used, most, commits, rollbacks, deadlocks, oldestTransaction, retained, age, dead } = general;
  return {
    ...{ at, oldestTransaction, retained, age, dead, waits: waited },
    connections: { used, most },
    transactions: { commits, rollbacks, deadlocks },
    statements: await rows<Statement>(statements, of.service),
    roles: await rows<RoleConnections>(roles, of.all),
    views: await rows<CommentedView>(views),
  };
}
