import type { Client } from "pg";
import { z } from "zod";
import { compareVersions } from "../../schema";
import type { Migration as Summary } from "../../rollout/types";

const phase = z.enum(["expand", "contract"]);

/** A row of the history; an older runner had fewer columns. */
const stored = z.object({
  version: z.string(),
  name: z.string(),
  phase,
  checksum: z.string(),
  up: z.string().nullish(),
  down: z.string().nullish(),
  state: z.enum(["applying", "applied", "taking back", "taken back"]).nullish(),
  statements_applied: z.number().nullish(),
  started_at: z.string().nullish(),
  finished_at: z.string().nullish(),
  duration_ms: z.number().nullish(),
  applied_by: z.string().nullish(),
  taken_back_at: z.string().nullish(),
  error: z.string().nullish(),
  failed_statement: z.string().nullish(),
  summary: z
    .object({
      lossy: z.object({ up: z.boolean(), down: z.boolean() }),
      hasDown: z.boolean(),
      breaksBelow: z.string().optional(),
    })
    .nullish(),
  directives: z.object({ irreversible: z.string().optional() }).nullish(),
});
type Stored = z.infer<typeof stored>;

/** A migration as the database has it on record. What is not recorded is undefined. */
export interface Recorded {
  readonly version: string;
  readonly name: string;
  readonly phase: z.infer<typeof phase>;
  readonly checksum: string;
  /** `applying` and `taking back`: what it does is there in part, or not at all. Anything else is whole. */
  readonly state: NonNullable<Stored["state"]>;
  /** Its sections as they ran, with their marker lines. */
  readonly up?: string;
  readonly down?: string;
  readonly irreversible?: string;
  /** How many statements of the direction that broke off are done. */
  readonly statements?: number;
  /** ISO 8601, UTC, as the other times here. */
  readonly startedAt?: string;
  readonly finishedAt?: string;
  readonly durationMs?: number;
  readonly by?: string;
  /** When its down was last done. */
  readonly takenBackAt?: string;
  readonly error?: string;
  readonly failedStatement?: string;
  /** What the transition rules are told of it. */
  readonly summary?: Summary;
}

export const isApplied = ({ state }: Recorded): boolean => state === "applied";

/** It began and did not end. */
export const isHalf = ({ state }: Recorded): boolean => state === "applying" || state === "taking back";

/** Nothing that is asked may change anything, or take for ever. */
export async function readOnly(client: Client): Promise<void> {
  await client.query("SET default_transaction_read_only = on");
  await client.query("SET statement_timeout = '60s'");
}

/**
 * What the history says, in order of version; empty where there is none yet. Whole rows are asked for, so that a history
 * that an older checkout has made is read too. Nothing is written.
 */
export async function readRecords(client: Client): Promise<Recorded[]> {
  await readOnly(client);
  const there = await client.query<{ there: boolean }>(
    "SELECT to_regclass('switchyard.migrations') IS NOT NULL AS there",
  );
  if (there.rows[0]?.there !== true) return [];
  const { rows } = await client.query<{ row: unknown }>("SELECT to_jsonb(m) AS row FROM switchyard.migrations AS m");
  return rows.map(({ row }) => recordOf(stored.parse(row))).sort((a, b) => compareVersions(a.version, b.version));
}

function recordOf(row: Stored): Recorded {
  const { version, name, phase: recorded, checksum } = row;
  const head = { version, name, phase: recorded, checksum };
  const given = (text: string | null | undefined): string | undefined =>
    text === null || text === "" ? undefined : text;
  const time = (text: string | null | undefined): string | undefined =>
    text === null || text === undefined ? undefined : new Date(text).toISOString();
  const summary = row.summary ?? undefined;
  return {
    ...head,
    state: row.state ?? (time(row.finished_at) === undefined ? "applying" : "applied"),
    up: given(row.up),
    down: given(row.down),
    irreversible: row.directives?.irreversible,
    statements: row.statements_applied ?? undefined,
    startedAt: time(row.started_at),
    finishedAt: time(row.finished_at),
    durationMs: row.duration_ms ?? undefined,
    by: given(row.applied_by),
    takenBackAt: time(row.taken_back_at),
    error: given(row.error),
    failedStatement: given(row.failed_statement),
    summary: summary === undefined ? undefined : { ...head, ...summary },
  };
}
