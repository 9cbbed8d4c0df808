import { expired, type Keep } from "../../backup/retention";
import type { SchemaFacts } from "../schema/history";
import type { ObjectStore } from "../store/store";
import { listBackups, removeBackup, type Backup } from "./archive";

/** Lossy contracts that are applied, or were: what they dropped is only in backups from before them. */
const lossyOf = ({ applied, half, scars }: SchemaFacts): string[] =>
  [...applied, ...(half === null ? [] : [half]), ...scars]
    .filter(({ phase, lossy }) => phase === "contract" && lossy.up)
    .map(({ version }) => version);

/**
 * Deletes the backups of a database that may go. It is done once a new one is verified, and never stops an `up`: what could
 * not be deleted is told, and is tried again after the next.
 */
export async function applyRetention(
  store: ObjectStore,
  database: string,
  { facts, keep, say }: { facts: SchemaFacts; keep: Keep; say: (line: string) => void },
): Promise<void> {
  try {
    const { backups, faults } = await listBackups(store, database);
    for (const fault of faults) say(fault);
    for (const { id } of expired(backups.map(asStored), keep, lossyOf(facts), Date.now())) {
      await removeBackup(store, database, id);
      say(`deleted the backup ${id}: backup.keep asks for ${keep.last}, and ${keep.days} days`);
    }
  } catch (error) {
    say(`backups that may go could not be deleted: ${(error as Error).message}`);
  }
}

const asStored = ({ manifest, verification }: Backup) => ({
  id: manifest.id,
  takenAt: Date.parse(manifest.takenAt),
  verified: verification !== undefined,
  applied: manifest.applied,
  scars: manifest.scars,
});
