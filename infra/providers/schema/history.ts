import type { Client } from "pg";
import type { Migration } from "../../schema/types";

/** One row of `switchyard.migrations`. It counts as applied when `finishedAt` is set. */
export interface HistoryRow {
  version: string;
  name: string;
  checksum: string;
  statementsApplied: number;
  finishedAt: Date | null;
}

/** Creates what is missing. The columns are public: services read version, phase and finished_at in their readiness check. */
export async function prepareHistory(client: Client): Promise<void> {
  await client.query("CREATE SCHEMA IF NOT EXISTS switchyard");
  await client.query(`CREATE TABLE IF NOT EXISTS switchyard.migrations (
    version text PRIMARY KEY,
    name text NOT NULL,
    phase text NOT NULL CHECK (phase IN ('expand', 'contract')),
    checksum text NOT NULL,
    up text NOT NULL,
    down text NOT NULL,
    statements_applied integer NOT NULL DEFAULT 0,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    duration_ms bigint,
    applied_by text NOT NULL DEFAULT session_user,
    release text,
    backup text,
    error text,
    failed_statement text
  )`);
}

/** What the history says; empty when there is none yet. */
export async function readHistory(client: Client): Promise<HistoryRow[]> {
  const exists = await client.query("SELECT to_regclass('switchyard.migrations') IS NOT NULL AS there");
  if (!(exists.rows[0] as { there: boolean }).there) return [];
  const { rows } = await client.query<HistoryRow>(
    `SELECT version, name, checksum, statements_applied AS "statementsApplied", finished_at AS "finishedAt"
       FROM switchyard.migrations ORDER BY version`,
  );
  return rows;
}

/** Enters a migration before its first statement, or clears the error of an earlier try. */
export async function enter(client: Client, migration: Migration): Promise<void> {
  const { version, name, phase, checksum, up, down } = migration;
  await client.query(
    `INSERT INTO switchyard.migrations (version, name, phase, checksum, up, down) VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (version) DO UPDATE SET error = NULL, failed_statement = NULL, checksum = excluded.checksum,
       up = excluded.up, down = excluded.down`,
    [version, name, phase, checksum, up.text, down.text],
  );
}

export async function noteProgress(client: Client, version: string, statementsApplied: number): Promise<void> {
  await client.query("UPDATE switchyard.migrations SET statements_applied = $2 WHERE version = $1", [
    version,
    statementsApplied,
  ]);
}

export async function finish(client: Client, version: string, statements: number): Promise<void> {
  await client.query(
    `UPDATE switchyard.migrations SET statements_applied = $2, finished_at = clock_timestamp(),
       duration_ms = (extract(epoch FROM clock_timestamp() - started_at) * 1000)::bigint WHERE version = $1`,
    [version, statements],
  );
}

export async function noteFailure(client: Client, version: string, message: string, statement: string): Promise<void> {
  await client.query("UPDATE switchyard.migrations SET error = $2, failed_statement = $3 WHERE version = $1", [
    version,
    message,
    statement,
  ]);
}
