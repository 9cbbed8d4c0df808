import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client } from "pg";
import { BackupFailure } from "../../backup/failure";
import type { Manifest } from "../../backup/manifest";
import { restoredMark } from "../../backup/restore";
import { checkAccess } from "../../database/check";
import type { ExpectedAccess } from "../../database/expectations";
import type { Backup } from "../backup/archive";
import { restoreAndCompare } from "../backup/drill";
import { readBack } from "../backup/read-back";
import { assertRoomForFile, assertRoomForRestore, type Room } from "../backup/space";
import { withSpool } from "../backup/spool";
import type { BackupTarget } from "../backup/target";
import { withConnection } from "../connection";
import { restorePurpose, withScratch } from "../schema/rehearsal-scratch";
import type { ObjectStore } from "../store/store";
import { closeTo, copySettings } from "./access";
import { beside, findDatabases, type Found } from "./look";

export interface MakeOptions {
  /** Name of the new database, 1 to 63 bytes. */
  readonly into: string;
  /** How another name is given, for messages. @default `restore.into` */
  readonly renameBy?: string;
  /** Only that schema of the backup. @default the whole database */
  readonly schema?: string | undefined;
  /** What Access declares, to hold the new database against. @default it is not asked */
  readonly expected?: ExpectedAccess;
  /** One line for the operator, without a line end. */
  readonly say: (line: string) => void;
  readonly room?: Room;
}

export interface Made {
  readonly database: Found;
  /** How long pg_restore took, in ms; undefined where an earlier run has made the database. */
  readonly restoreMs?: number;
}

/**
 * Makes a new database from a backup: beside the target, on its server, with the extensions, settings and privileges that
 * the target has from Access, none of which come from the dump. It has its name once it is whole and holds what the manifest
 * says; until then it is a scratch copy, which the next run drops where this one is killed. Nobody but the administrator
 * gets into it before it is switched to.
 * @throws BackupFailure; then there is no such database, and nothing that serves was touched
 */
export async function makeDatabase(
  target: BackupTarget,
  store: ObjectStore,
  { manifest }: Backup,
  options: MakeOptions,
): Promise<Made> {
  const { into, say, room = {}, expected, schema } = options;
  const { connection, password, owner } = target;
  const mark = restoredMark(manifest.id, manifest.digest, schema);
  const earlier = await lookFor(target, manifest, mark, options);
  if (earlier !== undefined) {
    say(`${into} is there already, restored from ${manifest.id}`);
    return { database: earlier };
  }
  const restoreMs = await withSpool(async (folder) => {
    await assertRoomForRestore(manifest.server.databaseBytes, room, "restore");
    await assertRoomForFile(manifest.dump.size, folder);
    const file = join(folder, "database.dump");
    await readBack(store, manifest, { into: file });
    return inWords(manifest, () =>
      withScratch(
        target,
        say,
        async (scratch, real) => {
          const took = await withConnection(
            scratch.connection,
            password,
            restorePurpose.application,
            async (client) => {
              const of = { connection: scratch.connection, password, owner, manifest, file };
              const { restoreMs: ms } = await restoreAndCompare(client, { ...of, schema, step: "restore" });
              await client.query("SET statement_timeout = 0; ANALYZE");
              if (expected !== undefined) await assertAccess(client, expected, manifest);
              return ms;
            },
          );
          await scratch.assertKept();
          await adopt(real, scratch.connection.database, into, mark);
          return took;
        },
        restorePurpose,
      ),
    );
  }, tmpdir());
  const made = await lookFor(target, manifest, mark, options);
  if (made === undefined)
    throw new BackupFailure("restore", `${into} was restored, and is gone from ${connection.host}`);
  const what = schema === undefined ? "table, sequence and large object" : `table and sequence of the schema ${schema}`;
  say(`restored ${manifest.id} into ${into}: every ${what} is as it was dumped`);
  return { database: made, restoreMs };
}

/** The database that an earlier run has made of this very backup. @throws BackupFailure where another one has its name */
async function lookFor(
  { connection, password }: BackupTarget,
  { id }: Manifest,
  mark: string,
  { into, schema, renameBy = "pulumi config set --path restore.into <name>" }: MakeOptions,
): Promise<Found | undefined> {
  const there = await beside(connection, password, async (client) => (await findDatabases(client, [into])).get(into));
  if (there === undefined || there.comment === mark) return there;
  const part = schema === undefined ? "" : `the schema ${schema} of `;
  throw new BackupFailure(
    "restore",
    `there is a database ${into} on ${connection.host}:${connection.port} already, and it was not restored from ${part}${id}; ` +
      `nothing is restored over it. Choose another name: ${renameBy}`,
  );
}

async function assertAccess(client: Client, expected: ExpectedAccess, { id }: Manifest): Promise<void> {
  const found = await checkAccess(client, expected);
  if (found.length === 0) return;
  throw new BackupFailure(
    "restore",
    [`the backup ${id} restores, but access to it would not be as declared:`, ...found.map((line) => `  ${line}`)].join(
      "\n",
    ),
  );
}

/** In one transaction: a database under that name is whole, and says what it was restored from. */
async function adopt(real: Client, scratch: string, into: string, mark: string): Promise<void> {
  const [from, to] = [scratch, into].map((name) => real.escapeIdentifier(name)) as [string, string];
  await real.query("BEGIN");
  try {
    await copySettings(real, scratch);
    await closeTo(real, scratch);
    await real.query(`ALTER DATABASE ${from} RENAME TO ${to}`);
    await real.query(`COMMENT ON DATABASE ${to} IS ${real.escapeLiteral(mark)}`);
    await real.query("COMMIT");
  } catch (error) {
    await real.query("ROLLBACK");
    throw error;
  }
}

async function inWords<T>({ id }: Manifest, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof BackupFailure) throw error;
    throw new BackupFailure("restore", `the backup ${id} could not be restored: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
