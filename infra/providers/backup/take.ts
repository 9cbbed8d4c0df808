import { DatabaseError, type Client } from "pg";
import type { Contents } from "../../backup/contents";
import { BackupFailure } from "../../backup/failure";
import { backupKey, type Manifest } from "../../backup/manifest";
import { seal } from "../../backup/seal";
import type { SnapshotRecord } from "../../backup/snapshot";
import type { RdsAddress } from "../../platform/aws/snapshot";
import { withConnection } from "../connection";
import { factsOf, readHistory } from "../schema/history";
import { withRun } from "../schema/session";
import type { ObjectStore } from "../store/store";
import { clearLeftovers, newId, storeManifest } from "./archive";
import { pinnedSettings, readContents, withSequencesNow } from "./contents";
import { startDump, type Dumping } from "./dump";
import { dumpProgram, type Program } from "./programs";
import { beginSnapshot, type Taken } from "./snapshot";
import { readServer, type BackupTarget } from "./target";

export interface TakeOptions {
  /** What comes after it, or "asked" when somebody or the clock asked for it. */
  readonly before: Manifest["before"];
  /** Which releases are declared, for the record. */
  readonly release: string;
  /** The instance that the database is in, where a snapshot of it is taken beside the dump. @default none is */
  readonly rds?: RdsAddress | undefined;
  /** That schema alone, into a store that is for it. @default the whole database */
  readonly schema?: string | undefined;
  /** Asked while RDS is waited for. @throws when nobody waits for the backup any more. @default never */
  readonly goOn?: (() => Promise<void>) | undefined;
  /** One line for the operator, without a line end. */
  readonly say: (line: string) => void;
}

/**
 * Dumps the database into the store, with a manifest of what the dump's own snapshot holds. It is a backup once the
 * manifest is stored, which comes last; what a run that fails leaves behind is cleared away, by itself or by the next one.
 *
 * All the while it holds the schema lock, as the runner of migrations does. A snapshot that is open for long is what CREATE
 * INDEX CONCURRENTLY waits for, and a dump waits for DDL: with the lock, neither meets one of ours.
 * @throws BackupFailure with the step that failed
 */
export async function takeBackup(target: BackupTarget, store: ObjectStore, options: TakeOptions): Promise<Manifest> {
  const { connection } = target;
  const { schema, say } = options;
  return underLock(target, store, options, async (client, assertHeld) => {
    const began = performance.now();
    const common = await commonOf(client, connection.database, options);
    const program = await dumpProgram(common.server.major);
    const { rds } = options;
    const beside = rds && (await beginSnapshot({ store, rds, taken: common, say, assertHeld }));
    // What it says is asked for below; until then a failure of it is nobody's.
    const fixed = beside?.reach("fixed");
    fixed?.catch(() => undefined);
    const snapshot = await openDumpSnapshot(client);
    const takenAt = new Date().toISOString();
    const extensions = await readExtensions(client);
    const dumped = await dumpAndRead(client, { target, store, program, snapshot, schema, id: common.id });
    await fixed;
    // Whoever has the lock now may have taken the dump for a leftover: then it must not count.
    await assertHeld();
    const manifest = seal({
      format: 1 as const,
      ...common,
      ...(schema !== undefined && { schema }),
      ...{ takenAt, extensions, pgDump: program.version },
      ...dumped,
      durationMs: Math.round(performance.now() - began),
    });
    await storeManifest(store, manifest);
    return manifest;
  });
}

/**
 * Has RDS copy the disk of the instance, and waits until that copy can be restored: a backup without a dump.
 * @throws BackupFailure
 */
export function takeSnapshot(
  target: BackupTarget,
  store: ObjectStore,
  options: TakeOptions & { readonly rds: RdsAddress },
): Promise<SnapshotRecord> {
  const { rds, say } = options;
  return underLock(target, store, options, async (client, assertHeld) => {
    const taken = await commonOf(client, target.connection.database, options);
    const snapshot = await beginSnapshot({ store, rds, taken, say, assertHeld });
    const record = await snapshot.reach("available");
    await assertHeld();
    return record;
  });
}

/** With the schema lock, a session that reads, and nothing left of what was broken off. */
function underLock<T>(
  { connection, password, owner, migrator }: BackupTarget,
  store: ObjectStore,
  { rds, goOn, say }: TakeOptions,
  work: (client: Client, assertHeld: () => Promise<void>) => Promise<T>,
): Promise<T> {
  const { user, password: migratorPassword } = migrator;
  const locking = { connection: { ...connection, user }, password: migratorPassword, owner };
  return withRun(locking, { say, application: "switchyard-backup-lock" }, async ({ assertHeld }) => {
    await clearLeftovers(store, connection.database, { rds, say });
    return withConnection(connection, password, "switchyard-backup", async (client) => {
      await client.query(pinnedSettings);
      return work(client, async () => {
        await goOn?.();
        await assertHeld();
      });
    });
  });
}

/** What the record of any backup says. The lock keeps the schema as it is from here on. */
async function commonOf(client: Client, database: string, { before, release }: TakeOptions): Promise<Taken> {
  const at = Date.now();
  const { applied, half, scars } = factsOf(await readHistory(client));
  const versions = applied.map(({ version }) => version);
  return {
    ...{ id: newId(at), database, takenAt: new Date(at).toISOString(), before, release },
    server: await readServer(client),
    ...{ schemaVersion: versions.at(-1) ?? "", applied: versions },
    ...{ half: half?.version ?? null, scars: scars.map(({ version }) => version) },
  };
}

/**
 * Open until the session ends. Nothing times it out, since `withConnection` and the pinned settings say so; and no network
 * takes it for dead while it waits for pg_dump, since the server asks after us.
 */
async function openDumpSnapshot(client: Client): Promise<string> {
  await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  const { rows } = await client.query<{ snapshot: string }>("SELECT pg_export_snapshot() AS snapshot");
  return rows[0]?.snapshot ?? "";
}

async function readExtensions(client: Client): Promise<Manifest["extensions"]> {
  const { rows } = await client.query<{ name: string; version: string; schema: string }>(
    `SELECT extname AS name, extversion AS version, nspname AS schema
       FROM pg_extension JOIN pg_namespace AS n ON n.oid = extnamespace WHERE extname <> 'plpgsql' ORDER BY 1`,
  );
  return rows;
}

interface Work {
  readonly target: BackupTarget;
  readonly store: ObjectStore;
  readonly program: Program;
  readonly snapshot: string;
  readonly schema: string | undefined;
  readonly id: string;
}

/** The dump and the figures of what it holds, side by side, both of the one snapshot. Where one fails, the other ends too. */
async function dumpAndRead(
  client: Client,
  { target, store, program, snapshot, schema, id }: Work,
): Promise<{ contents: Contents; dump: Manifest["dump"] }> {
  const { connection, password } = target;
  const key = backupKey(connection.database, id, "dump");
  const dumping = startDump(program, { connection, password, snapshot, schema });
  const stored = store.put(key, dumping.content, { ifAbsent: true });
  try {
    const [contents] = await Promise.all([readContents(client, schema).catch(asReading), stored]);
    return { contents: await withSequencesNow(client, contents), dump: { key, ...dumping.written() } };
  } catch (error) {
    await dumping.stop();
    dumping.content.destroy();
    await stored.catch(() => undefined);
    await store.delete(key).catch(() => undefined);
    throw inWords(error, dumping, connection.database);
  }
}

class ReadingFailed extends Error {}

const asReading = (error: unknown): never => {
  throw new ReadingFailed((error as Error).message, { cause: error });
};

/** pg_dump's own words come first: a store can only say that what it was given broke off. */
function inWords(error: unknown, dumping: Dumping, database: string): BackupFailure {
  const options = { cause: error };
  const failure = dumping.failure();
  if (failure !== undefined && !(error instanceof ReadingFailed))
    return new BackupFailure(
      "dump",
      `pg_dump could not dump ${database}: ${failure.message}${hint(failure.message)}`,
      options,
    );
  if (error instanceof ReadingFailed) {
    const { message, cause } = error;
    const code = cause instanceof DatabaseError && cause.code !== undefined ? ` (${cause.code})` : "";
    return new BackupFailure(
      "dump",
      `counting what ${database} holds failed: ${message}${code}${hint(message)}`,
      options,
    );
  }
  return new BackupFailure("store", `the dump could not be stored: ${(error as Error).message}`, options);
}

function hint(message: string): string {
  if (/permission denied for large object/.test(message))
    return ". The server's administrator has to read every large object: GRANT it the roles that own them";
  if (/row-level security/.test(message))
    return ". A policy hides rows also from the table's owner (FORCE ROW LEVEL SECURITY), so no backup would be whole";
  return "";
}
