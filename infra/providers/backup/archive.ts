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
import { readSnapshotRecord, type SnapshotRecord } from "../../backup/snapshot";
import type { RdsAddress } from "../../platform/aws/snapshot";
import { asText, ObjectMissing, timeInKey, type ObjectStore } from "../store/store";
import { deleteSnapshotOf } from "./snapshot";

/** A backup as the store has it. */
export interface Backup {
  readonly manifest: Manifest;
  /** Undefined while nobody has read it back. */
  readonly verification?: Verification;
  /** The snapshot of RDS beside it. */
  readonly snapshot?: SnapshotRecord;
}

/** An id of a backup whose snapshot is taken at `at` (Unix time in ms). */
export const newId = (at: number): string => `${timeInKey(at)}-${randomBytes(4).toString("hex")}`;

/** What is listed under `backups/`, and is no backup that can be trusted. */
export interface Listing {
  /** Oldest first. */
  readonly backups: readonly Backup[];
  /** Snapshots of RDS that stand alone, without a dump, and are available; oldest first. */
  readonly snapshots: readonly SnapshotRecord[];
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
  const snapshots: SnapshotRecord[] = [];
  const faults: string[] = [];
  for (const { key } of objects) {
    const named = parseKey(key);
    if (named === undefined) continue;
    const { database: of, id, part } = named;
    try {
      if (part === "manifest") {
        const backup = await openBackup(store, of, id);
        assertDumpThere(backup.manifest, sizes.get(backup.manifest.dump.key));
        backups.push(backup);
      } else if (part === "snapshot" && !sizes.has(backupKey(of, id, "manifest"))) {
        const record = await openSnapshot(store, of, id);
        if (record?.state === "available") snapshots.push(record);
      }
    } catch (error) {
      if (!(error instanceof BackupFailure)) throw error;
      faults.push(error.message);
    }
  }
  return {
    backups: backups.sort((a, b) => (a.manifest.id < b.manifest.id ? -1 : 1)),
    snapshots: snapshots.sort((a, b) => (a.id < b.id ? -1 : 1)),
    faults,
  };
}

function assertDumpThere({ id, dump: { key, size } }: Manifest, found: number | undefined): void {
  if (found === size) return;
  const what = found === undefined ? "it is gone" : `it has ${found} bytes`;
  throw new BackupFailure(
    "read back",
    `the backup ${id} is not whole: its manifest names ${key} with ${size} bytes, and ${what}`,
  );
}

/**
 * One backup, with its dump. @throws BackupFailure when there is none, it is a snapshot alone, or its manifest is not to be
 * trusted; StoreFailed
 */
export async function openBackup(store: ObjectStore, database: string, id: string): Promise<Backup> {
  const manifestText = await read(store, backupKey(database, id, "manifest"));
  const snapshot = await openSnapshot(store, database, id);
  if (manifestText === undefined) throw noDump(store, database, id, snapshot);
  const manifest = readManifest(manifestText, backupKey(database, id, "manifest"));
  const verification = await openVerification(store, manifest);
  return { manifest, ...(verification && { verification }), ...(snapshot && { snapshot }) };
}

/**
 * For whoever may see what a store has, and read none of it.
 * @throws BackupFailure where the store has no such backup; StoreFailed
 */
export async function assertListed(store: ObjectStore, database: string, id: string): Promise<void> {
  const objects = await store.list(`${backupPrefix}${database}/${id}/`);
  const parts = objects.map(({ key }) => parseKey(key)?.part);
  if (!parts.includes("manifest") && !parts.includes("snapshot")) throw noDump(store, database, id, undefined);
}

function noDump(store: ObjectStore, database: string, id: string, snapshot: SnapshotRecord | undefined): BackupFailure {
  if (snapshot === undefined)
    return new BackupFailure("manifest", `there is no backup ${id} of ${database} in ${store.where(backupPrefix)}`);
  const { name, region } = snapshot.snapshot;
  return new BackupFailure(
    "manifest",
    `the backup ${id} of ${database} has no dump: it is the snapshot ${name} of RDS in ${region}, from which a new instance is ` +
      `made: pulumi config set --path rds.seedFrom ${name}, in a new stack`,
  );
}

/** What is known of a backup's snapshot; undefined where it has none. @throws BackupFailure where that is not to be trusted */
export async function openSnapshot(
  store: ObjectStore,
  database: string,
  id: string,
): Promise<SnapshotRecord | undefined> {
  const key = backupKey(database, id, "snapshot");
  const found = await read(store, key);
  return found === undefined ? undefined : readSnapshotRecord(found, key);
}

async function openVerification(store: ObjectStore, manifest: Manifest): Promise<Verification | undefined> {
  const key = backupKey(manifest.database, manifest.id, "verified");
  const found = await read(store, key);
  if (found === undefined) return undefined;
  const verification = readVerification(found, key);
  return verification.manifest === manifest.digest ? verification : undefined;
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

/**
 * What AWS has goes first, and by the record of it, which goes last: what is left after a kill anywhere is found again. The
 * manifest is the first of the store's own: without it there is no backup, and the next run clears the rest away.
 * @param rds where its snapshot is. @default nothing is known of it, and a backup that has one stays
 * @returns why it is still there; undefined where it is gone
 */
export async function removeBackup(
  store: ObjectStore,
  database: string,
  id: string,
  rds?: RdsAddress,
): Promise<string | undefined> {
  const record = await openSnapshot(store, database, id);
  const why = record && (await deleteSnapshotOf(record, rds));
  if (why !== undefined) return why;
  for (const part of ["manifest", "verified", "dump", "snapshot"] satisfies BackupPart[])
    await store.delete(backupKey(database, id, part));
  return undefined;
}

/**
 * Clears away what killed runs have left: parts of a backup that has no manifest, and is no snapshot that was waited for. The
 * caller holds the schema lock of the database, without which no run stores anything of it: so nothing of one that is at
 * work is taken for a leftover.
 */
export async function clearLeftovers(
  store: ObjectStore,
  database: string,
  { rds, say }: { rds?: RdsAddress | undefined; say: (line: string) => void },
): Promise<void> {
  const found = new Map<string, Set<BackupPart>>();
  for (const { key } of await store.list(`${backupPrefix}${database}/`)) {
    const named = parseKey(key);
    if (named?.database === database) found.set(named.id, (found.get(named.id) ?? new Set()).add(named.part));
  }
  for (const [id, parts] of found) {
    if (parts.has("manifest")) continue;
    try {
      if (parts.has("snapshot") && (await openSnapshot(store, database, id))?.state === "available") continue;
      const why = await removeBackup(store, database, id, rds);
      say(why ?? `cleared away ${id}, which a backup that was broken off has left`);
    } catch (error) {
      // What nobody understands is for a person to look at, and no reason to have no backup.
      if (!(error instanceof BackupFailure)) throw error;
      say(error.message);
    }
  }
}
