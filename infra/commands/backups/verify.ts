import { look, type Found } from "../../providers/backup/back-up";
import { roomOf, type Room } from "../../providers/backup/space";
import { snapshotStatus } from "../../providers/backup/snapshot";
import { verifyArchive } from "../../providers/backup/stack-archive";
import { drillBackup, verifyBackup } from "../../providers/backup/verify";
import type { SnapshotRecord } from "../../backup/snapshot";
import { CommandError, plain, say, sayJson } from "../say";
import { findBackup, findDump, findSource, stackOf, told, type Source, type SourceOptions, type StackSource } from "./source"; // prettier-ignore

export interface TryOptions extends SourceOptions {
  readonly json?: true;
}

/** Lines for the operator beside the result, which is on stdout. */
export const tell = (line: string): void => void process.stderr.write(`${plain(line)}\n`);

/**
 * Reads a backup back from the store, whole, and records that it is what was written.
 * @param id @default the newest
 * @returns the exit code: 0
 * @throws CommandError with what is wrong with it
 */
export async function verify(id: string | undefined, options: TryOptions): Promise<number> {
  const { archive: archived, ...rest } = options;
  if (archived !== undefined && id === undefined) return archive(archived, rest);
  const source = await findSource(options);
  const backup = await findBackup(source, id);
  if (!("manifest" in backup)) return snapshotAlone(source, backup, options);
  const { readBackMs } = await told(() => verifyBackup(source.store, backup));
  const { manifest, snapshot } = backup;
  const status = snapshot && (await told(() => statusOf(source, snapshot)));
  if (options.json === true)
    sayJson({
      id: manifest.id,
      size: manifest.dump.size,
      readBackMs,
      ...(status && { snapshot: status }),
      exitCode: 0,
    });
  else
    say(
      `${manifest.id} is what was written, and decodes to its last byte (${manifest.dump.size} bytes, ${readBackMs} ms).` +
        (status === undefined ? "" : ` Its snapshot ${snapshot?.snapshot.name ?? ""} is ${status}.`),
    );
  return 0;
}

async function archive(id: string, options: Omit<TryOptions, "archive">): Promise<number> {
  const { store } = await findSource(options);
  const { files, backup } = await told(() => verifyArchive(store, id));
  if (options.json === true) sayJson({ archive: id, files: files.length, backup: backup.id, exitCode: 0 });
  else
    say(`${id} is what was archived: ${files.length} objects, and its backup ${backup.id} decodes to its last byte.`);
  return 0;
}

async function snapshotAlone(source: Source, record: SnapshotRecord, { json }: TryOptions): Promise<number> {
  const status = await told(() => statusOf(source, record));
  if (status !== "available")
    throw new CommandError(`the snapshot ${record.snapshot.name} of ${record.id} is ${status}, expected: available`);
  if (json === true) sayJson({ id: record.id, snapshot: status, exitCode: 0 });
  else say(`${record.id} is the snapshot ${record.snapshot.name}, and RDS says that it is available.`);
  return 0;
}

/** @throws CommandError where it is gone */
async function statusOf({ stack }: Source, record: SnapshotRecord): Promise<string> {
  const rds = stack?.settings.rds;
  if (rds === undefined) return "not asked for, as only a stack knows how RDS is reached";
  const status = await snapshotStatus(rds, record);
  if (status !== undefined) return status;
  throw new CommandError(`RDS has no snapshot ${record.snapshot.name} of the backup ${record.id} any more`);
}

/** The same, and restores it into a scratch database beside the stack's own, compares, and drops that again. */
export async function drill(id: string | undefined, options: TryOptions): Promise<number> {
  const source = await findSource(options);
  const stack = stackOf(source, "a drill");
  const backup = await findDump(source, id, "to restore");
  const { readBackMs, drill: done } = await told(async () => {
    const found = await look(stack.target, tell);
    return drillBackup(stack.target, source.store, backup, { say: tell, room: await roomAt(stack, found) });
  });
  const { id: which } = backup.manifest;
  if (options.json === true) sayJson({ id: which, readBackMs, drill: done, exitCode: 0 });
  else
    say(
      `${which} restores (${seconds(done?.restoreMs)}), and every table, sequence and large object is as it was dumped ` +
        `(${seconds(done?.compareMs)}).`,
    );
  return 0;
}

const seconds = (ms = 0): string => `${(ms / 1000).toFixed(1)} s`;

/** How much room the stack's server has. */
export const roomAt = ({ settings: { platform, rds } }: StackSource, { dataFolder }: Found): Promise<Room> =>
  roomOf({ rds, dataFolder: platform === "local" ? dataFolder : undefined, say: tell });
