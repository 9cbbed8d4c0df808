import type { Client } from "pg";
import { BackupFailure } from "../../backup/failure";
import type { Contents } from "../../backup/contents";
import { describeWritten, writtenSince, type Written } from "../../backup/restore";
import type { KeptDatabase } from "../../backup/restore-choice";
import { openBackup } from "../backup/archive";
import { pinnedSettings, readContents } from "../backup/contents";
import type { BackupTarget } from "../backup/target";
import { withConnection } from "../connection";
import { unlessStoreFailed, type ObjectStore } from "../store/store";
import { afterSwitch, assertMayServe, backUpNow, contentsOf, type Guards, type Restored } from "./restore";
import { switchDatabase } from "./switch";

export interface BackOptions extends Guards {
  /** What the restore has replaced. */
  readonly to: KeptDatabase;
  /** Id of the backup that serves now. */
  readonly origin: string;
  /** Id of the backup that is gone back to, where what was written since the restore may be missing. @default none may */
  readonly acceptLossSince?: string;
  /** Which releases are declared, for the backup that is taken before. */
  readonly release: string;
  /** One line for the operator, without a line end. */
  readonly say: (line: string) => void;
}

/**
 * Takes a restore back: what it has replaced serves again, and what served in between is kept. Only where nothing was written
 * since the restore, or its loss is accepted: nobody can write between that look and the switch.
 * @throws BackupFailure; then everything serves as before
 */
export async function goBack(target: BackupTarget, store: ObjectStore, options: BackOptions): Promise<Restored> {
  const { to, origin, acceptLossSince, release, say, assertWanted } = options;
  const { connection, password } = target;
  const accepted = acceptLossSince === to.kept.backup;
  const baseline = await baselineOf(target, store, origin).catch(unlessStoreFailed);
  if (!accepted) assertNothingWritten(target, options, baseline, await contentsOf(target, connection.database));
  await assertMayServe(target, to.name, options);
  const backup = await backUpNow(target, store, { release, say });
  await assertWanted?.();
  const exchange = { connection, password, to: to.name, backup, by: "", comment: to.kept.comment };
  const switched = accepted
    ? await switchDatabase(exchange)
    : await withoutWrites(target, async (client, endLast) => {
        assertNothingWritten(target, options, baseline, await readContents(client));
        return switchDatabase({ ...exchange, endLast });
      });
  const now =
    accepted && baseline !== undefined
      ? await afterSwitch(connection.database, () => contentsOf(target, switched.kept))
      : undefined;
  const written = now === undefined || baseline === undefined ? [] : writtenSince(baseline, now);
  say(
    `${connection.database} is again what it was before ${origin} was restored (${switched.downtimeMs} ms without a database); ` +
      `what served in between is kept as ${switched.kept}`,
  );
  for (const each of written) say(`in ${switched.kept} alone: ${describeWritten(each)}`);
  return { ...switched, from: "", backup, written };
}

/**
 * What is written since the restore, as a preview asks it: whoever may not read the store leaves that to the `up`.
 * @throws BackupFailure where something is, and its loss is not accepted
 */
export async function assertMayGoBack(target: BackupTarget, store: ObjectStore, options: BackOptions): Promise<void> {
  const { to, origin, acceptLossSince } = options;
  if (acceptLossSince !== to.kept.backup) {
    const read = await baselineOf(target, store, origin)
      .then((baseline) => ({ baseline }))
      .catch(unlessStoreFailed);
    if (read !== undefined)
      assertNothingWritten(target, options, read.baseline, await contentsOf(target, target.connection.database));
  }
  await assertMayServe(target, to.name, options);
}

/** What the restored backup held; undefined where it is gone, and nobody can say what was written since. @throws StoreFailed */
async function baselineOf({ connection }: BackupTarget, store: ObjectStore, id: string): Promise<Contents | undefined> {
  try {
    return (await openBackup(store, connection.database, id)).manifest.contents;
  } catch (error) {
    if (error instanceof BackupFailure) return undefined;
    throw error;
  }
}

function assertNothingWritten(
  { connection: { database } }: BackupTarget,
  { to, origin, acceptLossSince }: BackOptions,
  baseline: Contents | undefined,
  now: Contents,
): void {
  const written = baseline === undefined ? undefined : writtenSince(baseline, now);
  if (written?.length === 0) return;
  const { backup } = to.kept;
  const given =
    acceptLossSince === undefined ? "" : `restore.acceptLossSince is ${acceptLossSince}, expected: ${backup}. `;
  throw new BackupFailure(
    "switch",
    [
      `config doesn't ask for the restore from ${origin} any more, and ${to.name}, which it has replaced, could serve again. ` +
        `But what was written to ${database} since would be missing in it:`,
      ...listed(written, origin),
      `${given}One of these: leave it restored (pulumi config set --path restore.from ${origin}); go back without what was ` +
        `written (pulumi config set --path restore.acceptLossSince ${backup}, without restore.from); or stay, and drop ` +
        `${to.name} for good (pulumi config set --path restore.retire ${to.name}). Nothing was switched, and everything serves as before`,
    ].join("\n"),
  );
}

const listed = (written: readonly Written[] | undefined, origin: string): string[] =>
  written === undefined
    ? [`  nobody can say what: the backup ${origin} can't be read any more`]
    : [...written.map((each) => `  ${describeWritten(each)}`), "  (what migrations have changed since is among it)"];

/**
 * Runs `work` while nobody writes to the database that serves; everybody may read. The locks are a session's: whoever is
 * killed gives them back. What waits for one goes on when `work` fails, and is ended with its session when it succeeds.
 */
const withoutWrites = <T>(
  { connection, password }: BackupTarget,
  work: (client: Client, pid: number) => Promise<T>,
): Promise<T> =>
  withConnection(connection, password, "switchyard-restore", async (client) => {
    const { rows } = await client.query<{ name: string }>(
      `SELECT format('%I.%I', nspname, relname) AS name FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = relnamespace
        WHERE relkind IN ('r', 'p') AND nspname !~ '^pg_' AND nspname <> 'information_schema'
          AND relpersistence <> 't' AND pg_has_role(c.relowner, 'USAGE') ORDER BY c.oid`,
    );
    await client.query(pinnedSettings);
    await client.query("BEGIN; SET LOCAL lock_timeout = '10s'");
    const tables = rows.map(({ name }) => name).join(", ");
    if (tables !== "") await client.query(`LOCK TABLE ${tables} IN SHARE MODE`);
    const pid = await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
    return work(client, pid.rows[0]?.pid ?? 0);
  });
