import { formatDuration, milliseconds } from "../../config/duration";
import type { Progress } from "./backfill-progress";

/** What a backfill did, over all runs that had a part in it, but for the tenths. */
export interface BackfillFigures {
  /** Rows that it changed or inserted. */
  readonly rows: number;
  /** Rows of the walked table that it looked at. */
  readonly walked: number;
  readonly batches: number;
  /** Time at work and in pauses, in ms, without the time between two runs. */
  readonly ms: number;
  readonly pausedMs: number;
  /** Rows walked a second, pauses included. */
  readonly rowsPerSecond: number;
  /** Rows walked a second of work, over the first tenth of the rows of this run; 0 where it did nothing. */
  readonly rowsPerSecondFirstTenth: number;
  /** The same over the last tenth. The two are alike where the walk's cost does not grow with the table. */
  readonly rowsPerSecondLastTenth: number;
}

const grouped = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 });

/** Rows and times of the batches of this run, and the lines that an operator reads. */
export class Tally {
  private readonly batches: { rows: number; ms: number }[] = [];
  private rows = 0;
  private readonly began = performance.now();
  private said = performance.now();

  constructor(
    private readonly title: string,
    private readonly estimate: number,
    private readonly reportMs: number,
    private readonly say: (line: string) => void,
  ) {}

  add(rows: number, ms: number): void {
    this.batches.push({ rows, ms });
    this.rows += rows;
  }

  begins(key: string, progress: Progress): void {
    const total = this.estimate < progress.walked ? "" : ` of about ${grouped.format(this.estimate)}`;
    this.line(
      progress.walked === 0
        ? `walks about ${grouped.format(this.estimate)} rows by ${key}`
        : `goes on behind ${key} ${progress.last?.join(", ") ?? ""}: ${grouped.format(progress.walked)}${total} rows are done`,
    );
  }

  /** A progress line, where the last line is long enough ago. */
  progress(walked: number): void {
    if (!this.due()) return;
    const rate = this.rows / ((performance.now() - this.began) / 1_000);
    const left = Math.max(0, this.estimate - walked);
    const eta = rate > 0 && left > 0 ? `, about ${duration((left / rate) * 1_000)} left` : "";
    const of = walked > this.estimate ? "" : ` of about ${grouped.format(this.estimate)}`;
    this.line(`${grouped.format(walked)}${of} rows, ${grouped.format(rate)} rows/s${eta}`);
  }

  /** Why it waits, where the last line is long enough ago. */
  waits(why: string): void {
    if (this.due()) this.line(`waits: ${why}`);
  }

  ends(figures: BackfillFigures): void {
    const paused = figures.pausedMs < 1_000 ? "" : `, ${duration(figures.pausedMs)} of it in pauses`;
    this.line(
      `done: ${grouped.format(figures.walked)} rows walked, ${grouped.format(figures.rows)} written in ` +
        `${duration(figures.ms)}${paused}, ${grouped.format(figures.rowsPerSecond)} rows/s. Autovacuum clears away the ` +
        "old versions of the rows; VACUUM can't run inside a migration",
    );
  }

  figures({ rows, walked, batches, busyMs, pausedMs }: Progress): BackfillFigures {
    const ms = busyMs + pausedMs;
    return {
      ...{ rows, walked, batches, ms: Math.round(ms), pausedMs: Math.round(pausedMs) },
      rowsPerSecond: Math.round(walked / (Math.max(ms, 1) / 1_000)),
      rowsPerSecondFirstTenth: this.tenth(this.batches),
      rowsPerSecondLastTenth: this.tenth([...this.batches].reverse()),
    };
  }

  private tenth(batches: readonly { rows: number; ms: number }[]): number {
    let rows = 0;
    let ms = 0;
    for (const batch of batches) {
      rows += batch.rows;
      ms += batch.ms;
      if (rows >= this.rows / 10) break;
    }
    return ms === 0 ? 0 : Math.round(rows / (ms / 1_000));
  }

  private due(): boolean {
    return performance.now() - this.said >= this.reportMs;
  }

  private line(text: string): void {
    this.said = performance.now();
    this.say(`backfill of ${this.title}: ${text}`);
  }
}

/** To the second, or exactly below one. */
function duration(ms: number): string {
  const exact = Math.max(0, Math.round(ms));
  return formatDuration(milliseconds(exact < 1_000 ? exact : Math.round(exact / 1_000) * 1_000));
}
