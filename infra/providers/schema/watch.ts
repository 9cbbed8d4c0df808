import { setTimeout as delay } from "node:timers/promises";
import type { Client, DatabaseError } from "pg";
import { withConnection } from "../connection";
import type { Run } from "./run";

/** A statement that takes longer than this is watched, and looked at this often, in ms. */
const lookMs = 1_000;

interface Blocker {
  pid: number;
  application: string;
  since: string | null;
  query: string | null;
}

/**
 * Runs one statement of the run's session. While it takes long, another session says who holds it up, and ends it when the
 * schema lock is lost.
 * @param what names the statement at work in progress lines, such as "0004_add_slug:7"
 * @throws what `work` throws; when the lock was lost, that
 */
export async function watched<T>(run: Run, what: string | (() => string), work: () => Promise<T>): Promise<T> {
  const ended = new AbortController();
  const seen: Seen = {};
  let watching: Promise<void> | undefined;
  const name = typeof what === "string" ? () => what : what;
  const timer = setTimeout(() => void (watching = watch(run, name, ended.signal, seen)), lookMs);
  timer.unref();
  // Most statements are over before anybody looks, and an abort costs more than some of them do.
  const end = async (): Promise<void> => {
    clearTimeout(timer);
    if (watching === undefined) return;
    ended.abort();
    await watching;
  };
  try {
    return await work();
  } catch (error) {
    await end();
    if (seen.lost !== undefined) throw seen.lost;
    const { code, message } = error as DatabaseError;
    if (code === "55P03" && seen.blockers !== undefined)
      (error as DatabaseError).message = `${message}; it waited for ${seen.blockers}`;
    throw error;
  } finally {
    await end();
  }
}

interface Seen {
  /** Why the statement was ended. */
  lost?: Error;
  /** Who held it up last. */
  blockers?: string;
}

async function watch(run: Run, what: () => string, ended: AbortSignal, seen: Seen): Promise<void> {
  try {
    await withConnection(run.connection, run.password, "switchyard-watch", async (watcher) => {
      await chooseRole(watcher, run.owner);
      do {
        seen.lost = await run.assertHeld().then(
          () => undefined,
          (error: unknown) => error as Error,
        );
        if (seen.lost !== undefined) return cancel(watcher, run.client);
        const line = (await findBlockers(watcher, run.client)).map(describeBlocker).join("; ");
        if (line !== "" && line !== seen.blockers) run.say(`${what()} waits for ${line}`);
        seen.blockers = line === "" ? seen.blockers : line;
      } while (await pause(lookMs, ended));
    });
  } catch (error) {
    // The statement goes on unwatched; its own timeouts hold, and the lock is asked for again before the next one.
    run.say(`${what()} can't be watched: ${(error as Error).message}`);
  }
}

/** @returns false once the statement has ended. */
const pause = (ms: number, ended: AbortSignal): Promise<boolean> =>
  delay(ms, true, { signal: ended, ref: false }).catch(() => false);

// The types leave it out; it is what the server told when the session began.
const pidOf = (client: Client): number => (client as unknown as { processID: number }).processID;

async function findBlockers(watcher: Client, client: Client): Promise<Blocker[]> {
  const { rows } = await watcher.query<Blocker>(
    `SELECT a.pid, a.application_name AS application,
            to_char(coalesce(a.xact_start, a.backend_start) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"') AS since,
            regexp_replace(left(a.query, 60), '\\s+', ' ', 'g') AS query
       FROM unnest(pg_blocking_pids($1)) AS b (pid) JOIN pg_stat_activity AS a USING (pid) ORDER BY a.pid`,
    [pidOf(client)],
  );
  return rows;
}

function describeBlocker({ pid, application, since, query }: Blocker): string {
  const who = `pid ${pid} (${application === "" ? "no application name" : application})`;
  const hidden = query === null || query === "" || query.startsWith("<");
  return `${who}${since === null ? "" : `, at work since ${since}`}${hidden ? "" : `: ${query}`}`;
}

/** As itself the migrator sees what its own sessions do; what the service's do, only a role with pg_read_all_stats. */
async function chooseRole(watcher: Client, owner: string): Promise<void> {
  const { rows } = await watcher.query<{ sees: boolean }>(
    "SELECT pg_has_role(rolname, 'pg_read_all_stats', 'USAGE') AS sees FROM pg_roles WHERE rolname = $1",
    [owner],
  );
  await watcher.query(`SET ROLE ${rows[0]?.sees === true ? watcher.escapeIdentifier(owner) : "NONE"}`);
}

async function cancel(watcher: Client, client: Client): Promise<void> {
  // A session is ended by the role that has logged in, not by the owner.
  await watcher.query("SET ROLE NONE");
  await watcher.query("SELECT pg_cancel_backend($1)", [pidOf(client)]);
}
