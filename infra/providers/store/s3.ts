import { Readable } from "node:stream";
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  S3Client,
  type ListObjectsV2CommandOutput,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { asked, clientOf, type AwsConnection, type ClientSettings } from "../../platform/aws/sdk";
import { AwsFailed } from "../../platform/aws/sdk-errors";
import { assertKey, ObjectExists, ObjectMissing, StoreFailed } from "./store";
import type { ObjectStore, S3StoreAddress, StoredObject } from "./store";

const mebibyte = 1024 * 1024;

/**
 * How a stream is stored: in parts, of which so many are in memory at a time, 48 MiB in all. S3 takes 10,000 parts of an
 * object, which makes 156 GiB.
 */
const parts = { size: 16 * mebibyte, atOnce: 3 } as const;
/** A part may take that long to be stored on a slow line, in ms; all else is answered within the usual time. */
const needsOfParts = { answerMs: 120_000 } as const;

/** A bucket, or what is below a prefix in it, as an object store. */
export function s3Store(address: S3StoreAddress): ObjectStore {
  const { bucket } = address;
  const prefix = address.prefix.replace(/^\/+|\/+$/g, "");
  const below = prefix === "" ? "" : `${prefix}/`;
  const where = (key: string): string => `s3://${bucket}/${below}${key}`;
  const words = (key: string, action: string, fails: string): Words => ({ address, key, where, action, fails });
  return {
    where,
    put: (key, content, { ifAbsent = false } = {}) =>
      inWordsOfStore(words(key, "s3:PutObject", "stored"), () => put(address, `${below}${key}`, content, ifAbsent)),
    get: (key) =>
      inWordsOfStore(words(key, "s3:GetObject", "read"), async () => {
        const { Body } = await clientTo(address).send(new GetObjectCommand({ Bucket: bucket, Key: `${below}${key}` }));
        if (Body instanceof Readable) return Body;
        throw new StoreFailed(`${where(key)} came without content`);
      }),
    list: (within) => listed(address, below, within),
    delete: (key) =>
      inWordsOfStore(words(key, "s3:DeleteObject", "deleted"), async () => {
        await clientTo(address).send(new DeleteObjectCommand({ Bucket: bucket, Key: `${below}${key}` }));
      }),
  };
}

/** The client is looked up each time: after a login it is a new one. */
const clientTo = ({ connection }: S3StoreAddress): S3Client =>
  clientOf(connection, ["s3"], (settings) => create(connection, settings));

const clientForParts = ({ connection }: S3StoreAddress): S3Client =>
  clientOf(connection, ["s3", "parts"], (settings) => create(connection, settings), needsOfParts);

function create({ endpoints }: AwsConnection, settings: ClientSettings): S3Client {
  const { AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_S3 } = process.env;
  return new S3Client({
    ...settings,
    followRegionRedirects: true,
    // What stands at another address than AWS's seldom has a name for each bucket.
    forcePathStyle: [endpoints?.s3, AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL].some(
      (url) => url !== undefined && url !== "",
    ),
  });
}

const isLarge = (content: Uint8Array | string | Readable): boolean =>
  content instanceof Readable || content.length > mebibyte;

/** Small content by one request; the rest in parts, which are taken back when anything goes wrong with one of them. */
async function put(
  address: S3StoreAddress,
  key: string,
  content: Uint8Array | string | Readable,
  ifAbsent: boolean,
): Promise<void> {
  const upload = new Upload({
    client: isLarge(content) ? clientForParts(address) : clientTo(address),
    partSize: parts.size,
    queueSize: parts.atOnce,
    leavePartsOnError: false,
    params: {
      Bucket: address.bucket,
      Key: key,
      Body: content,
      // S3 looks at it when the object appears: at the one request, or at the one that puts the parts together.
      ...(ifAbsent ? { IfNoneMatch: "*" } : {}),
      ...(address.kmsKey === undefined
        ? {}
        : { ServerSideEncryption: "aws:kms", SSEKMSKeyId: address.kmsKey, BucketKeyEnabled: true }),
    },
  });
  try {
    await upload.done();
  } finally {
    // Whoever writes into it must not wait for a reader that is gone.
    if (content instanceof Readable) content.destroy();
  }
}

async function listed(address: S3StoreAddress, below: string, within: string): Promise<StoredObject[]> {
  const { bucket, connection } = address;
  const found: StoredObject[] = [];
  let ContinuationToken: string | undefined;
  do {
    const page: ListObjectsV2CommandOutput = await inWordsOfList(address, () =>
      asked(connection, { action: "s3:ListBucket", on: bucket }, () =>
        clientTo(address).send(
          new ListObjectsV2Command({ Bucket: bucket, Prefix: `${below}${within}`, ContinuationToken }),
        ),
      ),
    );
    for (const { Key = "", Size = 0, LastModified = new Date(0) } of page.Contents ?? [])
      // Consoles make empty objects that stand for folders.
      if (!Key.endsWith("/")) found.push({ key: Key.slice(below.length), size: Size, modified: LastModified });
    ContinuationToken = page.IsTruncated === true ? page.NextContinuationToken : undefined;
  } while (ContinuationToken !== undefined);
  return found;
}

async function inWordsOfList<T>({ bucket, prefix }: S3StoreAddress, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new StoreFailed(`s3://${bucket}/${prefix} can't be listed: ${(error as Error).message}`, { cause: error });
  }
}

/** What is said of one object. */
interface Words {
  readonly address: S3StoreAddress;
  readonly key: string;
  readonly where: (key: string) => string;
  /** As IAM names it. */
  readonly action: string;
  /** "stored", as in "can't be stored". */
  readonly fails: string;
}

async function inWordsOfStore<T>(words: Words, work: () => Promise<T>): Promise<T> {
  const { address, key, where, action } = words;
  assertKey(key);
  try {
    return await asked(address.connection, { action, on: where(key) }, work);
  } catch (error) {
    throw inWords(error as AwsFailed, words);
  }
}

function inWords(error: AwsFailed, { address, key, fails }: Words): StoreFailed {
  const cause = error.cause as Error;
  if (cause instanceof StoreFailed) return cause;
  const options = { cause: error };
  if (error.kind === "conflict") return new ObjectExists(`${key} is stored already`, options);
  if (cause.name === "NoSuchKey") return new ObjectMissing(`there is no object ${key}`, options);
  // What broke off before AWS had a say, such as the content, says best itself what was wrong.
  const why = error.kind === "other" && !("$metadata" in cause) ? cause.message : error.message;
  return new StoreFailed(`${key} can't be ${fails} in s3://${address.bucket}/${address.prefix}: ${why}`, options);
}
