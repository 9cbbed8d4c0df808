import type { Client } from "pg";

/** What a record is written through: a session, which has written it then, or a flight, which has only sent it. */
export interface Recorder {
  query(text: string, values: unknown[]): Promise<unknown>;
}

/** One row of `switchyard.migration_runs`. */
export interface RunLogEntry {
  readonly version: string;
  readonly name: string;
  /** `accept`: nothing ran; the history took over the text of an edited file. */
  readonly direction: "up" | "down" | "accept";
  readonly checksum: string;
  readonly statementsApplied: number;
  readonly startedAt: Date;
  readonly release?: string;
  readonly backup?: string;
  readonly error?: string;
  readonly failedStatement?: string;
  /** Plain data: rows a second, statistics, tries, what was accepted. */
  readonly figures: Figures;
}

export type Figures = Record<string, unknown>;

/** Adds a row; in the transaction of what it tells of, where there is one. */
export async function logRun(client: Recorder, entry: RunLogEntry): Promise<void> {
  const { version, name, direction, checksum, statementsApplied, startedAt, release, backup } = entry;
  await client.query(
    `INSERT INTO switchyard.migration_runs (version, name, direction, checksum, statements_applied, started_at,
       duration_ms, release, backup, error, failed_statement, figures)
     VALUES ($1, $2, $3, $4, $5, $6, greatest(0, (extract(epoch FROM clock_timestamp() - $6::timestamptz) * 1000)::bigint),
       $7, $8, $9, $10, $11)`,
    [
      ...[version, name, direction, checksum, statementsApplied, startedAt, release, backup],
      ...[entry.error, entry.failedStatement, JSON.stringify(entry.figures)],
    ],
  );
}

/** Adds figures that are known only later to the newest run of a migration that ended well. */
export async function addFigures(client: Client, version: string, figures: Figures): Promise<void> {
  await client.query(
    `UPDATE switchyard.migration_runs SET figures = figures || $2::jsonb
      WHERE id = (SELECT max(id) FROM switchyard.migration_runs WHERE version = $1 AND error IS NULL)`,
    [version, JSON.stringify(figures)],
  );
}
