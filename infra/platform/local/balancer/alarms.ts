// When a colour does so badly that somebody should be woken. Pure but for the clock.

import type { Colour } from "./api";

/**
 * The deployment guides' critical alarms: more than 5 % of the requests failed in 5 minutes; p95 above 1 s for 10 minutes,
 * which is that more than 5 % took longer. Where there are fewer than 100 requests, five of them would be 5 %, and say little.
 */
export const alarmLimits = {
  errorRate: { share: 0.05, windowMs: 300_000 },
  p95: { share: 0.05, seconds: 1, windowMs: 600_000 },
  minRequests: 100,
} as const;

/** Counts are kept by so many milliseconds: a window is exact to one of these. */
const slotMs = 5_000;

const counts = ["ended", "failed", "answered", "slow"] as const;
type Counts = Record<(typeof counts)[number], number>;
const none = (): Counts => ({ ended: 0, failed: 0, answered: 0, slow: 0 });

/** What a target did lately. It goes with the target: the release of before is no fault of this one. */
export class Recent {
  readonly #slots: { since: number; counts: Counts }[] = [];

  /** @param now milliseconds that never go back; so in every method. */
  constructor(private readonly now: () => number = () => performance.now()) {}

  /** A request is over. @param failed with a 5xx, or broken off by the target. */
  ended(failed: boolean): void {
    const slot = this.#current();
    slot.ended += 1;
    if (failed) slot.failed += 1;
  }

  /** The target began to answer. */
  answered(seconds: number): void {
    const slot = this.#current();
    slot.answered += 1;
    if (seconds > alarmLimits.p95.seconds) slot.slow += 1;
  }

  /** What was counted in the last `windowMs`. */
  within(windowMs: number): Counts {
    const from = this.now() - windowMs;
    return sum(this.#slots.filter(({ since }) => since >= from).map((slot) => slot.counts));
  }

  #current(): Counts {
    const since = Math.floor(this.now() / slotMs) * slotMs;
    const last = this.#slots.at(-1);
    if (last?.since === since) return last.counts;
    const begun = { since, counts: none() };
    this.#slots.push(begun);
    const kept = since - alarmLimits.p95.windowMs;
    while ((this.#slots[0]?.since ?? since) < kept) this.#slots.shift();
    return begun.counts;
  }
}

/** Each alarm of a colour by name, and whether it fires. @param targets what each of its registered targets did lately. */
export function alarmsOf(colour: Colour, targets: readonly Recent[]): Record<string, boolean> {
  const { errorRate, p95, minRequests } = alarmLimits;
  const lately = (windowMs: number): Counts => sum(targets.map((target) => target.within(windowMs)));
  const above = (share: number, bad: number, all: number): boolean => all >= minRequests && bad > share * all;
  const errors = lately(errorRate.windowMs);
  const latency = lately(p95.windowMs);
  return {
    [`${colour}-error-rate`]: above(errorRate.share, errors.failed, errors.ended),
    [`${colour}-p95`]: above(p95.share, latency.slow, latency.answered),
  };
}

function sum(all: readonly Counts[]): Counts {
  const total = none();
  for (const each of all) for (const key of counts) total[key] += each[key];
  return total;
}
