import { availableParallelism } from "node:os";
import type { Client } from "pg";
import { compareContents, ofSchema } from "../../backup/contents";
import { BackupFailure } from "../../backup/failure";
import type { Manifest, Verification } from "../../backup/manifest";
import { withConnection, type Connection } from "../connection";
import { restoreDump } from "../schema/rehearsal-restore";
import { drillPurpose, withScratch } from "../schema/rehearsal-scratch";
import { pinnedSettings, readContents } from "./contents";
import { readServer, type BackupTarget } from "./target";

/** More than these wait for each other, and for the service. */
const mostJobs = 4;

/** How many differences a message names; with thousands of tables the rest says nothing new. */
const shownDifferences = 20;

/**
 * Restores a dump into a scratch database beside the real one, compares all that it holds with the manifest, and drops it
 * again. Nothing that serves is touched.
 * @param file the dump, read back from the store
 * @throws BackupFailure with what pg_restore said, or with what differs
 */
export function drill(
  target: BackupTarget,
  manifest: Manifest,
  file: string,
  say: (line: string) => void,
): Promise<NonNullable<Verification["drill"]>> {
  const { password, owner } = target;
  return inWords(manifest, () =>
    withScratch(
      target,
      say,
      ({ connection }) =>
        withConnection(connection, password, drillPurpose.application, async (client) => ({
          at: new Date().toISOString(),
          ...(await restoreAndCompare(client, { connection, password, owner, manifest, file, step: "drill" })),
        })),
      drillPurpose,
    ),
  );
}

export interface RestoreAndCompare {
  /** An empty database, as the administrator. */
  readonly connection: Connection;
  /** Secret. */
  readonly password: string;
  readonly owner: string;
  readonly manifest: Manifest;
  /** The dump, read back from the store. */
  readonly file: string;
  /** That schema of it alone. @default all that was dumped */
  readonly schema?: string | undefined;
  /** What the restore is for, in messages. */
  readonly step: "drill" | "restore";
}

/**
 * Restores a dump into an empty database that `client` is connected to, and compares all that it holds with the manifest.
 * @returns how long each took, in ms, and the server's version
 * @throws BackupFailure with what differs; what pg_restore said
 */
export async function restoreAndCompare(
  client: Client,
  { connection, password, owner, manifest, file, schema, step }: RestoreAndCompare,
): Promise<{ restoreMs: number; compareMs: number; server: string }> {
  const jobs = Math.min(mostJobs, availableParallelism());
  const began = performance.now();
  await restoreDump(client, { file, connection, password, owner, jobs, ...(schema !== undefined && { schema }) });
  const restored = performance.now();
  await client.query(pinnedSettings);
  const server = await readServer(client);
  const sameMajor = server.major === manifest.server.major;
  const expected = schema === undefined ? manifest.contents : ofSchema(manifest.contents, schema);
  const found = await readContents(client, schema ?? manifest.schema);
  const differences = compareContents(expected, found, { sameMajor });
  if (differences.length > 0) throw differing(manifest, differences, step);
  return {
    restoreMs: Math.round(restored - began),
    compareMs: Math.round(performance.now() - restored),
    server: server.version,
  };
}

async function inWords<T>({ id }: Manifest, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof BackupFailure) throw error;
    throw new BackupFailure(
      "drill",
      `the backup ${id} could not be restored for a drill: ${(error as Error).message}`,
      {
        cause: error,
      },
    );
  }
}

function differing({ id }: Manifest, differences: readonly string[], step: "drill" | "restore"): BackupFailure {
  const shown = differences.slice(0, shownDifferences);
  const more = differences.length - shown.length;
  return new BackupFailure(
    step,
    [
      `the backup ${id} restores, but what it restores is not what was dumped:`,
      ...shown.map((line) => `  ${line}`),
      ...(more > 0 ? [`  and ${more} more`] : []),
    ].join("\n"),
  );
}
