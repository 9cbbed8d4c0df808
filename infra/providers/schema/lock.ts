import { setTimeout as delay } from "node:timers/promises";
import type { Client, DatabaseError } from "pg";

/** Any fixed number of our own: the bytes of "switchya" as one. */
const lockKey = "8320234785195194721";

/** The first half of a key that each session with the schema lock has for itself; its pid is the second. The bytes of "swit". */
const ownKey = 0x73776974;

/** What the proof raises, and nothing else does. */
const lostWords = "the session that holds the schema lock was ended";

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
 * @param work is given two ways to ask whether the lock is still held: a round trip to the session that holds it, and a
 *   statement for a transaction of another session, which raises what `asLost` knows once the first one has ended
 * @throws when the wait is over, with who holds it and since when.
 */
export async function withSchemaLock<T>(
  lock: Client,
  options: { waitMs: number; say: (line: string) => void },
  work: (assertHeld: () => Promise<void>, proof: string) => Promise<T>,
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
    const proof = await makeProof(lock);
    return await work(() => assertHeld(lock), proof);
  } finally {
    const release = "SELECT pg_advisory_unlock($1::bigint), pg_advisory_unlock($2, pg_backend_pid())";
    await lock.query(release, [lockKey, ownKey]).catch((error: unknown) => {
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
    throw lost((error as Error).message, error);
  }
}

const lost = (why: string, cause: unknown): Error =>
  new Error(`${lostWords} (${why}); nothing further was run. Run pulumi up again to go on from here`, { cause });

/**
 * Takes a lock of this session's own beside the schema lock. While it lives, another session asks for that one in vain; once
 * it has ended, the other gets it, and knows. The schema lock itself would not tell: somebody else may hold it by then.
 * It costs no round trip: it is sent together with what must not run without it.
 */
async function makeProof(lock: Client): Promise<string> {
  const { rows } = await lock.query<{ pid: number; got: boolean }>(
    "SELECT pg_backend_pid() AS pid, pg_try_advisory_lock($1, pg_backend_pid()) AS got",
    [ownKey],
  );
  const { pid, got } = rows[0] ?? { pid: 0, got: false };
  if (!got)
    throw new Error(`another session holds the advisory lock (${ownKey}, ${pid}); end it, and run pulumi up again`);
  // A text that is no number raises; which of both it is, is known only when the lock was asked for.
  return `SELECT (CASE WHEN pg_catalog.pg_try_advisory_xact_lock(${ownKey}, ${pid}) THEN '${lostWords}' ELSE '1' END)::int`;
}

/** The loss of the schema lock, where that is what the proof raised; any other error as it is. */
export function asLost(error: unknown): unknown {
  const { code, message } = error as DatabaseError;
  // 22P02: invalid_text_representation. It shows the text in every language.
  return code === "22P02" && message.includes(`"${lostWords}"`) ? lost("its own lock is free", error) : error;
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
