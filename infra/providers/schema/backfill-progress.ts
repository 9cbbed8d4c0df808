import type { Client } from "pg";

/** Which statement of which migration a backfill is. */
export interface BackfillPlace {
  readonly version: string;
  readonly direction: "up" | "down";
  /** Of the statement in its section, from 0. */
  readonly index: number;
}

/** Values of the key columns as text: what any type is read from again. */
export type Key = readonly string[];

/** One row of `switchyard.backfills`: how far a backfill has come. Totals are over all runs that had a part in it. */
export interface Progress {
  /** Highest key when it began; undefined for a table that was empty. Rows beyond it came later. */
  readonly end?: Key;
  /** Upper key of the last batch. */
  readonly last?: Key;
  /** Rows read. */
  readonly walked: number;
  /** Rows changed or inserted. */
  readonly rows: number;
  readonly batches: number;
  readonly busyMs: number;
  readonly pausedMs: number;
  readonly finished: boolean;
}

/** What a batch adds. */
export interface BatchDone {
  readonly upper: Key;
  readonly walked: number;
  readonly rows: number;
  /** Time at work since the note before it. */
  readonly busyMs: number;
  /** Time in pauses since then. */
  readonly pausedMs: number;
}

interface Row {
  end_key: string[] | null;
  last_key: string[] | null;
  walked: number;
  rows: number;
  batches: number;
  busy_ms: number;
  paused_ms: number;
  finished: boolean;
}

const WHERE = "version = $1 AND direction = $2 AND statement_index = $3";

const COLUMNS = `end_key, last_key, walked::float8 AS walked, rows::float8 AS rows, batches, busy_ms, paused_ms,
  finished_at IS NOT NULL AS finished`;

const read = (row: Row): Progress => ({
  end: row.end_key ?? undefined,
  last: row.last_key ?? undefined,
  walked: row.walked,
  rows: row.rows,
  batches: row.batches,
  busyMs: row.busy_ms,
  pausedMs: row.paused_ms,
  finished: row.finished,
});

async function prepare(client: Client): Promise<void> {
  const { rows } = await client.query<{ there: boolean }>(
    "SELECT to_regclass('switchyard.backfills') IS NOT NULL AS there",
  );
  if (rows[0]?.there === true) return;
  await client.query("CREATE SCHEMA IF NOT EXISTS switchyard");
  await client.query(`CREATE TABLE IF NOT EXISTS switchyard.backfills (
    version text,
    direction text CHECK (direction IN ('up', 'down')),
    statement_index integer,
    statement_checksum text NOT NULL,
    migration_started_at timestamptz,
    end_key jsonb,
    last_key jsonb,
    walked bigint NOT NULL DEFAULT 0,
    rows bigint NOT NULL DEFAULT 0,
    batches integer NOT NULL DEFAULT 0,
    busy_ms double precision NOT NULL DEFAULT 0,
    paused_ms double precision NOT NULL DEFAULT 0,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    PRIMARY KEY (version, direction, statement_index)
  )`);
}

/**
 * When the history says that the migration began in this direction: kept while a run that broke off goes on, and another
 * time once it was taken back and is applied again, or turned round half way. Null where there is no history.
 */
async function beginningOf(client: Client, version: string): Promise<string | null> {
  const { rows } = await client.query<{ there: boolean }>(
    "SELECT to_regclass('switchyard.migrations') IS NOT NULL AS there",
  );
  if (rows[0]?.there !== true) return null;
  const found = await client.query<{ began: string }>(
    "SELECT to_json(started_at) #>> '{}' AS began FROM switchyard.migrations WHERE version = $1",
    [version],
  );
  return found.rows[0]?.began ?? null;
}

/**
 * The progress of a backfill: as an earlier run of the same migration in the same direction left it, or from the beginning
 * where there was none, or where the statement or its key has been edited since.
 * @param findEnd asks for the highest key of the table; called for a new beginning only.
 */
export async function openProgress(
  client: Client,
  at: BackfillPlace,
  checksum: string,
  findEnd: () => Promise<Key | undefined>,
): Promise<Progress> {
  await prepare(client);
  const place = [at.version, at.direction, at.index, checksum, await beginningOf(client, at.version)];
  const known = await client.query<Row>(
    `SELECT ${COLUMNS} FROM switchyard.backfills
      WHERE ${WHERE} AND statement_checksum = $4 AND migration_started_at IS NOT DISTINCT FROM $5::timestamptz`,
    place,
  );
  if (known.rows[0] !== undefined) return read(known.rows[0]);
  const end = await findEnd();
  const { rows } = await client.query<Row>(
    `INSERT INTO switchyard.backfills AS b
       (version, direction, statement_index, statement_checksum, migration_started_at, end_key)
     VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (version, direction, statement_index) DO UPDATE
       SET statement_checksum = excluded.statement_checksum, migration_started_at = excluded.migration_started_at,
           end_key = excluded.end_key, last_key = NULL, walked = 0, rows = 0, batches = 0, busy_ms = 0, paused_ms = 0,
           started_at = clock_timestamp(), updated_at = clock_timestamp(), finished_at = NULL
     RETURNING ${COLUMNS}`,
    [...place, end === undefined ? null : JSON.stringify(end)],
  );
  return read(rows[0] as Row);
}

export async function readProgress(client: Client, at: BackfillPlace): Promise<Progress> {
  const { rows } = await client.query<Row>(`SELECT ${COLUMNS} FROM switchyard.backfills WHERE ${WHERE}`, [
    ...[at.version, at.direction, at.index],
  ]);
  if (rows[0] === undefined)
    throw new Error("the row of this backfill in switchyard.backfills is gone; somebody deleted it while it ran");
  return read(rows[0]);
}

/**
 * Notes a batch, in its transaction.
 * @returns how far it is then; undefined where the last key is not the one that the batch began behind: its rows are done, by a session that a
 *   killed run left behind. The batch must be rolled back.
 */
export async function noteBatch(
  client: Client,
  at: BackfillPlace,
  last: Key | undefined,
  done: BatchDone,
): Promise<Progress | undefined> {
  const json = (key: Key | undefined): string | null => (key === undefined ? null : JSON.stringify(key));
  const { rows } = await client.query<Row>(
    `UPDATE switchyard.backfills
        SET last_key = $4, walked = walked + $5, rows = rows + $6, batches = batches + 1, busy_ms = busy_ms + $7,
            paused_ms = paused_ms + $8, updated_at = clock_timestamp()
      WHERE ${WHERE} AND last_key IS NOT DISTINCT FROM $9::jsonb
  RETURNING ${COLUMNS}`,
    [
      ...[at.version, at.direction, at.index, json(done.upper)],
      ...[done.walked, done.rows, done.busyMs, done.pausedMs, json(last)],
    ],
  );
  return rows[0] === undefined ? undefined : read(rows[0]);
}

export async function noteEnd(
  client: Client,
  at: BackfillPlace,
  { busyMs, pausedMs }: Pick<BatchDone, "busyMs" | "pausedMs">,
): Promise<Progress> {
  const { rows } = await client.query<Row>(
    `UPDATE switchyard.backfills SET finished_at = clock_timestamp(), updated_at = clock_timestamp(),
       busy_ms = busy_ms + $4, paused_ms = paused_ms + $5 WHERE ${WHERE} RETURNING ${COLUMNS}`,
    [at.version, at.direction, at.index, busyMs, pausedMs],
  );
  return read(rows[0] as Row);
}
