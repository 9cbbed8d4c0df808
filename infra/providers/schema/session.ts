import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "pg";
import { withConnection, type Connection } from "../connection";
import { withSchemaLock } from "./lock";
import type { Run } from "./run";

/** Where a schema is changed, and as whom. */
export interface RunTarget {
  /** As the migrator, who is no superuser. */
  readonly connection: Connection;
  readonly password: string;
  /** The role that owns the database, and that the statements run as. */
  readonly owner: string;
}

export interface RunOptions {
  /** What the session that works is called in pg_stat_activity. @default "switchyard-migrate" */
  readonly application?: string;
  /** How long to wait for another run, in ms. @default 60,000 */
  readonly waitMs?: number;
  /** One line for the operator, without a line end. */
  readonly say: (line: string) => void;
}

const defaultWaitMs = 60_000;

/**
 * How long a statement may wait for a lock, in ms: everything behind it in the queue waits as long.
 * Source: the guides' figure for DDL on tables in use, 5 s or less.
 */
export const lockTimeoutMs = 5_000;

/**
 * How long one statement in a transaction may take, in ms: its locks are held as long. A migration that needs more says so
 * by SET LOCAL statement_timeout.
 */
export const statementTimeoutMs = 3_600_000;

/** How long a transaction may stand still, in ms, before the server takes a runner that holds locks for hung. */
export const idleTimeoutMs = 60_000;

/** How often the session that holds the lock is used, so that no network takes it for dead, in ms. */
const pingMs = 30_000;

/** Work of a run that has lost its lock may still be going on: who works holds this one. */
const workKey = "8320234785195194743";

/**
 * Runs `work` while nobody else changes the schema of that database. Two sessions: one holds the lock and does nothing
 * else; the other works, as the owner. Neither can outlive this process by more than a second or two: the server looks
 * whether its client is still there also while a statement runs.
 * @throws with who holds the lock and since when, once the wait is over; and what `work` throws.
 */
export function withRun<T>(target: RunTarget, options: RunOptions, work: (run: Run) => Promise<T>): Promise<T> {
  const { connection, password, owner } = target;
  const { say, waitMs = defaultWaitMs, application = "switchyard-migrate" } = options;
  return withConnection(connection, password, "switchyard-lock", async (lock) => {
    // As itself the migrator may read what its own sessions do; as the owner it may not.
    await lock.query("SET ROLE NONE");
    await applySettings(lock);
    return withSchemaLock(lock, { waitMs, say }, (assertHeld, proof) =>
      withConnection(
        connection,
        password,
        application,
        async (client) => {
          await client.query("SET ROLE NONE");
          await applySettings(client);
          await takeOver(client, waitMs, say);
          await client.query(`SET ROLE ${client.escapeIdentifier(owner)}`);
          const stop = keepAlive(assertHeld);
          try {
            return await work({ client, connection, password, owner, assertHeld, proof, say });
          } finally {
            stop();
          }
        },
        { pipeline: true },
      ),
    );
  });
}

/** Limits of a session of ours, also after a migration has set or reset its own. */
export const sessionSettings = `SET lock_timeout = ${lockTimeoutMs}; SET statement_timeout = ${statementTimeoutMs};
     SET idle_in_transaction_session_timeout = ${idleTimeoutMs}; SET client_connection_check_interval = 1000;
     SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3`;

export async function applySettings(client: Client): Promise<void> {
  await client.query(sessionSettings);
}

/**
 * The lock of a run that was killed is free at once; its last statement may go on for a moment longer. Nothing begins
 * beside it.
 */
async function takeOver(client: Client, waitMs: number, say: (line: string) => void): Promise<void> {
  const end = Date.now() + waitMs;
  for (let said = false; ; said = true) {
    const { rows } = await client.query<{ got: boolean }>("SELECT pg_try_advisory_lock($1::bigint) AS got", [workKey]);
    if (rows[0]?.got === true) return;
    const who = await findWorker(client);
    if (!said) say(`waiting for what a run that has ended left at work: ${who}`);
    if (Date.now() > end)
      throw new Error(
        `a statement of a run that has ended is still at work: ${who}; waited ${waitMs / 1_000} s. Run pulumi up again ` +
          "when it is over, or end it with pg_terminate_backend",
      );
    await delay(100);
  }
}

async function findWorker(client: Client): Promise<string> {
  const { rows } = await client.query<{ pid: number; query: string | null }>(
    `SELECT a.pid, regexp_replace(left(a.query, 80), '\\s+', ' ', 'g') AS query
       FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
      WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND (l.classid::bigint << 32 | l.objid::bigint) = $1::bigint`,
    [workKey],
  );
  const [found] = rows;
  return found === undefined ? "a session that just ended" : `pid ${found.pid} (${found.query ?? "unknown"})`;
}

/** A loss is found by whoever asks before the next statement; here the session is only used. */
function keepAlive(assertHeld: () => Promise<void>): () => void {
  const timer = setInterval(() => void assertHeld().catch(() => undefined), pingMs);
  return () => clearInterval(timer);
}
