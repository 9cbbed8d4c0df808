import type { Manifest } from "../../backup/manifest";
import { expired, type Keep, type StoredBackup } from "../../backup/retention";
import type { RdsAddress } from "../../platform/aws/snapshot";
import type { SchemaFacts } from "../schema/history";
import type { ObjectStore } from "../store/store";
import { listBackups, removeBackup, type Backup } from "./archive";

/** Lossy contracts that are applied, or were: what they dropped is only in backups from before them. */
const lossyOf = ({ applied, half, scars }: SchemaFacts): string[] =>
  [...applied, ...(half === null ? [] : [half]), ...scars]
    .filter(({ phase, lossy }) => phase === "contract" && lossy.up)
    .map(({ version }) => version);

export interface Retention {
  readonly facts: SchemaFacts;
  readonly keep: Keep;
  /** Where snapshots are, on AWS. */
  readonly rds?: RdsAddress | undefined;
  readonly say: (line: string) => void;
}

/**
 * Deletes the backups of a database that may go. It is done once a new one is verified, and never stops an `up`: what could
 * not be deleted is told, and is tried again after the next.
 */
export async function applyRetention(
  store: ObjectStore,
  database: string,
  { facts, keep, rds, say }: Retention,
): Promise<void> {
  try {
    const { backups, snapshots, faults } = await listBackups(store, database);
    for (const fault of faults) say(fault);
    const stored = [...backups.map(asStored), ...snapshots.map((record) => storedOf(record, true))];
    for (const { id } of expired(stored, keep, lossyOf(facts), Date.now()))
      say(await removed(store, database, id, { keep, rds }));
  } catch (error) {
    say(`backups that may go could not be deleted: ${(error as Error).message}`);
  }
}

/** One that can't be deleted keeps no other. @returns what became of it */
async function removed(
  store: ObjectStore,
  database: string,
  id: string,
  { keep, rds }: Pick<Retention, "keep" | "rds">,
): Promise<string> {
  try {
    const why = await removeBackup(store, database, id, rds);
    return why ?? `deleted the backup ${id}: backup.keep asks for ${keep.last}, and ${keep.days} days`;
  } catch (error) {
    return `the backup ${id}, which may go, could not be deleted: ${(error as Error).message}`;
  }
}

const asStored = ({ manifest, verification }: Backup): StoredBackup => storedOf(manifest, verification !== undefined);

const storedOf = (
  { id, takenAt, applied, scars }: Pick<Manifest, "id" | "takenAt" | "applied" | "scars">,
  verified: boolean,
): StoredBackup => ({ ...{ id, verified, applied, scars }, takenAt: Date.parse(takenAt) });
