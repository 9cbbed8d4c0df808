import type { Client } from "pg";
import { assumedSummary, noDirectives } from "./history-old";

/**
 * The columns of a version's row. Those that services may read in their readiness check: version, phase, state and
 * finished_at, which is set only while the migration is applied.
 */
const createMigrations = `CREATE TABLE IF NOT EXISTS switchyard.migrations (
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
)`;

/** Each run of a direction that ended, well or not; nothing in it is ever deleted. */
const createRuns = `CREATE TABLE IF NOT EXISTS switchyard.migration_runs (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  version text NOT NULL,
  name text NOT NULL,
  direction text NOT NULL CHECK (direction IN ('up', 'down', 'accept')),
  checksum text NOT NULL,
  statements_applied integer NOT NULL,
  started_at timestamptz NOT NULL,
  finished_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  duration_ms bigint NOT NULL,
  applied_by text NOT NULL DEFAULT session_user,
  release text,
  backup text,
  error text,
  failed_statement text,
  figures jsonb NOT NULL DEFAULT '{}'
)`;

/**
 * Rows of before: what was finished is applied. Of the others only those without a transaction may have left something;
 * what was under way there when it ended, nobody knows.
 */
const upgrade = `
  ALTER TABLE switchyard.migrations ADD COLUMN IF NOT EXISTS summary jsonb, ADD COLUMN IF NOT EXISTS directives jsonb,
    ADD COLUMN IF NOT EXISTS statement_begun integer NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS taken_back_at timestamptz, ADD COLUMN IF NOT EXISTS state text;
  UPDATE switchyard.migrations SET state = CASE
      WHEN finished_at IS NOT NULL THEN 'applied'
      WHEN split_part(up, E'\\n', 1) LIKE '%transaction:false%' THEN 'applying' ELSE 'taken back' END,
    statement_begun = CASE
      WHEN finished_at IS NULL AND split_part(up, E'\\n', 1) LIKE '%transaction:false%' THEN statements_applied + 1 ELSE 0 END,
    statements_applied = CASE
      WHEN finished_at IS NULL AND split_part(up, E'\\n', 1) NOT LIKE '%transaction:false%' THEN 0 ELSE statements_applied END
   WHERE state IS NULL;
  ALTER TABLE switchyard.migrations ALTER COLUMN state SET NOT NULL, ALTER COLUMN state SET DEFAULT 'applying';
  ALTER TABLE switchyard.migrations ADD CONSTRAINT migrations_state_check
    CHECK (state IN ('applying', 'applied', 'taking back', 'taken back') AND (finished_at IS NOT NULL) = (state = 'applied'))`;

/**
 * Creates what is missing, and brings the tables of an older version up to date, in one transaction. Asks first: nothing
 * is locked where nothing is to be done.
 */
export async function prepareHistory(client: Client): Promise<void> {
  const { rows } = await client.query<{ ready: boolean }>(
    `SELECT to_regclass('switchyard.migration_runs') IS NOT NULL AND EXISTS (
       SELECT FROM pg_constraint WHERE conrelid = to_regclass('switchyard.migrations') AND conname = 'migrations_state_check'
     ) AS ready`,
  );
  if (rows[0]?.ready === true) return;
  await client.query("BEGIN");
  try {
    await client.query(`CREATE SCHEMA IF NOT EXISTS switchyard; ${createMigrations}; ${createRuns}; ${upgrade}`);
    await fillSummaries(client);
    await client.query("COMMIT");
  } catch (error) {
    // Where the session is gone, so is the transaction; what was found is thrown either way.
    await client.query("ROLLBACK").catch(() => undefined);
    throw error;
  }
}

async function fillSummaries(client: Client): Promise<void> {
  const { rows } = await client.query<Parameters<typeof assumedSummary>[0]>(
    "SELECT version, name, phase, checksum, up, down FROM switchyard.migrations WHERE summary IS NULL",
  );
  for (const row of rows)
    await client.query("UPDATE switchyard.migrations SET summary = $2, directives = $3 WHERE version = $1", [
      row.version,
      JSON.stringify(assumedSummary(row)),
      JSON.stringify(noDirectives),
    ]);
  await client.query(
    "ALTER TABLE switchyard.migrations ALTER COLUMN summary SET NOT NULL, ALTER COLUMN directives SET NOT NULL",
  );
}
