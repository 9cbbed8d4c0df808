import { setTimeout as delay } from "node:timers/promises";
import { DatabaseError, type Client } from "pg";
import { BackupFailure } from "../../backup/failure";
import { keptMark, keptName } from "../../backup/restore";
import type { Connection } from "../connection";
import { moveAccess } from "./access";
import { beside, findDatabases } from "./look";

export interface SwitchOptions {
  /** The database that serves, as the administrator of the server. */
  readonly connection: Connection;
  /** Secret. */
  readonly password: string;
  /** Name of the database that takes its place. */
  readonly to: string;
  /** Id of the backup of the database that serves, taken right before; empty where it holds nothing. */
  readonly backup: string;
  /** Id of the backup that `to` was restored from; empty where it served before, and comes back. */
  readonly by: string;
  /** What the comment of `to` is to be from then on. @default as it is */
  readonly comment?: string | null;
  /**
   * Id of a session in the database that serves which keeps everybody from writing. It is ended when no other is left,
   * and nobody can come any more. @default none does
   */
  readonly endLast?: number;
}

export interface Switched {
  /** Name that the database that served before has now. */
  readonly kept: string;
  /** Unix time in ms, when the other one began to serve. */
  readonly at: number;
  /** From when the first session was ended until everybody was let in again, in ms. */
  readonly downtimeMs: number;
}

/** How long somebody who is logging in may keep us from freezing, in ms. */
const lockMs = 10_000;

/**
 * Puts another database in the place of the one that serves: both colours, and everybody else who connects to it by its
 * name, move at once. Frozen, moved and thawed are one transaction of the server. It renames the database that serves, which
 * locks it: who logs in waits; sessions that were there are ended. Then the other one takes the name, and the way in.
 *
 * So nobody has to thaw anything: a process that is killed in the middle leaves a transaction that the server takes back
 * within a moment, and the database serves as before. And nobody can write to both.
 * @throws BackupFailure; then everything serves as before
 */
export async function switchDatabase(options: SwitchOptions): Promise<Switched> {
  const { connection, password, to, backup, by, endLast } = options;
  const live = connection.database;
  const kept = keptName(live, backup === "" ? by : backup);
  return beside(connection, password, (mover) =>
    beside(connection, password, async (ender) => {
      const comment = await assertReady(mover, { live, to, kept });
      const began = performance.now();
      try {
        await mover.query(
          `BEGIN; SET LOCAL lock_timeout = ${lockMs}; SET LOCAL statement_timeout = 0;
           SET LOCAL idle_in_transaction_session_timeout = ${lockMs}; SET LOCAL synchronous_commit = on`,
        );
        await moveAccess(mover, live, to);
        await renameOnceLeft(mover, ender, live, kept, endLast);
        await renameOnceLeft(mover, ender, to, live);
        const at = new Date().toISOString();
        await describe(mover, kept, keptMark({ database: live, by, backup, at, comment }));
        if (options.comment !== undefined) await describe(mover, live, options.comment);
        await mover.query("COMMIT");
      } catch (error) {
        await mover.query("ROLLBACK").catch(() => undefined);
        // The answer to COMMIT may be lost: then the server is asked what became of it.
        if (!(await findDatabases(ender, [kept])).has(kept)) throw await inWords(error, ender, { live, to, kept });
      }
      return { kept, at: Date.now(), downtimeMs: Math.round(performance.now() - began) };
    }),
  );
}

const describe = (client: Client, database: string, comment: string | null) =>
  client.query(
    `COMMENT ON DATABASE ${client.escapeIdentifier(database)} IS ${comment === null ? "NULL" : client.escapeLiteral(comment)}`,
  );

interface Names {
  readonly live: string;
  readonly to: string;
  readonly kept: string;
}

/** @returns the comment of the database that serves */
async function assertReady(client: Client, { live, to, kept }: Names): Promise<string | null> {
  const there = await findDatabases(client, [live, to, kept]);
  const missing = [live, to].find((name) => !there.has(name));
  if (missing !== undefined)
    throw new BackupFailure("switch", `there is no database ${missing} on this server; nothing was switched`);
  if (there.has(kept))
    throw new BackupFailure("switch", `there is a database ${kept} already; drop it, or take another backup first`);
  return there.get(live)?.comment ?? null;
}

/** Between two looks at who is still there, in ms. PostgreSQL itself looks every 100 ms, for five seconds. */
const lookMs = 20;

/** A rename locks the database against logins first, then waits for its sessions to leave: meanwhile they are ended. */
async function renameOnceLeft(mover: Client, ender: Client, from: string, to: string, endLast?: number): Promise<void> {
  const [old, name] = [from, to].map((each) => mover.escapeIdentifier(each)) as [string, string];
  const over = new AbortController();
  const renamed = mover.query(`ALTER DATABASE ${old} RENAME TO ${name}`).finally(() => {
    over.abort();
  });
  // Awaited below; until then a failure of it is nobody's.
  renamed.catch(() => undefined);
  while (!over.signal.aborted) {
    await endSessions(ender, from, endLast);
    await delay(lookMs, undefined, { signal: over.signal }).catch(() => undefined);
  }
  await renamed;
}

/** One by one: those that we may not end are no reason to leave the others. */
async function endSessions(ender: Client, database: string, endLast: number | undefined): Promise<void> {
  const all = await sessionsOf(ender, database);
  // Before the rename has its lock, who logs in is let in: the last session goes when it waits for nothing else.
  const others = all.filter(({ pid }) => pid !== endLast);
  for (const { pid } of others.length > 0 || !(await isLocked(ender, database)) ? others : all)
    await ender.query("SELECT pg_terminate_backend($1)", [pid]).catch((error: unknown) => {
      if (!(error instanceof DatabaseError)) throw error;
    });
}

/** Whether a rename has locked the database, so that nobody gets into it any more. */
async function isLocked(client: Client, database: string): Promise<boolean> {
  const { rows } = await client.query<{ locked: boolean }>(
    `SELECT EXISTS (SELECT FROM pg_locks JOIN pg_database AS d ON d.oid = objid
       WHERE locktype = 'object' AND classid = 'pg_database'::regclass AND mode = 'AccessExclusiveLock' AND granted
         AND datname = $1) AS locked`,
    [database],
  );
  return rows[0]?.locked === true;
}

interface Session {
  readonly pid: number;
  readonly user: string | null;
  readonly application: string;
  /** Whether we may end it: a superuser's is for a superuser to end. */
  readonly mayEnd: boolean;
}

async function sessionsOf(client: Client, database: string): Promise<Session[]> {
  const { rows } = await client.query<Session>(
    `SELECT pid, usename AS user, application_name AS application, NOT coalesce(rolsuper, false) AS "mayEnd"
       FROM pg_stat_activity LEFT JOIN pg_roles AS r ON r.oid = usesysid
      WHERE datname = $1 AND backend_type = 'client backend' ORDER BY pid`,
    [database],
  );
  return rows;
}

async function inWords(error: unknown, client: Client, { live, to, kept }: Names): Promise<Error> {
  const so = "nothing was switched, and everything serves as before";
  const message = (error as Error).message;
  // 55006: object_in_use.
  if (!(error instanceof DatabaseError) || error.code !== "55006")
    return new BackupFailure("switch", `${to} could not take the place of ${live}: ${message}; ${so}`, {
      cause: error,
    });
  const all = [...(await sessionsOf(client, live)), ...(await sessionsOf(client, to))];
  // Whoever could be ended may be back by now, and was not in the way.
  const left = all.filter(({ mayEnd }) => !mayEnd);
  const who = left.map(
    ({ pid, user, application }) => `pid ${pid} of ${user ?? "nobody"} (${application || "no name"})`,
  );
  return new BackupFailure(
    "switch",
    `${live} could not be frozen to keep it as ${kept}: ${message}. Sessions that could not be ended: ${who.join(", ") || "none any more"}. ` +
      `End them as a superuser, and run pulumi up again; ${so}`,
    { cause: error },
  );
}
