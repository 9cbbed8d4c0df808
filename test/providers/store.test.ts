import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer, text } from "node:stream/consumers";
import { CreateBucketCommand, HeadObjectCommand, ListMultipartUploadsCommand, S3Client } from "@aws-sdk/client-s3";
import {
  ObjectExists,
  ObjectMissing,
  storeAt,
  StoreFailed,
  type StoreAddress,
} from "../../infra/providers/store/store";
import { s3Error } from "../support/moto-proxy";
import { connectionTo, useMoto } from "../support/moto-stage";

const mebibyte = 1024 * 1024;

/** So many bytes in chunks of 1 MiB, each of them different; then `end` is asked. */
function stream(bytes: number, end: () => void = () => undefined): Readable {
  return Readable.from(
    (function* () {
      for (let left = bytes; left > 0; left -= mebibyte) yield randomBytes(Math.min(left, mebibyte));
      end();
    })(),
  );
}

const breaking = (after = 4): Readable =>
  stream(after, () => {
    throw new Error("the dump ended early");
  });

/** What every object store does, wherever its objects are. */
function behavesAsAStore(address: () => StoreAddress): void {
  const store = () => storeAt(address());

  it("gives back what it was given, text, bytes or a stream, and replaces it as a whole", async () => {
    await store().put("a/b.json", "first");
    await store().put("a/b.json", new Uint8Array([1, 2, 3]));
    assert.deepEqual([...(await buffer(await store().get("a/b.json")))], [1, 2, 3]);
    const many = Array.from({ length: 1_000 }, (_, i) => `${i},`.repeat(100));
    await store().put("a/b.json", Readable.from(many));
    assert.equal(await text(await store().get("a/b.json")), many.join(""));
    await store().put("empty", "");
    assert.equal(await text(await store().get("empty")), "");
  });

  it("keeps the old object when a stream breaks off", async () => {
    await store().put("backup", "whole");
    await assert.rejects(
      store().put("backup", breaking()),
      /^StoreFailed: backup can't be stored in .*: the dump ended early$/,
    );
    assert.equal(await text(await store().get("backup")), "whole");
  });

  it("ends a stream that it can't store, so that nobody writes into it for ever", async () => {
    await store().put("taken", "1");
    const content = stream(mebibyte);
    await assert.rejects(store().put("taken", content, { ifAbsent: true }), ObjectExists);
    assert.equal(content.destroyed, true);
    assert.equal(await text(await store().get("taken")), "1");
  });

  it("lists by prefix in order of keys, with sizes and times", async () => {
    assert.deepEqual(await store().list(""), []);
    for (const key of ["records/2", "records/10", "record", "backups/x"]) await store().put(key, key);
    const found = await store().list("records/");
    assert.deepEqual(
      found.map(({ key, size }) => [key, size]),
      [
        ["records/10", 10],
        ["records/2", 9],
      ],
    );
    assert.ok(Math.abs((found[0]?.modified.getTime() ?? 0) - Date.now()) < 60_000);
    assert.equal((await store().list("")).length, 4);
  });

  it("says what is not there, and what is there already", async () => {
    await assert.rejects(store().get("none"), ObjectMissing);
    await store().delete("none");
    await store().put("one", "1", { ifAbsent: true });
    await assert.rejects(store().put("one", "2", { ifAbsent: true }), ObjectExists);
    assert.equal(await text(await store().get("one")), "1");
    await store().delete("one");
    await assert.rejects(store().get("one"), ObjectMissing);
  });

  it("stores one of two that both want to be first", async () => {
    const both = await Promise.allSettled(["1", "2"].map((each) => store().put("first", each, { ifAbsent: true })));
    const refused = both.filter(({ status }) => status === "rejected");
    assert.ok(refused.length >= 1, "one is refused");
    for (const each of refused) assert.ok((each as PromiseRejectedResult).reason instanceof ObjectExists);
  });

  it("takes no key that leads out of it, or that another platform could not store", async () => {
    for (const key of ["", "/etc", "../x", "a/../b", ".incoming/x", "a//b", "a b", "a:b", "x".repeat(513)])
      for (const work of [store().put(key, ""), store().get(key), store().delete(key)])
        await assert.rejects(work, StoreFailed);
  });
}

describe("a folder as an object store", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "store-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));
  const address = () => ({ kind: "local" as const, folder: join(folder, "store") });

  behavesAsAStore(address);

  it("is its owner's alone, and has nothing beside an object that broke off", async () => {
    await storeAt(address()).put("a/b", "1");
    assert.equal((await stat(join(folder, "store/a/b"))).mode & 0o777, 0o600);
    await assert.rejects(storeAt(address()).put("a/c", breaking()));
    assert.deepEqual(await readdir(join(folder, "store/.incoming")), []);
  });

  it("says where it can't write", async () => {
    await writeFile(join(folder, "store"), "");
    await assert.rejects(storeAt(address()).put("one", "1"), StoreFailed);
  });
});

describe("a bucket of S3 as an object store", function () {
  this.timeout(120_000);
  const moto = useMoto();
  let bucket = 0;
  let s3: S3Client;
  const address = () => ({
    kind: "s3" as const,
    connection: connectionTo(moto().url),
    bucket: `store-${process.pid}-${bucket}`,
    prefix: "/stacks/staging/",
  });
  beforeEach(async () => {
    s3 = new S3Client({ region: "eu-west-1", endpoint: moto().url, forcePathStyle: true });
    bucket += 1;
    const CreateBucketConfiguration = { LocationConstraint: "eu-west-1" as const };
    await s3.send(new CreateBucketCommand({ Bucket: address().bucket, CreateBucketConfiguration }));
  });

  behavesAsAStore(address);

  /** Of uploads in parts that were begun and neither ended nor taken back. */
  const unfinished = async () => {
    const { Uploads } = await s3.send(new ListMultipartUploadsCommand({ Bucket: address().bucket }));
    return Uploads?.length ?? 0;
  };
  const parts = () =>
    moto().asked.filter((action) => action.startsWith("PUT ") && action.includes("partNumber=")).length;

  it("stores what is large in parts, reads no more of it than it holds, and gives it back whole", async () => {
    const size = 100 * mebibyte;
    let given = 0;
    const content = stream(size).map((chunk: Buffer) => {
      given += chunk.length;
      return chunk;
    });
    // No part is done before three are on their way; by then a reader without bounds would be far ahead.
    const held: (() => void)[] = [];
    let ahead = 0;
    moto().on("PUT", async (asked, forward) => {
      if (asked.path.includes("partNumber=") && held.length < 3)
        await new Promise<void>((release) => {
          held.push(release);
          if (held.length < 3) return;
          ahead = given;
          for (const each of held) each();
        });
      return forward();
    });
    await storeAt(address()).put("large", content);
    assert.ok(
      ahead >= 48 * mebibyte && ahead <= 66 * mebibyte,
      `${ahead / mebibyte} MiB were read for 3 parts of 16 MiB`,
    );
    const [found] = await storeAt(address()).list("large");
    assert.deepEqual([found?.size, parts(), await unfinished()], [size, 7, 0]);
    let read = 0;
    for await (const chunk of await storeAt(address()).get("large")) read += (chunk as Buffer).length;
    assert.equal(read, size);
  });

  it("takes every part back when a stream breaks off between them, or a part is refused", async () => {
    const store = storeAt(address());
    await assert.rejects(store.put("dump", breaking(40 * mebibyte)), /the dump ended early$/);
    assert.ok(parts() > 0, "some parts were stored before it broke off");
    assert.equal(await unfinished(), 0);
    moto().on("PUT", (asked, forward) =>
      asked.path.includes("partNumber=2") ? s3Error("AccessDenied", "Access Denied", 403) : forward(),
    );
    await assert.rejects(
      store.put("dump", stream(40 * mebibyte)),
      /^StoreFailed: dump can't be stored in s3:\/\/store-.*: AWS does not let you .*: the role or user needs s3:PutObject on s3:\/\/store-\d+-\d+\/stacks\/staging\/dump$/,
    );
    assert.equal(await unfinished(), 0);
    await assert.rejects(store.get("dump"), ObjectMissing);
  });

  it("replaces nothing by what is large where it must be absent, and leaves no parts then", async () => {
    const store = storeAt(address());
    await store.put("dump", "old");
    await assert.rejects(store.put("dump", stream(20 * mebibyte), { ifAbsent: true }), ObjectExists);
    assert.equal(await text(await store.get("dump")), "old");
    assert.equal(await unfinished(), 0);
  });

  it("lists every page", async () => {
    const store = storeAt(address());
    for (const key of ["a", "b", "c", "d", "e"]) await store.put(`records/${key}`, key);
    moto().on("GET", (asked, forward) => forward({ path: `${asked.path}&max-keys=2` }));
    assert.deepEqual(
      (await store.list("records/")).map(({ key }) => key),
      ["records/a", "records/b", "records/c", "records/d", "records/e"],
    );
    assert.equal(moto().asked.filter((action) => action.includes("list-type=2")).length, 3);
  });

  it("keeps below its prefix, and doesn't take a console's folder for an object", async () => {
    const { prefix, ...rest } = address();
    const above = storeAt({ ...rest, prefix: "" });
    await above.put("other/one", "1");
    await storeAt(address()).put("one", "1");
    moto().on("GET", async (_, forward) => {
      const reply = await forward();
      const folder = "<Contents><Key>stacks/staging/records/</Key><Size>0</Size></Contents>";
      return { ...reply, body: Buffer.from(reply.body.toString().replace("<Contents>", `${folder}<Contents>`)) };
    });
    assert.deepEqual(
      (await storeAt(address()).list("")).map(({ key }) => key),
      ["one"],
    );
    assert.equal(storeAt(address()).where("one"), `s3://${rest.bucket}${prefix}one`);
  });

  it("encrypts by the key that it is given", async () => {
    const kmsKey = "arn:aws:kms:eu-west-1:123456789012:key/6f3b5f0e-0000-4000-8000-000000000000";
    for (const content of ["small", stream(20 * mebibyte)]) {
      await storeAt({ ...address(), kmsKey }).put("one", content);
      const head = await s3.send(new HeadObjectCommand({ Bucket: address().bucket, Key: "stacks/staging/one" }));
      assert.deepEqual([head.ServerSideEncryption, head.SSEKMSKeyId], ["aws:kms", kmsKey]);
    }
  });

  it("says what stands in its way", async () => {
    const nowhere = storeAt({ ...address(), bucket: "nobodys-bucket" });
    await assert.rejects(nowhere.put("one", "1"), /one can't be stored in s3:\/\/nobodys-bucket\/.*NoSuchBucket/);
    await assert.rejects(nowhere.list(""), /^StoreFailed: s3:\/\/nobodys-bucket\/.* can't be listed: .*NoSuchBucket/);
    moto().on("PUT", () => s3Error("ExpiredToken", "The provided token has expired.", 400));
    await assert.rejects(storeAt(address()).put("one", "1"), /credentials of AWS have expired .*: log in again/);
    const away = storeAt({ ...address(), connection: connectionTo("http://127.0.0.1:9") });
    await assert.rejects(
      away.get("one"),
      /one can't be read in .*: AWS can't be reached in eu-west-1 \(.*ECONNREFUSED/,
    );
  });
});
