import { backUp, look } from "../../providers/backup/back-up";
import type { BackupTaken } from "../../providers/backup/resource";
import { applyRetention } from "../../providers/backup/retain";
import { takeBackup } from "../../providers/backup/take";
import { drillBackup } from "../../providers/backup/verify";
import { CommandError, say, sayJson } from "../say";
import { findSource, stackOf, told, type Source, type SourceOptions } from "./source";
import { roomAt, tell } from "./verify";

export interface TakeOptions extends Omit<SourceOptions, "store" | "archive"> {
  readonly json?: true;
  /** Also restores it, into a scratch database. */
  readonly drill?: true;
  /** Dumps it whatever config says of its size, and of snapshots. */
  readonly dump?: true;
}

/**
 * Takes a backup now, as an `up` would, verifies it, and deletes those that may go.
 * @returns the exit code: 0
 * @throws CommandError with the step that failed
 */
export async function take(options: TakeOptions): Promise<number> {
  const source = await findSource(options);
  const taken = await told(() =>
    options.schema === undefined ? whole(source, options) : ofSchema(source, options.schema),
  );
  if (options.json === true) sayJson({ ...taken, exitCode: 0 });
  else {
    const what = taken.snapshot === undefined ? `${taken.size ?? 0} bytes` : `the snapshot ${taken.snapshot}`;
    const drilled = taken.drillMs === undefined ? "" : `, and restores (${(taken.drillMs / 1000).toFixed(1)} s)`;
    say(`${taken.id} is taken (${what})${taken.snapshot === undefined ? ", read back and decoded" : ""}${drilled}.`);
  }
  return 0;
}

async function whole(source: Source, { drill, dump }: TakeOptions): Promise<BackupTaken> {
  const { target, settings } = stackOf(source, "a backup");
  const found = await look(target, tell);
  if (!found.holdsAnything)
    throw new CommandError(`${target.connection.database} holds nothing yet, so there is nothing to back up`);
  return backUp(target, source.store, found, {
    ...settings,
    ...(dump === true && { mode: "dump" as const, dumpUpTo: Infinity }),
    drill: drill === true ? "always" : "never",
    ...{ before: "asked", steps: [], say: tell },
  });
}

/**
 * A part of a database may need what is in another part: a type, a function, the table that a foreign key names. pg_dump says
 * nothing of it. So a backup of one schema always shows that it restores by itself.
 */
async function ofSchema(source: Source, schema: string): Promise<BackupTaken> {
  const stack = stackOf(source, "a backup");
  const { target, settings } = stack;
  const { store } = source;
  const found = await look(target, tell);
  const { release, keep } = settings;
  const manifest = await takeBackup(target, store, { before: "asked", release, schema, say: tell });
  const drilled = await drillBackup(target, store, { manifest }, { say: tell, room: await roomAt(stack, found) });
  await applyRetention(store, target.connection.database, { facts: found.facts, keep, say: tell });
  const { id, takenAt, dump } = manifest;
  const { restoreMs = 0 } = drilled.drill ?? {};
  return { id, takenAt, size: dump.size, sha256: dump.sha256, drillMs: restoreMs, reused: false };
}
