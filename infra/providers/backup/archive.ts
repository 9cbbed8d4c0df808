import { randomBytes } from "node:crypto";
import { text } from "node:stream/consumers";
import { BackupFailure } from "../../backup/failure";
import {
  backupKey,
  backupPrefix,
  parseKey,
  readManifest,
  readVerification,
  type BackupPart,
  type Manifest,
  type Verification,
} from "../../backup/manifest";
import { ObjectMissing, timeInKey, type ObjectStore } from "../store/store";

/** A backup as the store has it. */
export interface Backup {
  readonly manifest: Manifest;
  /** Undefined while nobody has read it back. */
  readonly verification?: Verification;
}

/** An id of a backup whose snapshot is taken at `at` (Unix time in ms). */
export const newId = (at: number): string => `${timeInKey(at)}-${randomBytes(4).toString("hex")}`;

/** What is listed under `backups/`, and is no backup that can be trusted. */
export interface Listing {
  /** Oldest first. */
  readonly backups: readonly Backup[];
  /** One sentence for each whose manifest is not to be trusted, or that lacks its dump. */
  readonly faults: readonly string[];
}

/**
 * Every backup in a store. What is broken is told and left out: one that is, must hide none that is whole.
 * @param database of that database alone. @default of all
 * @throws StoreFailed when the store can't be read
 */
export async function listBackups(store: ObjectStore, database?: string): Promise<Listing> {
  const prefix = database === undefined ? backupPrefix : `${backupPrefix}${database}/`;
  const objects = await store.list(prefix);
  const sizes = new Map(objects.map(({ key, size }) => [key, size]));
  const backups: Backup[] = [];
  const faults: string[] = [];
  for (const { key } of objects) {
    const named = parseKey(key);
    if (named?.part !== "manifest") continue;
    try {
      const backup = await openBackup(store, named.database, named.id);
      assertDumpThere(backup.manifest, sizes.get(backup.manifest.dump.key));
      backups.push(backup);
    } catch (error) {
      if (!(error instanceof BackupFailure)) throw error;
      faults.push(error.message);
    }
  }
  return { backups: backups.sort((a, b) => (a.manifest.id < b.manifest.id ? -1 : 1)), faults };
}

function assertDumpThere({ id, dump: { key, size } }: Manifest, found: number | undefined): void {
  if (found === size) return;
  const what = found === undefined ? "it is gone" : `it has ${found} bytes`;
  throw new BackupFailure(
    "read back",
    `the backup ${id} is not whole: its manifest names ${key} with ${size} bytes, and ${what}`,
  );
}

/** One backup. @throws BackupFailure when there is none, or its manifest is not to be trusted; StoreFailed */
export async function openBackup(store: ObjectStore, database: string, id: string): Promise<Backup> {
  const manifestText = await read(store, backupKey(database, id, "manifest"));
  if (manifestText === undefined)
    throw new BackupFailure("manifest", `there is no backup ${id} of ${database} in ${store.where(backupPrefix)}`);
  const manifest = readManifest(manifestText, backupKey(database, id, "manifest"));
  const key = backupKey(database, id, "verified");
  const verifiedText = await read(store, key);
  if (verifiedText === undefined) return { manifest };
  const verification = readVerification(verifiedText, key);
  return verification.manifest === manifest.digest ? { manifest, verification } : { manifest };
}

async function read(store: ObjectStore, key: string): Promise<string | undefined> {
  try {
    return await text(await store.get(key));
  } catch (error) {
    if (error instanceof ObjectMissing) return undefined;
    throw error;
  }
}

/** Makes a dump a backup: from then on it counts. */
export const storeManifest = (store: ObjectStore, manifest: Manifest): Promise<void> =>
  store.put(backupKey(manifest.database, manifest.id, "manifest"), asText(manifest), { ifAbsent: true });

export const storeVerification = (store: ObjectStore, database: string, verification: Verification): Promise<void> =>
  store.put(backupKey(database, verification.backup, "verified"), asText(verification));

const asText = (value: object): string => `${JSON.stringify(value, null, 2)}\n`;

/** The manifest goes first: what is left after a kill in the middle is no backup, and the next run clears it away. */
export async function removeBackup(store: ObjectStore, database: string, id: string): Promise<void> {
  for (const part of ["manifest", "verified", "dump"] satisfies BackupPart[])
    await store.delete(backupKey(database, id, part));
}

/**
 * Clears away what killed runs have left: parts of a backup that has no manifest. The caller holds the schema lock of the
 * database, without which no run stores a dump of it: so nothing of one that is at work is taken for a leftover.
 * @returns the ids of what was cleared away
 */
export async function clearLeftovers(store: ObjectStore, database: string): Promise<string[]> {
  const found = new Map<string, Set<BackupPart>>();
  for (const { key } of await store.list(`${backupPrefix}${database}/`)) {
    const named = parseKey(key);
    if (named?.database === database) found.set(named.id, (found.get(named.id) ?? new Set()).add(named.part));
  }
  const left = [...found].filter(([, parts]) => !parts.has("manifest")).map(([id]) => id);
  for (const id of left) await removeBackup(store, database, id);
  return left;
}
