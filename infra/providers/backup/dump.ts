import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { escapeIdentifier } from "pg";
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

/** What of a database is dumped, and as what snapshot sees it. */
export interface DumpOf {
  readonly connection: Connection;
  /** Secret. */
  readonly password: string;
  /** As pg_export_snapshot names it, in a transaction that stays open. */
  readonly snapshot: string;
  /** That schema alone. @default the whole database */
  readonly schema?: string | undefined;
}

export function startDump(program: Program, { connection, password, snapshot, schema }: DumpOf): Dumping {
  const how = ["--format=custom", `--snapshot=${snapshot}`, `--lock-wait-timeout=${lockWait}`];
  // It takes a pattern; in quotes a name is nothing but itself.
  if (schema !== undefined) how.push(`--schema=${escapeIdentifier(schema)}`);
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
