import { createHash } from "node:crypto";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import type { Socket } from "node:net";
import type { Writable } from "node:stream";
import { BackupFailure } from "../../backup/failure";
import type { Manifest } from "../../backup/manifest";
import type { ObjectStore } from "../store/store";
import { start, type Running } from "./child";
import { plainEnv } from "./libpq";
import { restoreProgram } from "./programs";

export interface ReadBackOptions {
  /** File to keep what was read, for a restore. @default nothing is kept */
  readonly into?: string;
  /** Whether pg_restore decodes it as well, to its last byte. @default true */
  readonly decode?: boolean;
}

/**
 * Reads a dump as the store has it now, and shows that it is what was written: its size, its SHA-256, and a full decode
 * (listing a dump proves nothing of its data). Once over the wire, never in memory as a whole.
 * @throws BackupFailure with what differs; StoreFailed
 */
export async function readBack(
  store: ObjectStore,
  { id, dump, pgDump }: Pick<Manifest, "id" | "dump" | "pgDump">,
  { into, decode = true }: ReadBackOptions = {},
): Promise<void> {
  const decoder = decode ? await startDecoder(pgDump) : undefined;
  const file = into === undefined ? undefined : createWriteStream(into, { mode: 0o600, flags: "wx" });
  const fileOpened = file === undefined ? undefined : once(file, "open");
  try {
    await fileOpened;
    const found = await pass(store, dump.key, [
      ...(file === undefined ? [] : [(chunk: Buffer) => write(file, chunk)]),
      ...(decoder === undefined ? [] : [decoderSink(decoder)]),
    ]);
    // What it is comes before what pg_restore makes of it: a changed byte explains whatever it says.
    assertSame(id, dump, found);
    if (file !== undefined) await close(file);
    if (decoder !== undefined) await decoded(id, decoder, found.size);
  } finally {
    file?.destroy();
    await decoder?.stop();
  }
}

async function startDecoder(pgDump: string): Promise<Running> {
  const program = await restoreProgram(Number.parseInt(pgDump, 10));
  const running = start(program.path, ["--format=custom", "--file=/dev/null"], plainEnv(), "stdin");
  // What pg_restore doesn't take any more it has no use for; how it ended, and what it was given, tell whether it had all.
  running.child.stdin?.on("error", () => undefined);
  return running;
}

type Sink = (chunk: Buffer) => Promise<void> | void;

function decoderSink({ child, ended }: Running): Sink {
  const input = child.stdin;
  return (chunk) => {
    if (input === null || input.destroyed || !input.writable) return;
    if (!input.write(chunk))
      return Promise.race([once(input, "drain").then(() => undefined), ended.catch(() => undefined)]);
  };
}

async function write(file: Writable, chunk: Buffer): Promise<void> {
  if (!file.write(chunk)) await once(file, "drain");
}

const close = (file: Writable): Promise<void> =>
  new Promise((done, failed) => {
    file.once("error", failed);
    file.end(() => done());
  });

/** Each chunk to each sink, as fast as the slowest takes it. */
async function pass(
  store: ObjectStore,
  key: string,
  sinks: readonly Sink[],
): Promise<{ size: number; sha256: string }> {
  const hash = createHash("sha256");
  let size = 0;
  for await (const chunk of await store.get(key)) {
    const bytes = chunk as Buffer;
    hash.update(bytes);
    size += bytes.length;
    for (const sink of sinks) await sink(bytes);
  }
  return { size, sha256: hash.digest("hex") };
}

function assertSame(id: string, dump: Manifest["dump"], found: { size: number; sha256: string }): void {
  if (found.size === dump.size && found.sha256 === dump.sha256) return;
  const what =
    found.size === dump.size
      ? `SHA-256 ${found.sha256.slice(0, 12)}…, expected ${dump.sha256.slice(0, 12)}…`
      : `${found.size} bytes, expected ${dump.size}`;
  throw new BackupFailure(
    "read back",
    `the backup ${id} is not what was written: ${dump.key} has ${what}. It can't be restored; take another one`,
  );
}

async function decoded(id: string, { child, ended }: Running, size: number): Promise<void> {
  const input = child.stdin as Socket | null;
  input?.end();
  try {
    await ended;
  } catch (error) {
    const given = input?.bytesWritten ?? 0;
    const part =
      given === size
        ? ""
        : ` (given ${given} of its ${size} bytes${input?.errored ? `, then ${input.errored.message}` : ""})`;
    throw new BackupFailure(
      "decode",
      `the backup ${id} is what was written, but pg_restore can't read it${part}: ${(error as Error).message}`,
      { cause: error },
    );
  }
}
