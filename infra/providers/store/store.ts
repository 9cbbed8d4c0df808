import type { Readable } from "node:stream";
import type { AwsConnection } from "../../platform/aws/sdk";

/** Where a stack's objects are: records now, backups later. Plain data: it is an input of resources. */
export interface LocalStoreAddress {
  kind: "local";
  /** Relative to the project. */
  folder: string;
}

/** A bucket of S3. Nothing in it is secret. */
export interface S3StoreAddress {
  kind: "s3";
  connection: AwsConnection;
  bucket: string;
  /** What every key begins with, such as a stack's name; "" for none. */
  prefix: string;
  /** ARN or id of the KMS key that objects are encrypted with. @default what the bucket encrypts with */
  kmsKey?: string;
}
export type StoreAddress = LocalStoreAddress | S3StoreAddress;

export interface StoredObject {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  readonly modified: Date;
}

/**
 * Objects under keys such as `records/2026-01-31T08-00-00.000Z-advance.json`: one to eight parts of letters, digits and
 * `. _ = + @ -`, joined by `/`, none of which begins with a dot; at most 512 characters. Every method throws StoreFailed.
 */
export interface ObjectStore {
  /**
   * Stores an object; whoever reads meanwhile gets the old one or the new one, whole.
   * @param content a stream is read to its end, and never held in memory as a whole.
   * @param options.ifAbsent refuse with ObjectExists rather than replace. @default false
   */
  put(key: string, content: Uint8Array | string | Readable, options?: { ifAbsent?: boolean }): Promise<void>;
  /** The object from its beginning. @throws ObjectMissing */
  get(key: string): Promise<Readable>;
  /** The objects whose keys begin with `prefix`, in order of their keys. */
  list(prefix: string): Promise<StoredObject[]>;
  /** Succeeds when there is no such object. */
  delete(key: string): Promise<void>;
  /** Where a person finds an object: a path, or an address. */
  where(key: string): string;
}

/** The store can't be reached, read or written. */
export class StoreFailed extends Error {
  override readonly name: string = "StoreFailed";
}
export class ObjectMissing extends StoreFailed {
  override readonly name = "ObjectMissing";
}
export class ObjectExists extends StoreFailed {
  override readonly name = "ObjectExists";
}

/** For whoever may go on without what a store has, as a preview may. @throws anything else */
export function unlessStoreFailed(error: unknown): undefined {
  if (error instanceof StoreFailed) return undefined;
  throw error;
}

const part = "[A-Za-z0-9_=+@-][A-Za-z0-9._=+@-]*";
const keyForm = new RegExp(`^${part}(?:/${part}){0,7}$`);

/** @throws StoreFailed for a key that not every platform can store. */
export function assertKey(key: string): void {
  if (key.length > 512 || !keyForm.test(key))
    throw new StoreFailed(
      `"${key}" is no key of an object: parts of letters, digits and . _ = + @ - joined by /, please`,
    );
}

/** A moment as part of a key: sorts by time. */
export const timeInKey = (at: number): string => new Date(at).toISOString().replaceAll(":", "-");

/** Plain data as an object: JSON, in lines that a person can read. */
export const asText = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/* eslint-disable @typescript-eslint/no-require-imports -- each platform's own part is loaded when it is used */

/** The store at an address. */
export function storeAt(address: StoreAddress): ObjectStore {
  if (address.kind === "s3") return (require("./s3") as typeof import("./s3")).s3Store(address);
  return (require("./folder") as typeof import("./folder")).folderStore(address);
}
