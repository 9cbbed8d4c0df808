import type { Client } from "pg";
import type { Sync } from "../../schema";

/** One row of `switchyard.syncs`. */
export interface RecordedSync {
  /** `0004/1`: the version of its migration, and its place among that one's syncs. */
  readonly id: string;
  readonly version: string;
  readonly sync: Sync;
  /** The migration that ended it; undefined while it is active. */
  readonly endedBy?: string;
}

export const syncId = (version: string, index: number): string => `${version}/${index + 1}`;

/** Creates the table of syncs where it is missing. Its rows are kept: what was, stays readable. */
export async function prepareRecord(client: Client): Promise<void> {
  without.delete(client);
  await client.query("CREATE SCHEMA IF NOT EXISTS switchyard");
  await client.query(`CREATE TABLE IF NOT EXISTS switchyard.syncs (
    id text PRIMARY KEY,
    version text NOT NULL,
    "table" text NOT NULL,
    shape text NOT NULL,
    definition jsonb NOT NULL,
    installed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_by text,
    ended_at timestamptz
  )`);
}

/** Every sync on record, active or not, oldest first; empty where there is no record yet. */
export async function readSyncs(client: Client): Promise<RecordedSync[]> {
  const there = await client.query<{ there: boolean }>("SELECT to_regclass('switchyard.syncs') IS NOT NULL AS there");
  if (there.rows[0]?.there !== true) return [];
  const { rows } = await client.query<{ id: string; version: string; definition: Sync; ended_by: string | null }>(
    "SELECT id, version, definition, ended_by FROM switchyard.syncs ORDER BY installed_at, id",
  );
  return rows.map(({ id, version, definition, ended_by }) => ({
    id,
    version,
    sync: definition,
    ...(ended_by === null ? {} : { endedBy: ended_by }),
  }));
}

/** Sessions that hold the schema lock and have found no sync on record: nobody else enters one meanwhile. */
const without = new WeakSet<Client>();

/** Whether any sync is on record, active or not. Asked of the session that holds the schema lock; the answer "none" is kept. */
export async function anySync(client: Client): Promise<boolean> {
  if (without.has(client)) return false;
  const any = (await readSyncs(client)).length > 0;
  if (!any) without.add(client);
  return any;
}

/** Enters a sync as active, also one that had ended. */
export async function enterSync(client: Client, { id, version, sync }: RecordedSync): Promise<void> {
  await client.query(
    `INSERT INTO switchyard.syncs (id, version, "table", shape, definition) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (id) DO UPDATE SET "table" = excluded."table", shape = excluded.shape, definition = excluded.definition,
       ended_by = NULL, ended_at = NULL,
       installed_at = CASE WHEN syncs.ended_by IS NULL THEN syncs.installed_at ELSE clock_timestamp() END`,
    [id, version, sync.table, sync.shape, JSON.stringify(sync)],
  );
}

export async function endSync(client: Client, id: string, endedBy: string): Promise<void> {
  await client.query("UPDATE switchyard.syncs SET ended_by = $2, ended_at = clock_timestamp() WHERE id = $1", [
    id,
    endedBy,
  ]);
}
