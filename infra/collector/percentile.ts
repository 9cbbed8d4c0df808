// What is above 95 of 100 calls, by what pg_stat_statements keeps of them: how many, how long together, how far apart.

/** Calls of one statement in an interval. Milliseconds. */
export interface Calls {
  readonly calls: number;
  readonly mean: number;
  /** Mean of the squared distances from the mean. */
  readonly variance: number;
}

/** Below this, in ms, two answers are the same. */
const close = 0.001;

/**
 * p95 of all calls together, in ms; 0 without calls. PostgreSQL keeps no times of single calls: mean and variance of each
 * statement are exact, its shape is taken to be log-normal, which latencies mostly are. So it is near the truth where
 * statements differ from one another, or each is alike to itself (within 15 %), and too low where a single statement has
 * two speeds (one in ten that takes a hundred times as long: less than half). `percentile.test.ts` has the figures.
 */
export function p95Of(statements: readonly Calls[]): number {
  const called = statements.filter(({ calls }) => calls > 0);
  const all = called.reduce((sum, { calls }) => sum + calls, 0);
  if (all === 0) return 0;
  const share = (milliseconds: number) =>
    called.reduce((sum, each) => sum + each.calls * within(each, milliseconds), 0) / all;
  let [low, high] = [0, Math.max(...called.map(({ mean }) => mean), close)];
  while (share(high) < 0.95) [low, high] = [high, high * 2];
  while (high - low > Math.max(close, high * 1e-4)) {
    const middle = (low + high) / 2;
    if (share(middle) < 0.95) low = middle;
    else high = middle;
  }
  return high;
}

/** The share of a statement's calls that take at most so long. */
function within({ mean, variance }: Calls, milliseconds: number): number {
  if (milliseconds <= 0) return 0;
  if (mean <= 0) return 1;
  const spread = Math.log1p(Math.max(variance, 0) / mean ** 2);
  // All alike.
  if (spread < 1e-9) return milliseconds >= mean ? 1 : 0;
  const centre = Math.log(mean) - spread / 2;
  return normal((Math.log(milliseconds) - centre) / Math.sqrt(spread));
}

/** Of the normal distribution, the share below; Abramowitz and Stegun 26.2.17, off by at most 7.5e-8. */
function normal(x: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(x));
  const series = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const above = (Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)) * series;
  return x >= 0 ? 1 - above : above;
}
