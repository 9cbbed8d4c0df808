import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "pg";
import type { Connection } from "../connection";
import { beside } from "./look";

/** How long to wait for another one, in ms: one whose `up` was killed notices that before it exchanges anything. */
const waitMs = 60_000;

/** Between two looks, in ms. */
const lookMs = 250;

/**
 * Runs `work` while nobody else exchanges this database. The lock is the session's: whoever is killed gives it back.
 * @param work is given what throws once the lock is lost
 * @throws when another one has it for too long, with who that is
 */
export function withRestoreLock<T>(
  connection: Connection,
  password: string,
  say: (line: string) => void,
  work: (assertHeld: () => Promise<void>) => Promise<T>,
): Promise<T> {
  const { database } = connection;
  return beside(connection, password, async (lock) => {
    const end = Date.now() + waitMs;
    for (let said = false; !(await tryLock(lock, database)); said = true) {
      if (!said) say(`waiting for another restore of ${database}, by ${await holderOf(lock, database)}`);
      if (Date.now() > end)
        throw new Error(
          `another restore of ${database} is at work, by ${await holderOf(lock, database)}; waited ${waitMs / 1000} s. ` +
            "When it is over, run pulumi up again; to end it: SELECT pg_terminate_backend(<pid>)",
        );
      await delay(lookMs);
    }
    return work(async () => {
      await lock.query("SELECT 1");
    });
  });
}

const key = "hashtextextended('switchyard restore of ' || $1::text, 0)";

async function tryLock(client: Client, database: string): Promise<boolean> {
  const { rows } = await client.query<{ got: boolean }>(`SELECT pg_try_advisory_lock(${key}) AS got`, [database]);
  return rows[0]?.got === true;
}

async function holderOf(client: Client, database: string): Promise<string> {
  const { rows } = await client.query<{ pid: number }>(
    `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND (classid::bigint << 32 | objid::bigint) = ${key}`,
    [database],
  );
  return rows[0] === undefined ? "a session that just ended" : `pid ${rows[0].pid} of the server`;
}
