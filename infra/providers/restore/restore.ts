import { BackupFailure } from "../../backup/failure";
import type { Contents } from "../../backup/contents";
import type { Manifest } from "../../backup/manifest";
import { describeWritten, restoredFrom, writtenSince, type Written } from "../../backup/restore";
import { openBackup } from "../backup/archive";
import { holdsAnything, pinnedSettings, readContents } from "../backup/contents";
import { takeBackup } from "../backup/take";
import type { BackupTarget } from "../backup/target";
import { verifyBackup } from "../backup/verify";
import { withConnection } from "../connection";
import type { ObjectStore } from "../store/store";
import { beside, findDatabases } from "./look";
import { makeDatabase, type MakeOptions } from "./make";
import { switchDatabase, type Switched } from "./switch";

export interface RestoreOptions extends MakeOptions {
  /** Id of the backup to go back to. */
  readonly from: string;
  /** Name of the database that the backup is of. @default the target's */
  readonly of?: string;
  /** Id of the backup since which every write may be lost. @default none, and only an empty database is replaced */
  readonly acceptLossSince?: string;
  /** Which releases are declared, for the backup that is taken before the switch. */
  readonly release: string;
}

/** What a restore has done. */
export interface Restored extends Switched {
  /** Id of the backup that was restored. */
  readonly from: string;
  /** Id of the backup of what was replaced; empty where that held nothing. */
  readonly backup: string;
  /** What the replaced database has and the new one has not. It stays in the replaced one. */
  readonly written: readonly Written[];
}

/**
 * Goes back to a backup: makes a new database from it, verified, and puts that in the place of the one that serves, which is
 * kept under another name. It may run again after a kill anywhere: the server says what is done.
 * @returns undefined where the database that serves is restored from that backup already
 * @throws BackupFailure, also where what would be lost was not accepted; then everything serves as before
 */
export async function restore(
  target: BackupTarget,
  store: ObjectStore,
  options: RestoreOptions,
): Promise<Restored | undefined> {
  const { from, of, into, acceptLossSince, release, say } = options;
  const { connection, password } = target;
  const live = connection.database;
  if (into === live)
    throw new BackupFailure("restore", `restore.into is ${into}, the database that serves; name a new one`);
  const serves = await beside(connection, password, async (client) => (await findDatabases(client, [live])).get(live));
  if (restoredFrom(serves?.comment ?? null) === from) {
    say(`${live} is restored from ${from} already`);
    return undefined;
  }
  const backup = await openBackup(store, of ?? live, from);
  await makeDatabase(target, store, backup, options);
  await assertAsDumped(target, into, backup.manifest);
  const replaced = await lookAtLive(target);
  if (replaced.holdsAnything && acceptLossSince !== from)
    throw refusal(live, into, from, acceptLossSince, writtenSince(backup.manifest.contents, replaced.contents));
  const last = replaced.holdsAnything ? await takeBackup(target, store, { before: "asked", release, say }) : undefined;
  if (last !== undefined) await verifyBackup(store, { manifest: last });
  const switched = await switchDatabase({ connection, password, to: into, backup: last?.id ?? from });
  // Nobody writes to it any more, so these figures are the last ones; taking them in the freeze would make that longer.
  const kept = await contentsOf(target, switched.kept);
  const written = last === undefined ? [] : writtenSince(backup.manifest.contents, kept);
  say(
    `${live} is restored from ${from} (${switched.downtimeMs} ms without a database); what it was is kept as ${switched.kept}`,
  );
  for (const each of written) say(`in ${switched.kept} alone: ${describeWritten(each)}`);
  return { ...switched, from, backup: last?.id ?? "", written };
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

const contentsOf = ({ connection, password }: BackupTarget, database: string): Promise<Contents> =>
  withConnection({ ...connection, database }, password, "switchyard-restore", async (client) => {
    await client.query(pinnedSettings);
    await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    return readContents(client);
  });

async function lookAtLive(target: BackupTarget): Promise<{ contents: Contents; holdsAnything: boolean }> {
  const { connection, password } = target;
  return {
    holdsAnything: await withConnection(connection, password, "switchyard-restore", holdsAnything),
    contents: await contentsOf(target, connection.database),
  };
}

function refusal(
  live: string,
  into: string,
  from: string,
  accepted: string | undefined,
  written: readonly Written[],
): BackupFailure {
  const found =
    accepted === undefined ? "restore.acceptLossSince is not set" : `restore.acceptLossSince is ${accepted}`;
  return new BackupFailure(
    "switch",
    [
      `${into} is restored from ${from} and could take the place of ${live}, but what was written since would be missing in it:`,
      ...(written.length === 0 ? ["  nothing so far"] : written.map((each) => `  ${describeWritten(each)}`)),
      `${found}, expected: ${from}. To accept that: pulumi config set --path restore.acceptLossSince ${from}. ` +
        "Nothing was switched, and everything serves as before",
    ].join("\n"),
  );
}
