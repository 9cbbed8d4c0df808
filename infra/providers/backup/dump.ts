import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import type { Connection } from "../connection";
import { start } from "./child";
import { connectEnv, connectTo } from "./libpq";
import type { Program } from "./programs";

/** pg_dump at work. */
export interface Dumping {
  /**
   * What it writes, in PostgreSQL's custom format, compressed. It breaks off with an error where pg_dump fails, so whoever
   * stores it stores nothing then.
   */
  readonly content: Readable;
  /** Once `content` was read to its end. */
  written(): { size: number; sha256: string };
  /** Why pg_dump failed, once it has by itself. */
  failure(): Error | undefined;
  /** Ends it, if it still runs. */
  readonly stop: () => Promise<void>;
}

/** How long it may wait for a lock that somebody's DDL holds; ours is kept out by the schema lock. */
const lockWait = "60s";

/** Dumps a whole database as one snapshot sees it. @param snapshot as pg_export_snapshot names it, in an open transaction */
export function startDump(program: Program, connection: Connection, password: string, snapshot: string): Dumping {
  const how = ["--format=custom", `--snapshot=${snapshot}`, `--lock-wait-timeout=${lockWait}`];
  const running = start(program.path, [...connectTo(connection), ...how], connectEnv(connection, password), "stdout");
  const hash = createHash("sha256");
  let size = 0;
  let sha256 = "";
  let failure: Error | undefined;
  let stopped = false;
  running.ended.catch((error: unknown) => {
    // That it was ended by us is no news of its own.
    if (!stopped) failure = error as Error;
  });
  const stop = (): Promise<void> => {
    stopped = true;
    return running.stop();
  };
  async function* read(): AsyncGenerator<Buffer> {
    try {
      for await (const chunk of running.child.stdout ?? []) {
        const bytes = chunk as Buffer;
        hash.update(bytes);
        size += bytes.length;
        yield bytes;
      }
      // Its output may end before it says that it failed.
      await running.ended;
      sha256 = hash.digest("hex");
    } finally {
      await stop();
    }
  }
  return {
    content: Readable.from(read(), { objectMode: false }),
    written: () => {
      if (sha256 === "") throw new Error("the dump was not read to its end");
      return { size, sha256 };
    },
    failure: () => failure,
    stop,
  };
}
