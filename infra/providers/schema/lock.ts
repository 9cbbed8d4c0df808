import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "pg";

/** Any fixed number of our own: the bytes of "switchya" as one. */
const lockKey = "8320234785195194721";

interface Holder {
  pid: number;
  application: string;
  /** Null where PostgreSQL shows another role's session to nobody. */
  since: string | null;
}

/**
 * Runs `work` while this session alone may change the schema of its database. Polled, on a session with no open
 * transaction: a waiting lock call would be a snapshot that CREATE INDEX CONCURRENTLY waits for, and both would hang.
 * @param waitMs how long to wait for another holder
 * @throws when the wait is over, with who holds it and since when.
 */
export async function withSchemaLock<T>(
  lock: Client,
  options: { waitMs: number; say: (line: string) => void },
  work: (assertHeld: () => Promise<void>) => Promise<T>,
): Promise<T> {
  const end = Date.now() + options.waitMs;
  for (let said = false; !(await tryLock(lock)); said = true) {
    const holder = await findHolder(lock);
    const who = holder === undefined ? "a session that just ended" : describe(holder);
    if (!said) options.say(`waiting for the schema lock, held by ${who}`);
    if (Date.now() > end)
      throw new Error(
        `the schema is being changed by ${who}; waited ${options.waitMs / 1000} s. When that run is over, run pulumi up ` +
          `again; to end it: SELECT pg_terminate_backend(${holder?.pid ?? "pid"})`,
      );
    await delay(250);
  }
  try {
    return await work(() => assertHeld(lock));
  } finally {
    await lock.query("SELECT pg_advisory_unlock($1::bigint)", [lockKey]).catch((error: unknown) => {
      // The session is gone, and its locks with it.
      options.say(`the schema lock ended with its session: ${(error as Error).message}`);
    });
  }
}

async function tryLock(lock: Client): Promise<boolean> {
  const { rows } = await lock.query<{ got: boolean }>("SELECT pg_try_advisory_lock($1::bigint) AS got", [lockKey]);
  return rows[0]?.got === true;
}

/** Before each statement. The lock belongs to the session and is given back in one place: while the one lives, so does the other. */
async function assertHeld(lock: Client): Promise<void> {
  try {
    await lock.query("SELECT 1");
  } catch (error) {
    throw new Error(
      `the session that holds the schema lock was ended (${(error as Error).message}); nothing further was run. Run ` +
        "pulumi up again to go on from here",
      { cause: error },
    );
  }
}

async function findHolder(lock: Client): Promise<Holder | undefined> {
  const { rows } = await lock.query<Holder>(
    `SELECT a.pid, a.application_name AS application,
            to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"') AS since
       FROM pg_locks l JOIN pg_stat_activity a USING (pid)
      WHERE l.locktype = 'advisory' AND l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND (l.classid::bigint << 32 | l.objid::bigint) = $1::bigint AND l.objsubid = 1`,
    [lockKey],
  );
  return rows[0];
}

const describe = ({ pid, application, since }: Holder): string =>
  `pid ${pid} (${application === "" ? "no application name" : application})${since === null ? "" : ` since ${since}`}`;
