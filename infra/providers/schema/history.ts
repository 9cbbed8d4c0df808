import type { Client } from "pg";
import type { Migration as Summary } from "../../rollout/types";
import { compareVersions, type Migration, type Phase } from "../../schema";
import { assumedSummary, noDirectives } from "./history-old";
import { recordOf } from "./step";
import type { Recorder } from "./run-log";
import type { Directives, FileRecord } from "./run";

export { prepareHistory } from "./history-table";

/** `applying` and `taking back`: what it does is there in part. Anything else is whole. */
export type MigrationState = "applying" | "applied" | "taking back" | "taken back";

/** One row of `switchyard.migrations`. */
export interface HistoryRow {
  readonly version: string;
  readonly name: string;
  readonly phase: Phase;
  readonly checksum: string;
  /** `Section.text` as it was applied. */
  readonly up: string;
  readonly down: string;
  readonly state: MigrationState;
  /** Of the direction that the state is about, with `transaction:false` one by one. */
  readonly statementsApplied: number;
  /** A statement that began outside of a transaction and of which nobody has said how it ended, counted from 1; else 0. */
  readonly statementBegun: number;
  readonly finishedAt: Date | null;
  /** When a down of it last ended; null where none ever did. */
  readonly takenBackAt: Date | null;
  readonly summary: Summary;
  readonly directives: Directives;
}

/** What the transition rules are told of a database. */
export interface SchemaFacts {
  /** As recorded when each was applied, in order of version. */
  readonly applied: Summary[];
  readonly half: Summary | null;
  readonly scars: Summary[];
}

interface Stored {
  version: string;
  name: string;
  phase: Phase;
  checksum: string;
  up: string;
  down: string;
  state?: MigrationState;
  statements_applied: number;
  statement_begun?: number;
  finished_at: string | null;
  taken_back_at?: string | null;
  summary?: Summary | null;
  directives?: Directives | null;
}

/**
 * What the history says, in order of version; empty where there is none yet. Read as whole rows, so that the table of an
 * older version is read too.
 */
export async function readHistory(client: Client): Promise<HistoryRow[]> {
  const exists = await client.query<{ there: boolean }>(
    "SELECT to_regclass('switchyard.migrations') IS NOT NULL AS there",
  );
  if (exists.rows[0]?.there !== true) return [];
  const { rows } = await client.query<{ row: Stored }>("SELECT to_jsonb(m) AS row FROM switchyard.migrations AS m");
  return rows.map(({ row }) => fromStored(row)).sort((a, b) => compareVersions(a.version, b.version));
}

/** One migration's row; undefined where it was never begun. The table is there. */
export async function readRow(client: Client, version: string): Promise<HistoryRow | undefined> {
  const { rows } = await client.query<{ row: Stored }>(
    "SELECT to_jsonb(m) AS row FROM switchyard.migrations AS m WHERE version = $1",
    [version],
  );
  return rows[0] === undefined ? undefined : fromStored(rows[0].row);
}

function fromStored(row: Stored): HistoryRow {
  const { version, name, phase, checksum, up, down } = row;
  const date = (text: string | null | undefined): Date | null => (text == null ? null : new Date(text));
  return {
    ...{ version, name, phase, checksum, up, down },
    state: row.state ?? (row.finished_at === null ? "applying" : "applied"),
    statementsApplied: row.statements_applied,
    statementBegun: row.statement_begun ?? 0,
    finishedAt: date(row.finished_at),
    takenBackAt: date(row.taken_back_at),
    summary: row.summary ?? assumedSummary(row),
    directives: row.directives ?? noDirectives,
  };
}

/** What is real, for the transition rules; of an empty or older database too. */
export async function readSchemaFacts(client: Client): Promise<SchemaFacts> {
  return factsOf(await readHistory(client));
}

/** @param history in order of version */
export function factsOf(history: readonly HistoryRow[]): SchemaFacts {
  const those = (wanted: (row: HistoryRow) => boolean) => history.filter(wanted).map(({ summary }) => summary);
  const isScar = ({ state, summary, takenBackAt }: HistoryRow): boolean =>
    state === "taken back" && takenBackAt !== null && summary.phase === "contract" && summary.lossy.up;
  return {
    applied: those(({ state }) => state === "applied"),
    // Nothing else is begun before it is whole again, so there is never a second one.
    half: those(({ state }) => state === "applying" || state === "taking back")[0] ?? null,
    scars: those(isScar),
  };
}

/** Enters a migration as one whose up has begun; one that was begun before keeps how far it came. */
export async function enter(client: Client, migration: Migration): Promise<void> {
  await enterUp(client, migration, recordOf(migration));
}

/** Begun when its transaction did (`now()`): the record of a transactional one is written after its statements. */
export async function enterUp(
  client: Recorder,
  { version, name, phase }: Pick<Migration, "version" | "name" | "phase">,
  { checksum, up, down, summary, directives }: FileRecord,
  { release, backup }: { release?: string; backup?: string } = {},
): Promise<void> {
  await client.query(
    `INSERT INTO switchyard.migrations AS m
       (version, name, phase, checksum, up, down, state, summary, directives, release, backup, started_at)
     VALUES ($1, $2, $3, $4, $5, $6, 'applying', $7, $8, $9, $10, now())
     ON CONFLICT (version) DO UPDATE SET name = excluded.name, phase = excluded.phase, checksum = excluded.checksum,
       up = excluded.up, down = excluded.down, state = 'applying', summary = excluded.summary,
       directives = excluded.directives, release = excluded.release, backup = excluded.backup, applied_by = session_user,
       statements_applied = CASE m.state WHEN 'applying' THEN m.statements_applied ELSE 0 END,
       statement_begun = CASE m.state WHEN 'applying' THEN m.statement_begun ELSE 0 END,
       started_at = CASE m.state WHEN 'applying' THEN m.started_at ELSE now() END,
       finished_at = NULL, duration_ms = NULL, error = NULL, failed_statement = NULL`,
    [version, name, phase, checksum, up, down, JSON.stringify(summary), JSON.stringify(directives), release, backup],
  );
}

/** Says of an applied migration, or one that broke off, that its down has begun. */
export async function enterDown(client: Recorder, version: string): Promise<void> {
  await client.query(
    `UPDATE switchyard.migrations AS m SET state = 'taking back', finished_at = NULL, error = NULL, failed_statement = NULL,
       statements_applied = CASE m.state WHEN 'taking back' THEN m.statements_applied ELSE 0 END,
       statement_begun = CASE m.state WHEN 'taking back' THEN m.statement_begun ELSE 0 END,
       started_at = CASE m.state WHEN 'taking back' THEN m.started_at ELSE now() END
     WHERE version = $1`,
    [version],
  );
}

/** Says that a statement begins which PostgreSQL runs in no transaction. */
export async function noteBegun(client: Client, version: string, statement: number): Promise<void> {
  await client.query("UPDATE switchyard.migrations SET statement_begun = $2 WHERE version = $1", [version, statement]);
}

export async function noteProgress(client: Recorder, version: string, statementsApplied: number): Promise<void> {
  await client.query(
    "UPDATE switchyard.migrations SET statements_applied = $2, statement_begun = 0, error = NULL, failed_statement = NULL WHERE version = $1",
    [version, statementsApplied],
  );
}

/** The up is done: services count it as applied. */
export async function finish(client: Recorder, version: string, statements: number): Promise<void> {
  await client.query(
    `UPDATE switchyard.migrations SET state = 'applied', statements_applied = $2, statement_begun = 0,
       finished_at = clock_timestamp(),
       duration_ms = (extract(epoch FROM clock_timestamp() - started_at) * 1000)::bigint WHERE version = $1`,
    [version, statements],
  );
}

/** The down is done. The row stays: what was applied and taken back is known for ever. */
export async function finishDown(client: Recorder, version: string): Promise<void> {
  await client.query(
    `UPDATE switchyard.migrations SET state = 'taken back', statements_applied = 0, statement_begun = 0,
       finished_at = NULL, taken_back_at = clock_timestamp(),
       duration_ms = (extract(epoch FROM clock_timestamp() - started_at) * 1000)::bigint WHERE version = $1`,
    [version],
  );
}
