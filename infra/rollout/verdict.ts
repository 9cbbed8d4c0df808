import { evidenceAbove, evidenceWorse, type Compared, type Trials } from "./evidence";
import { addLatency, NO_LATENCY, notWithin, quantile, slowerThan, type Latency } from "./latency";
import { COLOURS, otherColour } from "./names";
import type { BakePlan, Colour, Limits, PerColour } from "./types";

/** A verdict is given at the end of a bake; `fail` may come earlier. */
export type Verdict = "pass" | "fail" | "insufficient";

/** One colour's part of an interval. */
export interface Counts {
  readonly requests: number;
  /** Those that failed: 5xx, or no answer. */
  readonly errors: number;
  readonly latency: Latency;
}

/** What telemetry says of an interval; a colour that it says nothing of is null, which is not the same as no requests. */
export interface Sample {
  /** Milliseconds since the epoch, `from` included and `until` not. */
  readonly from: number;
  readonly until: number;
  readonly colours: PerColour<Counts | null>;
}

/** One step of a walk, being watched. All times are the caller's, in milliseconds since the epoch. */
export interface Bake {
  /** The colour that gains traffic. */
  readonly gaining: Colour;
  /** Percent of traffic that it has during this bake. */
  readonly share: number;
  readonly window: BakeWindow;
  /** Bakes that the walk has in all, 1 or more: they share its confidence. */
  readonly bakes: number;
}

/** When a bake counts, and when it is judged. */
export interface BakeWindow {
  /** Samples count from here: the weights have settled. */
  readonly from: number;
  /** Up to here. */
  readonly until: number;
  /** Samples may count up to here while the bake is insufficient. */
  readonly untilAtMost: number;
  /** How long after the end of an interval its figures are complete. */
  readonly lag: number;
}

/**
 * The window of a bake that began when its weights were set. Settling and lag are added to it, never taken out of it.
 * @param begun when the weights were set, milliseconds since the epoch.
 * @param settling milliseconds until clients obey the new weights and connections have turned over.
 * @param lag milliseconds until the metrics of an interval are complete.
 */
export function bakeWindow(
  begun: number,
  plan: Pick<BakePlan, "bake" | "maxBake">,
  settling: number,
  lag: number,
): BakeWindow {
  const from = begun + settling;
  return { from, until: from + plan.bake, untilAtMost: from + Math.max(plan.bake, plan.maxBake), lag };
}

/** What a bake has seen of one colour. */
export interface Figures {
  readonly requests: number;
  readonly errors: number;
  readonly slow: number;
  /** Seconds, read off the histogram; undefined without requests. */
  readonly p95?: number;
}

export interface Judgement {
  /** Undefined while the bake goes on: it has not failed, and isn't over or may still get what it lacks. */
  readonly verdict?: Verdict;
  /** Why: what failed, or what is lacking. Empty for a pass. */
  readonly reasons: readonly string[];
  readonly figures: PerColour<Figures>;
}

/** A request may be slow once in 20: that is what p95 says. */
const SLOW_RATE = 0.05;
/** Errors and slowness, each against its limit and against the other colour: a false `fail` may come from any. */
export const TESTS = 4;

/** Evidence (ln) from which one test of one bake fails, so that a whole walk fails wrongly with 1 - confidence at most. */
export const threshold = ({ confidence }: Limits, bakes: number): number =>
  Math.log((TESTS * bakes) / (1 - confidence));

/**
 * Judges a bake. May be asked at any time and as often as one likes: a `fail` is right with the stated confidence
 * whenever it is given (see evidence.ts). Missing figures never pass: they are `insufficient`.
 *
 * - `fail`: an alarm of the gaining colour fires, or the evidence that it keeps not to a limit is strong enough.
 * - `pass`: the window is over and fully seen, with enough requests and no rate above its limit.
 * - `insufficient`: `untilAtMost` is over, and it is neither. Up to there, a bake that lacks something goes on.
 * @param samples disjoint intervals in any order; those that aren't wholly inside the window are left out.
 * @param firing names of the gaining colour's alarms that fire.
 * @param now milliseconds since the epoch.
 */
export function judge(
  bake: Bake,
  samples: readonly Sample[],
  firing: readonly string[],
  now: number,
  plan: Pick<BakePlan, "minRequests" | "limits">,
): Judgement {
  const inside = samples
    .filter(
      ({ from, until }) =>
        from >= bake.window.from && until <= Math.min(bake.window.untilAtMost, now - bake.window.lag),
    )
    .sort((a, b) => a.from - b.from);
  const figures = {
    blue: figuresOf("blue", inside, plan.limits),
    green: figuresOf("green", inside, plan.limits),
  };
  const failures = [
    ...firing.map((name) => `alarm ${name} is firing`),
    ...failuresOf(bake, inside, figures, plan.limits),
  ];
  if (failures.length > 0) return { verdict: "fail", reasons: failures, figures };

  const seenUntil = now - bake.window.lag;
  if (seenUntil < bake.window.until) return { reasons: [], figures };
  const lacking = lackingIn(bake, inside, figures, plan, Math.min(seenUntil, bake.window.untilAtMost));
  if (lacking.length === 0) return { verdict: "pass", reasons: [], figures };
  if (seenUntil < bake.window.untilAtMost) return { reasons: lacking, figures };
  return { verdict: "insufficient", reasons: lacking, figures };
}

function figuresOf(colour: Colour, samples: readonly Sample[], limits: Limits): Figures {
  let latency = NO_LATENCY;
  let requests = 0;
  let errors = 0;
  let slow = 0;
  for (const { colours } of samples) {
    const counts = colours[colour];
    if (counts === null) continue;
    requests += counts.requests;
    errors += counts.errors;
    slow += slowerThan(limits.p95, counts.latency);
    latency = addLatency(latency, counts.latency);
  }
  return { requests, errors, slow, p95: quantile(0.95, latency) };
}

function failuresOf(
  { gaining, bakes }: Bake,
  samples: readonly Sample[],
  figures: PerColour<Figures>,
  limits: Limits,
): string[] {
  const enough = threshold(limits, bakes);
  const other = otherColour(gaining);
  const own = figures[gaining];
  const errors = { bad: own.errors, of: own.requests };
  const slow = { bad: own.slow, of: timedOf(gaining, samples) };
  const failures: string[] = [];
  if (evidenceAbove(errors, limits.errorRate) >= enough) {
    failures.push(`${gaining} fails ${rate(errors)} of its requests, above errorRate ${percent(limits.errorRate)}`);
  } else if (evidenceWorse(compare(gaining, samples, errorsOf), limits.timesWorse) >= enough) {
    failures.push(
      `${gaining} fails ${rate(errors)} of its requests, more than ${limits.timesWorse} times as often as ${other}`,
    );
  }
  if (evidenceAbove(slow, SLOW_RATE) >= enough) {
    failures.push(`${gaining} answers ${rate(slow)} of its requests slower than p95 ${limits.p95} s, which 5 % may be`);
  } else if (
    evidenceWorse(
      compare(gaining, samples, (counts) => slowOf(counts, limits)),
      limits.timesWorse,
    ) >= enough
  ) {
    failures.push(
      `${gaining} answers ${rate(slow)} of its requests slower than ${limits.p95} s, more than ${limits.timesWorse} times as often as ${other}`,
    );
  }
  return failures;
}

const errorsOf = ({ requests, errors }: Counts): Trials => ({ bad: errors, of: requests });
const slowOf = ({ latency }: Counts, { p95 }: Limits): Trials => ({ bad: slowerThan(p95, latency), of: latency.total });

const timedOf = (colour: Colour, samples: readonly Sample[]): number =>
  samples.reduce((sum, { colours }) => sum + (colours[colour]?.latency.total ?? 0), 0);

function compare(gaining: Colour, samples: readonly Sample[], trials: (counts: Counts) => Trials): Compared[] {
  return samples.flatMap(({ colours }) => {
    const own = colours[gaining];
    const other = colours[otherColour(gaining)];
    return own === null || other === null ? [] : [{ own: trials(own), other: trials(other) }];
  });
}

function lackingIn(
  { gaining, share, window }: Bake,
  samples: readonly Sample[],
  figures: PerColour<Figures>,
  { minRequests, limits }: Pick<BakePlan, "minRequests" | "limits">,
  seenUntil: number,
): string[] {
  const { requests, errors } = figures[gaining];
  const lacking: string[] = [];
  for (const colour of COLOURS) {
    if (colour !== gaining && share === 100) continue;
    const gap = firstGap(colour, samples, window.from, Math.min(window.until, seenUntil));
    if (gap !== undefined) lacking.push(`no figures of ${colour} from ${new Date(gap).toISOString()}`);
  }
  if (requests < minRequests) lacking.push(`${requests} requests on ${gaining}, fewer than minRequests ${minRequests}`);
  if (errors > limits.errorRate * requests) {
    lacking.push(
      `${rate({ bad: errors, of: requests })} errors on ${gaining}: above errorRate ${percent(limits.errorRate)}, but too few to tell`,
    );
  }
  const timed = samples.flatMap(({ colours }) => colours[gaining]?.latency ?? []);
  const total = timed.reduce((sum, latency) => sum + latency.total, 0);
  const unproven = timed.reduce((sum, latency) => sum + notWithin(limits.p95, latency), 0);
  // An error may have no latency: nobody answered.
  if (requests >= minRequests && total + errors < minRequests) {
    lacking.push(`latency of ${total} requests on ${gaining}, fewer than minRequests ${minRequests}`);
  } else if (unproven > SLOW_RATE * total) {
    lacking.push(
      `${rate({ bad: unproven, of: total })} of ${gaining}'s requests slower than p95 ${limits.p95} s: more than 5 %, but too few to tell`,
    );
  }
  return lacking;
}

/**
 * Where a colour's figures first leave out a part of the window, undefined where they cover it. Less than an interval
 * may be missing: intervals begin when their source says (on the minute in CloudWatch), not when the window does.
 */
function firstGap(colour: Colour, samples: readonly Sample[], from: number, until: number): number | undefined {
  const seen = samples.filter(({ colours }) => colours[colour] !== null);
  const interval = Math.max(1, ...seen.map((sample) => sample.until - sample.from));
  let covered = from;
  for (const sample of seen) {
    if (sample.from - covered >= interval) break;
    covered = Math.max(covered, sample.until);
  }
  return until - covered >= interval ? covered : undefined;
}

const percent = (share: number): string => `${Number((share * 100).toPrecision(2))} %`;
const rate = ({ bad, of }: Trials): string => (of === 0 ? "none" : percent(bad / of));
