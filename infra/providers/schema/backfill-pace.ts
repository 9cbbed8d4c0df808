import type { Load } from "./backfill-load";

export interface PaceLimits {
  /** Rows a batch as declared; never more. */
  readonly batch: number;
  /**
   * A batch that takes longer is halved, in ms. Default 1,000: PostgreSQL's deadlock_timeout, the time after which it
   * thinks a wait for a lock worth looking into (https://www.postgresql.org/docs/18/runtime-config-locks.html).
   */
  readonly longBatchMs: number;
  /**
   * Lag of the slowest replica above which the walk waits, in ms. Default 1,500, as gh-ost's max-lag-millis
   * (https://github.com/github/gh-ost/blob/master/doc/command-line-flags.md).
   */
  readonly lagMs: number;
  /** WAL that a slot in use may keep, in bytes. Default 1 GiB, PostgreSQL's max_wal_size. */
  readonly slotBytes: number;
}

/** Longest pause between two batches, in ms. */
const LONGEST_PAUSE = 10_000;
/** A pause below this is not worth a timer, in ms. */
const SHORTEST_PAUSE = 1;
/** How many batches "usual" is said of. */
const REMEMBERED = 31;
/** Weight of a look at the load in its average: half of it is of the last two or three looks. */
const NEWEST = 0.25;
/** How many times its own length a batch may be followed by a pause because others wait or it was slow. */
const MOST_STRAIN = 8;

/**
 * How large the next batch is and how long to pause before it. Pure but for what it remembers.
 *
 * - Nobody else works: no pause. One other session always in a transaction: as long as the batch took, so that the
 *   backfill has half of one session's time; in between, in proportion.
 * - Somebody waits for a lock, or a batch took more than twice as long as usual: a pause as long as the batch, and twice
 *   that for each time in a row, up to eight times the batch; then half of it for each time without.
 */
export class Pace {
  /** Rows of the next batch. */
  size: number;
  private active = 0;
  /** From looks at the server, and from batches. */
  private strain = { looks: 0, batches: 0 };
  private readonly remembered: { ms: number; perRow: number }[] = [];

  constructor(private readonly limits: PaceLimits) {
    this.size = limits.batch;
  }

  /** Takes in what a look at the server showed. */
  look(load: Load): void {
    this.active += NEWEST * (load.active - this.active);
    this.strain.looks = strained(this.strain.looks, load.waiting > 0);
  }

  /** Why the walk must wait before its next batch; undefined where it need not. */
  mustWait(load: Load): string | undefined {
    if (load.lagMs > this.limits.lagMs) return `a replica is ${(load.lagMs / 1_000).toFixed(1)} s behind`;
    if (load.slotBytes > this.limits.slotBytes)
      return `a replication slot keeps ${Math.round(load.slotBytes / 2 ** 20)} MiB of WAL`;
    return undefined;
  }

  /** A batch gave way to somebody's lock: the next one holds fewer rows. */
  gaveWay(): void {
    this.size = Math.max(1, Math.floor(this.size / 2));
  }

  /** Takes in a batch of `rows`, at least one, that took `ms`; the pause before the next one, in ms. */
  after(rows: number, ms: number): number {
    if (ms > this.limits.longBatchMs) this.gaveWay();
    else if (ms < this.limits.longBatchMs / 4) this.size = Math.min(this.limits.batch, this.size * 2);
    const usual = {
      ms: median(this.remembered.map((one) => one.ms)),
      perRow: median(this.remembered.map((one) => one.perRow)),
    };
    // A smaller batch costs more a row, a larger one takes longer: only both together are slow.
    const slow = this.remembered.length >= 10 && ms > 2 * usual.ms && ms / rows > 2 * usual.perRow;
    this.strain.batches = strained(this.strain.batches, slow);
    this.remembered.push({ ms, perRow: ms / rows });
    if (this.remembered.length > REMEMBERED) this.remembered.shift();
    const strain = Math.max(this.strain.looks, this.strain.batches);
    const pause = Math.min(LONGEST_PAUSE, ms * (Math.min(1, this.active) + strain));
    return pause < SHORTEST_PAUSE ? 0 : pause;
  }
}

function strained(strain: number, more: boolean): number {
  if (more) return Math.min(MOST_STRAIN, Math.max(1, strain * 2));
  return strain <= 0.25 ? 0 : strain / 2;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
