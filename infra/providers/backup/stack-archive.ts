import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { BackupFailure } from "../../backup/failure";
import { backupKey } from "../../backup/manifest";
import { seal } from "../../backup/seal";
import { archiveKey, archivesPrefix, isArchiveId, readArchive, type StackArchive } from "../../backup/stack-archive";
import { commitAt, whoRuns } from "../record/who";
import { asText, ObjectMissing, type ObjectStore } from "../store/store";
import { newId, openBackup, type Backup } from "./archive";
import { readBack } from "./read-back";
import { verifyBackup } from "./verify";
import { within } from "./within";

export interface ArchiveOf {
  /** Name of the stack. */
  readonly stack: string;
  /** Verified, with its dump. */
  readonly backup: Backup;
  /** What is written down of the stack, by file name: no secret among it. */
  readonly documents: Readonly<Record<string, unknown>>;
  /** The checkout. */
  readonly folder: string;
  /** One line for the operator, without a line end. */
  readonly say: (line: string) => void;
}

type File = StackArchive["files"][number];

/** What of a store is archived as it is: what rollouts have left on record. */
const recordsPrefix = "records/";

/**
 * Copies a stack's backup and records, with what is written down of it, below a prefix of their own, where no retention comes,
 * and reads the copy back. What is below the prefix is a store itself: its backup is listed, verified and restored as any
 * other. It counts once its list is stored, which comes last; what a killed run has left is cleared away by the next one.
 * @throws BackupFailure; StoreFailed
 */
export async function archiveStack(store: ObjectStore, of: ArchiveOf): Promise<StackArchive> {
  const { stack, backup, documents, folder, say } = of;
  for (const id of await clearBroken(store)) say(`cleared away ${id}, an archive that was broken off`);
  const { manifest, verification } = backup;
  const id = newId(Date.now());
  const into = within(store, `${archivesPrefix}/${id}`);
  const { database } = manifest;
  const files: File[] = [];
  files.push(await copy(store, into, manifest.dump.key));
  files.push(await copyAndRead(store, into, backupKey(database, manifest.id, "manifest")));
  await verifyBackup(into, { manifest, ...(verification && { verification }) });
  for (const { key } of await store.list(recordsPrefix)) files.push(await copyAndRead(store, into, key));
  for (const [name, document] of Object.entries(documents)) {
    await into.put(name, asText(document));
    files.push(await measured(into, name));
  }
  const commit = await commitAt(folder);
  const archive = seal({
    format: 1 as const,
    ...{ id, stack, at: new Date().toISOString(), who: whoRuns(), ...(commit && { commit }) },
    backup: { database, id: manifest.id, takenAt: manifest.takenAt },
    files,
  });
  await into.put(archiveKey, asText(archive), { ifAbsent: true });
  return archive;
}

/** Streams an object from one store into another. @returns what passed, which a reader of the copy has to find */
async function copy(from: ObjectStore, into: ObjectStore, key: string): Promise<File> {
  const figures = new Figures();
  const source = await from.get(key);
  async function* passing(): AsyncGenerator<Buffer> {
    for await (const chunk of source) {
      figures.add(chunk as Buffer);
      yield chunk as Buffer;
    }
  }
  await into.put(key, Readable.from(passing(), { objectMode: false }));
  return { key, ...figures.found() };
}

/** The same, and reads the copy. A dump is read by its own verification. */
async function copyAndRead(from: ObjectStore, into: ObjectStore, key: string): Promise<File> {
  const file = await copy(from, into, key);
  const why = await difference(into, file);
  if (why !== undefined)
    throw new BackupFailure("archive", `${key} was copied, and the copy is not what was read: ${why}`);
  return file;
}

async function measured(store: ObjectStore, key: string): Promise<File> {
  const figures = new Figures();
  for await (const chunk of await store.get(key)) figures.add(chunk as Buffer);
  return { key, ...figures.found() };
}

class Figures {
  readonly #hash = createHash("sha256");
  #size = 0;

  add(bytes: Buffer): void {
    this.#hash.update(bytes);
    this.#size += bytes.length;
  }

  /** Once, at the end. */
  found(): { size: number; sha256: string } {
    return { size: this.#size, sha256: this.#hash.digest("hex") };
  }
}

/** The ids of the archives in a store; whole ones by their list, and others, which were broken off. */
export async function findArchives(store: ObjectStore): Promise<{ whole: string[]; broken: string[] }> {
  const ids = new Map<string, boolean>();
  for (const { key } of await store.list(`${archivesPrefix}/`)) {
    const [, id = "", ...rest] = key.split("/");
    if (isArchiveId(id)) ids.set(id, ids.get(id) === true || rest.join("/") === archiveKey);
  }
  const those = (whole: boolean) => [...ids].filter(([, is]) => is === whole).map(([id]) => id);
  return { whole: those(true), broken: those(false) };
}

/** How old the parts of an archive without its list have to be before nobody can be at work on it, in ms. */
const workMs = 24 * 3_600_000;

async function clearBroken(store: ObjectStore): Promise<string[]> {
  const cleared: string[] = [];
  for (const id of (await findArchives(store)).broken) {
    const objects = await store.list(`${archivesPrefix}/${id}/`);
    if (objects.some(({ modified }) => Date.now() - modified.getTime() < workMs)) continue;
    for (const { key } of objects) await store.delete(key);
    cleared.push(id);
  }
  return cleared;
}

/**
 * Reads a whole archive back: every object of its list as it was, and its dump decoded.
 * @throws BackupFailure with everything that differs; StoreFailed
 */
export async function verifyArchive(store: ObjectStore, id: string): Promise<StackArchive> {
  const into = within(store, `${archivesPrefix}/${id}`);
  const archive = readArchive(await textOf(into, id), into.where(archiveKey), id);
  const differing: string[] = [];
  for (const file of archive.files)
    differing.push(...[await difference(into, file)].filter((each) => each !== undefined));
  if (differing.length > 0)
    throw new BackupFailure("archive", [`the archive ${id} is not what was written:`, ...differing].join("\n  "));
  const { database, id: backup } = archive.backup;
  await readBack(into, (await openBackup(into, database, backup)).manifest);
  return archive;
}

async function textOf(into: ObjectStore, id: string): Promise<string> {
  try {
    return await text(await into.get(archiveKey));
  } catch (error) {
    if (!(error instanceof ObjectMissing)) throw error;
    throw new BackupFailure(
      "archive",
      `there is no archive ${id}, or none that is whole: ${into.where(archiveKey)} is missing`,
    );
  }
}

async function difference(into: ObjectStore, { key, size, sha256 }: File): Promise<string | undefined> {
  try {
    const found = await measured(into, key);
    if (found.size !== size) return `${key} has ${found.size} bytes, expected ${size}`;
    return found.sha256 === sha256
      ? undefined
      : `${key} has SHA-256 ${found.sha256.slice(0, 12)}…, expected ${sha256.slice(0, 12)}…`;
  } catch (error) {
    if (error instanceof ObjectMissing) return `${key} is missing`;
    throw error;
  }
}
