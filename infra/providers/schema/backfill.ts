import { setTimeout as delay } from "node:timers/promises";
import type { Client, DatabaseError } from "pg";
import type { Statement } from "../../schema";
import { cutBackfill } from "../../schema/backfill";
import type { BackfillCut } from "../../schema/backfill";
import { Tally } from "./backfill-figures";
import type { BackfillFigures } from "./backfill-figures";
import { WalkedKeys } from "./backfill-keys";
import { lookAtLoad } from "./backfill-load";
import type { Load } from "./backfill-load";
import { Pace } from "./backfill-pace";
import type { PaceLimits } from "./backfill-pace";
import { noteBatch, noteEnd, openProgress, readProgress } from "./backfill-progress";
import type { BackfillPlace, Key, Progress } from "./backfill-progress";
import { inspectTable } from "./backfill-table";
import type { Run } from "./run";

export type { BackfillFigures } from "./backfill-figures";
export type { BackfillPlace } from "./backfill-progress";

export interface BackfillOptions extends Omit<PaceLimits, "batch"> {
  /**
   * How long a batch waits for a lock while it holds its rows, in ms. Default 500: half of deadlock_timeout, so that the
   * batch, which can be done again, mostly gives way before PostgreSQL ends somebody's transaction.
   */
  readonly lockTimeoutMs: number;
  /** How long one batch is tried again while others hold its locks, in ms. Default 10 minutes. */
  readonly retryMs: number;
  /** How long the walk waits at most for a replica or slot before each batch, in ms. Default 10 minutes; then it goes on. */
  readonly lagWaitMs: number;
  /** Time between two looks at what else the server does, in ms. Default 1,000. */
  readonly lookMs: number;
  /** Time between two progress lines, in ms. Default 5,000. */
  readonly reportMs: number;
}

const DEFAULTS: BackfillOptions = {
  longBatchMs: 1_000,
  lagMs: 1_500,
  slotBytes: 2 ** 30,
  lockTimeoutMs: 500,
  retryMs: 600_000,
  lagWaitMs: 600_000,
  lookMs: 1_000,
  reportMs: 5_000,
};

/** What gives way and may be done again: serialization_failure, deadlock_detected, lock_not_available. */
const CONFLICTS = new Set(["40001", "40P01", "55P03"]);

/**
 * Runs a statement with a backfill directive in batches along its key. A batch and the note of it are one transaction, so
 * that a kill anywhere loses at most the batch at work, and none is done twice; called again, it goes on behind the last one.
 * The walk goes over every row that was there when it began, in order of the key, whether the statement's WHERE takes it or
 * not, so a batch at the end of the table costs what one at the beginning does. Rows that come while it walks are for
 * sync's triggers.
 *
 * @param at which statement of which migration: what its progress is kept under
 * @throws where the table can't be walked by the key; when the schema lock is lost; when others held the batch's locks all
 *   along; and what the server says of a batch, with the range of keys at fault
 */
export async function runBackfill(
  run: Run,
  statement: Statement,
  at: BackfillPlace,
  options: Partial<BackfillOptions> = {},
): Promise<BackfillFigures> {
  const limits = { ...DEFAULTS, ...options };
  const cut = cutBackfill(statement);
  await run.assertHeld();
  const table = await inspectTable(run.client, cut);
  const keys = new WalkedKeys(run.client, cut, table.types);
  const progress = await openProgress(run.client, at, cut.checksum, () => keys.highest());
  const tally = new Tally(cut.title, table.estimate, limits.reportMs, (line) => run.say(line));
  if (progress.finished) return tally.figures(progress);
  tally.begins(cut.key.join(", "), progress);
  const walk = new Walk(
    run,
    cut,
    table.types,
    at,
    limits,
    tally,
    new Pace({ ...limits, batch: statement.backfill?.batch ?? 1 }),
  );
  const end = await walk.toEnd(keys, progress);
  const figures = tally.figures(end);
  tally.ends(figures);
  return figures;
}

class Walk {
  private readonly client: Client;
  private looked = -Infinity;
  /** Up to when time is on record, and how much since then went into pauses. */
  private noted = performance.now();
  private pausedMs = 0;
  /** Since when the batch at hand has been tried, and how often it gave way. */
  private tried: { since: number; times: number } | undefined;

  constructor(
    private readonly run: Run,
    private readonly cut: BackfillCut,
    private readonly types: readonly string[],
    private readonly at: BackfillPlace,
    private readonly limits: BackfillOptions,
    private readonly tally: Tally,
    private readonly pace: Pace,
  ) {
    this.client = run.client;
  }

  async toEnd(keys: WalkedKeys, from: Progress): Promise<Progress> {
    let progress = from;
    // An empty table has no highest key; what came into it since came after the beginning.
    while (progress.end !== undefined) {
      await this.run.assertHeld();
      const began = performance.now();
      let batch: { upper: Key; rows: number } | undefined;
      let outcome: Outcome;
      try {
        batch = await keys.next(progress.last, progress.end, this.pace.size);
        if (batch === undefined) break;
        outcome = await this.batch(progress.last, batch);
      } catch (error) {
        await this.giveWay(error as DatabaseError, progress.last, batch?.upper);
        continue;
      }
      this.tried = undefined;
      progress = outcome.progress;
      if (!outcome.noted) continue;
      const ms = performance.now() - began;
      this.tally.add(batch.rows, ms);
      this.tally.progress(progress.walked);
      await this.pause(this.pace.after(batch.rows, ms));
      if (outcome.load !== undefined) await this.waitFor(outcome.load);
    }
    return noteEnd(this.client, this.at, this.since(performance.now()));
  }

  /** Time since the last note, so that what a commit took is on record with the next one. */
  private since(now: number): { busyMs: number; pausedMs: number } {
    return { busyMs: now - this.noted - this.pausedMs, pausedMs: this.pausedMs };
  }

  /** One transaction: the rows of a range, and the note that they are done. */
  private async batch(last: Key | undefined, { upper, rows }: { upper: Key; rows: number }): Promise<Outcome> {
    const { client, cut, types, at } = this;
    // The planner knows little of how composite keys lie, and would now and then read the whole table for a batch.
    const byIndex = types.length > 1 ? "; SET LOCAL enable_seqscan = off" : "";
    await client.query(`BEGIN; SET LOCAL lock_timeout = ${this.limits.lockTimeoutMs}${byIndex}`);
    const result = await client.query(cut.batch(types, last !== undefined), [...upper, ...(last ?? [])]);
    const load = await this.look();
    const now = performance.now();
    const noted = await noteBatch(client, at, last, {
      upper,
      walked: rows,
      rows: result.rowCount ?? 0,
      ...this.since(now),
    });
    if (noted === undefined) {
      await client.query("ROLLBACK");
      return { noted: false, progress: await readProgress(client, at), load };
    }
    await client.query("COMMIT");
    this.noted = now;
    this.pausedMs = 0;
    return { noted: true, progress: noted, load };
  }

  /** Looks at the server now and then, before the batch's locks go, so that those who wait for them are seen. */
  private async look(): Promise<Load | undefined> {
    if (performance.now() - this.looked < this.limits.lookMs) return undefined;
    const load = await lookAtLoad(this.client);
    this.pace.look(load);
    this.looked = performance.now();
    return load;
  }

  private async pause(ms: number): Promise<void> {
    if (ms === 0) return;
    const began = performance.now();
    await delay(ms);
    this.pausedMs += performance.now() - began;
  }

  private async waitFor(seen: Load): Promise<void> {
    const began = performance.now();
    let why = this.pace.mustWait(seen);
    while (why !== undefined && performance.now() - began < this.limits.lagWaitMs) {
      this.tally.waits(why);
      await this.pause(this.limits.lookMs);
      why = this.pace.mustWait(await lookAtLoad(this.client));
    }
  }

  /** After a batch that failed: waits a while where it may be done again, or throws. */
  private async giveWay(error: DatabaseError, last: Key | undefined, upper: Key | undefined): Promise<void> {
    // Where the session itself is gone there is nothing to roll back; what was found is thrown either way.
    await this.client.query("ROLLBACK").catch(() => undefined);
    const range = `${last === undefined ? "" : ` behind ${last.join(", ")}`}${upper === undefined ? "" : ` up to ${upper.join(", ")}`}`;
    const place = `in the batch of ${this.cut.title}${range}; the batches before it stay`;
    if (!CONFLICTS.has(error.code ?? "")) {
      error.message = `${error.message} (${place})`;
      throw error;
    }
    this.pace.gaveWay();
    this.tried ??= { since: performance.now(), times: 0 };
    this.tried.times += 1;
    const { since, times } = this.tried;
    const holder = await this.oldestHolder();
    const reason = `${error.message} (${error.code ?? ""}), tried ${times === 1 ? "once" : `${times} times`}${holder}`;
    if (performance.now() - since > this.limits.retryMs) throw new Error(`${reason}, ${place}`, { cause: error });
    this.tally.waits(reason);
    await this.pause(Math.min(2_000, 50 * 2 ** Math.min(times, 6)) * (0.5 + Math.random()));
  }

  private async oldestHolder(): Promise<string> {
    const { rows } = await this.client.query<{ pid: number; application: string; since: string | null }>(
      `SELECT a.pid, a.application_name AS application, a.xact_start::text AS since
         FROM pg_locks l JOIN pg_stat_activity a USING (pid)
        WHERE l.relation = to_regclass($1) AND l.granted AND a.datname = current_database() AND a.pid <> pg_backend_pid()
          AND l.mode <> 'AccessShareLock' ORDER BY a.xact_start NULLS LAST LIMIT 1`,
      [this.cut.table],
    );
    const [found] = rows;
    if (found === undefined) return "";
    const since = found.since === null ? "" : ` since ${found.since}`;
    return `; pid ${found.pid} (${found.application === "" ? "no application name" : found.application}) holds locks on it${since}`;
  }
}

interface Outcome {
  /** False where a session of a killed run had done the range already. */
  readonly noted: boolean;
  readonly progress: Progress;
  readonly load?: Load;
}
