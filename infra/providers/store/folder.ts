import { randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { link, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { isLeftover, ownedByUs } from "../leftover";
import { inProject } from "../project";
import {
  assertKey,
  ObjectExists,
  ObjectMissing,
  StoreFailed,
  type LocalStoreAddress,
  type ObjectStore,
  type StoredObject,
} from "./store";

/** What is being written; no key begins with a dot. */
const incoming = ".incoming";

/** A folder as an object store: one file an object. */
export function folderStore(address: LocalStoreAddress): ObjectStore {
  const folder = inProject(address.folder);
  const where = (key: string): string => join(folder, key);
  return {
    where,
    put: (key, content, options) =>
      inWordsOfStore(key, `can't be stored in ${folder}`, () => put(folder, key, content, options?.ifAbsent ?? false)),
    get: (key) =>
      inWordsOfStore(key, `can't be read in ${folder}`, async () => (await open(where(key), "r")).createReadStream()),
    list: (prefix) => listed(folder, prefix),
    delete: (key) => inWordsOfStore(key, `can't be deleted in ${folder}`, () => rm(where(key), { force: true })),
  };
}

/** Written aside, made durable, and only then given its name. */
async function put(
  folder: string,
  key: string,
  content: Uint8Array | string | Readable,
  ifAbsent: boolean,
): Promise<void> {
  const file = join(folder, key);
  const aside = join(folder, incoming, `${ownedByUs}${randomUUID()}`);
  await mkdir(dirname(aside), { recursive: true, mode: 0o700 });
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await clearLeftovers(dirname(aside));
  try {
    const stream = createWriteStream(aside, { mode: 0o600, flags: "wx", flush: true });
    await pipeline(content instanceof Readable ? content : [content], stream);
    if (ifAbsent) await link(aside, file);
    else await rename(aside, file);
    await makeDurable(dirname(file));
  } finally {
    await rm(aside, { force: true });
  }
}

/** What processes were writing that were killed then: a dump may be large. */
async function clearLeftovers(folder: string): Promise<void> {
  for (const name of (await readdir(folder)).filter(isLeftover)) await rm(join(folder, name), { force: true });
}

/** A name is only durable once its folder is. */
async function makeDurable(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function listed(folder: string, prefix: string): Promise<StoredObject[]> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const keys = entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
      .filter((key) => key.startsWith(prefix) && !key.startsWith(`${incoming}/`))
      .sort();
    const found = await Promise.all(keys.map((key) => sizeOf(folder, key)));
    return found.filter((object) => object !== undefined);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw new StoreFailed(`${folder} can't be listed: ${(error as Error).message}`, { cause: error });
  }
}

async function sizeOf(folder: string, key: string): Promise<StoredObject | undefined> {
  try {
    const { size, mtime } = await stat(join(folder, key));
    return { key, size, modified: mtime };
  } catch (error) {
    // Deleted meanwhile.
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

async function inWordsOfStore<T>(key: string, what: string, work: () => Promise<T>): Promise<T> {
  assertKey(key);
  try {
    return await work();
  } catch (error) {
    const options = { cause: error };
    if (codeOf(error) === "EEXIST") throw new ObjectExists(`${key} is stored already`, options);
    if (codeOf(error) === "ENOENT") throw new ObjectMissing(`there is no object ${key}`, options);
    throw new StoreFailed(`${key} ${what}: ${(error as Error).message}`, options);
  }
}

const codeOf = (error: unknown): unknown => (error as NodeJS.ErrnoException).code;
