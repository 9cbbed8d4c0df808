import { BackupFailure } from "../../backup/failure";
import type { Contents } from "../../backup/contents";
import type { Manifest } from "../../backup/manifest";
import { describeWritten, restoredFrom, writtenSince, type Written } from "../../backup/restore";
import { openBackup, type Backup } from "../backup/archive";
import { holdsAnything, pinnedSettings, readContents } from "../backup/contents";
import { takeBackup } from "../backup/take";
import type { BackupTarget } from "../backup/target";
import { verifyBackup } from "../backup/verify";
import { withConnection } from "../connection";
import type { ObjectStore } from "../store/store";
import { factsOf, readHistory, type SchemaFacts } from "../schema/history";
import { beside, findDatabases, findKept } from "./look";
import { makeDatabase, type MakeOptions } from "./make";
import { dropIfEmpty } from "./retire";
import { switchDatabase, type Switched } from "./switch";

/** What is asked before another database takes the place of the one that serves. */
export interface Guards {
  /** Why a database with this schema must not serve, one sentence each. @default nothing is asked of it */
  readonly judge?: (schema: SchemaFacts, database: string) => readonly string[];
  /** Throws once nobody waits for it any more. @default somebody always does */
  readonly assertWanted?: () => Promise<void>;
}

export interface RestoreOptions extends MakeOptions, Guards {
  /** Id of the backup to go back to. */
  readonly from: string;
  /** Name of the database that the backup is of. @default the target's */
  readonly of?: string;
  /** Id of the backup since which every write may be lost. @default none, and only an empty database is replaced */
  readonly acceptLossSince?: string;
  /** What config calls that backup. @default its id */
  readonly named?: string;
  /** Which releases are declared, for the backup that is taken before the switch. */
  readonly release: string;
}

/** What a restore has done. */
export interface Restored extends Omit<Switched, "downtimeMs"> {
  /** Id of the backup that was restored; empty where what had been kept came back. */
  readonly from: string;
  /** Id of the backup of what was replaced; empty where that held nothing. */
  readonly backup: string;
  /** Undefined where a run has switched that was killed then. */
  readonly downtimeMs?: number;
  /** What the replaced database has and the new one has not. It stays in the replaced one. */
  readonly written: readonly Written[];
}

/**
 * Goes back to a backup: makes a new database from it, verified, and puts that in the place of the one that serves, which is
 * kept under another name. It may run again after a kill anywhere: the server says what is done.
 * @returns what an earlier run has done, where the database that serves is restored from that backup already; undefined where
 *   nothing of what it has replaced is there any more
 * @throws BackupFailure, also where what would be lost was not accepted; then everything serves as before
 */
export async function restore(
  target: BackupTarget,
  store: ObjectStore,
  options: RestoreOptions,
): Promise<Restored | undefined> {
  const { from, of, into, release, say, assertWanted } = options;
  const { connection, password } = target;
  const live = connection.database;
  if (into === live)
    throw new BackupFailure("restore", `restore.into is ${into}, the database that serves; name a new one`);
  const serves = await beside(connection, password, async (client) => (await findDatabases(client, [live])).get(live));
  const backup = await openWhole(store, of ?? live, from);
  if (restoredFrom(serves?.comment ?? null) === from) {
    say(`${live} is restored from ${from} already`);
    return doneBefore(target, backup.manifest);
  }
  await makeDatabase(target, store, backup, options);
  await assertAsDumped(target, into, backup.manifest);
  await assertMayServe(target, into, options);
  const replaced = await assertLossAccepted(target, backup.manifest, options);
  const last = replaced.holdsAnything ? await backUpNow(target, store, { release, say }) : "";
  await assertWanted?.();
  const switched = await switchDatabase({ connection, password, to: into, backup: last, by: from });
  say(
    `${live} is restored from ${from} (${switched.downtimeMs} ms without a database); what it was is kept as ${switched.kept}`,
  );
  const kept = await afterSwitch(live, () => whatIsKept(target, switched.kept, last, backup.manifest, say));
  return { ...switched, ...kept, from };
}

/** One backup, of a whole database. @throws BackupFailure also where it is of one schema alone; StoreFailed */
export async function openWhole(store: ObjectStore, database: string, id: string): Promise<Backup> {
  const backup = await openBackup(store, database, id);
  const { schema } = backup.manifest;
  if (schema === undefined) return backup;
  throw new BackupFailure(
    "restore",
    `the backup ${id} is of the schema ${schema} alone, and can't take the place of ${database}: name one of the whole database ` +
      "(npm run backups -- list)",
  );
}

/** Of the database that serves, taken and verified: the last that anybody sees of it before it is replaced. @returns its id */
export async function backUpNow(
  target: BackupTarget,
  store: ObjectStore,
  { release, say }: Pick<RestoreOptions, "release" | "say">,
): Promise<string> {
  const manifest = await takeBackup(target, store, { before: "asked", release, say });
  await verifyBackup(store, { manifest });
  say(`took the backup ${manifest.id} of ${manifest.database} as it is now, verified`);
  return manifest.id;
}

/** Nothing that fails from here on may say that nothing was switched. */
export async function afterSwitch<T>(live: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new BackupFailure(
      "switch",
      `another database serves as ${live} now, as asked for, but what it has replaced could not be looked at: ` +
        `${(error as Error).message}. Run pulumi up again`,
      { cause: error },
    );
  }
}

/** An earlier run has switched, and was killed before it could say so. */
async function doneBefore(target: BackupTarget, manifest: Manifest): Promise<Restored | undefined> {
  const { connection, password } = target;
  const all = await beside(connection, password, (client) => findKept(client, connection.database));
  const found = all.findLast(({ kept }) => kept.by === manifest.id);
  if (found === undefined) return undefined;
  const { backup, at } = found.kept;
  const rest = await whatIsKept(target, found.name, backup, manifest, () => undefined);
  return { ...rest, from: manifest.id, at: Date.parse(at) };
}

/** Nobody writes to it any more, so its figures are the last ones; taking them in the freeze would make that longer. */
async function whatIsKept(
  target: BackupTarget,
  kept: string,
  backup: string,
  manifest: Manifest,
  say: (line: string) => void,
): Promise<Pick<Restored, "kept" | "backup" | "written">> {
  if (backup === "" && (await dropIfEmpty(target, kept, say))) return { kept: "", backup, written: [] };
  const written = writtenSince(manifest.contents, await contentsOf(target, kept));
  for (const each of written) say(`in ${kept} alone: ${describeWritten(each)}`);
  return { kept, backup, written };
}

/** @throws BackupFailure with why the releases that run could not work with it */
export async function assertMayServe(
  { connection, password }: BackupTarget,
  database: string,
  { judge }: Guards,
): Promise<void> {
  if (judge === undefined) return;
  const history = await withConnection({ ...connection, database }, password, "switchyard-restore", readHistory);
  const reasons = judge(factsOf(history), database);
  if (reasons.length === 0) return;
  throw new BackupFailure(
    "switch",
    [
      `${database} must not take the place of ${connection.database}:`,
      ...reasons.map((line) => `  ${line}`),
      "Nothing was switched, and everything serves as before",
    ].join("\n"),
  );
}

/** One that an earlier run has made may have been changed since. */
async function assertAsDumped(target: BackupTarget, into: string, manifest: Manifest): Promise<void> {
  const changed = writtenSince(manifest.contents, await contentsOf(target, into));
  if (changed.length === 0) return;
  throw new BackupFailure(
    "restore",
    `${into} was restored from ${manifest.id}, and was changed since (${changed.map(describeWritten).join("; ")}); drop it, ` +
      `or choose another name: pulumi config set --path restore.into <name>`,
  );
}

/** Counts and checksums of a database, in one snapshot. */
export const contentsOf = ({ connection, password }: BackupTarget, database: string): Promise<Contents> =>
  withConnection({ ...connection, database }, password, "switchyard-restore", async (client) => {
    await client.query(pinnedSettings);
    await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    return readContents(client);
  });

/**
 * Whether the database that serves may be replaced by one restored from the backup; asked at preview too.
 * @throws BackupFailure where something was written since, and its loss is not accepted
 */
export async function assertLossAccepted(
  target: BackupTarget,
  { id, contents }: Manifest,
  { acceptLossSince, named = id }: Pick<RestoreOptions, "acceptLossSince" | "named">,
): Promise<{ holdsAnything: boolean }> {
  const { connection, password } = target;
  const held = await withConnection(connection, password, "switchyard-restore", holdsAnything);
  if (!held || acceptLossSince === id) return { holdsAnything: held };
  const written = writtenSince(contents, await contentsOf(target, connection.database));
  const given =
    acceptLossSince === undefined
      ? "restore.acceptLossSince is not set"
      : `restore.acceptLossSince is ${acceptLossSince}`;
  throw new BackupFailure(
    "switch",
    [
      `a restore from ${named} takes the place of ${connection.database}, and what was written since would be missing in it:`,
      ...(written.length === 0 ? ["  nothing so far"] : written.map((each) => `  ${describeWritten(each)}`)),
      `${given}, expected: ${named}. To accept that: pulumi config set --path restore.acceptLossSince ${named}. ` +
        "Nothing was switched, and everything serves as before",
    ].join("\n"),
  );
}
