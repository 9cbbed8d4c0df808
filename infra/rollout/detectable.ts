import { binomialBelow } from "./binomial";
import { fewestBad } from "./evidence";
import { shareOf } from "./names";
import { stepsOf, walk, type Shift } from "./shift";
import type { Declared, Limits } from "./types";
import { threshold } from "./verdict";

/** How likely a bake is to find an error rate that it is said to find. */
export const POWER = 0.9;

/** What one bake of an advance can see if traffic comes as expected. */
export interface Sight {
  /** Percent of traffic that the gaining colour has. */
  readonly share: number;
  /** Requests that it gets in `bake`, and if the bake waits until `maxBake`. */
  readonly requests: number;
  readonly requestsAtMost: number;
}

/**
 * The lowest error rate that `requests` show with probability POWER. A lower bound of what the bake does, since it also
 * looks in between and compares with the other colour. Undefined when even a release that only fails may pass unseen.
 * @param bakes bakes of the walk, 1 or more: they share its confidence.
 */
export function detectableRate(requests: number, limits: Limits, bakes: number): number | undefined {
  const whole = Math.floor(requests);
  const needed = fewestBad(whole, limits.errorRate, threshold(limits, bakes));
  if (needed > whole) return undefined;
  let low = limits.errorRate;
  let high = 1;
  // 40 halvings leave less than 1e-12 of uncertainty.
  for (let i = 0; i < 40; i++) {
    const middle = (low + high) / 2;
    if (1 - binomialBelow(needed, whole, middle) >= POWER) high = middle;
    else low = middle;
  }
  return high;
}

/** What each bake of an advance can see; none for other shifts, and none when nobody said how many requests to expect. */
export function sightOf(shift: Shift, declared: Declared): Sight[] {
  const { bake } = declared;
  const perSecond = bake.expectedRequestsPerSecond;
  if (shift.kind !== "advance" || perSecond === undefined) return [];
  return walk(shift.from, shift.to, stepsOf(declared)).map((weight) => {
    const share = shareOf(shift.gaining, weight);
    const during = (milliseconds: number): number => (perSecond * share * milliseconds) / 100_000;
    return { share, requests: during(bake.bake), requestsAtMost: during(Math.max(bake.bake, bake.maxBake)) };
  });
}
