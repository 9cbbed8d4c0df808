// Which colour and which target a new request gets. Pure: the caller keeps the state and supplies the randomness.

import type { Colour, HealthState } from "./api";

/** The account of a listener that has not served a request yet. */
export const settledAccount = 0;

/**
 * Chooses the colour of one new request and books it.
 *
 * `owed` is what green is owed, in hundredths of a request: each request adds green's weight, each request that green
 * gets takes 100 off. It is kept between -50 and 150 (both excluded), so over any run of requests, weight changes
 * included, green's count differs from the sum of its weights / 100 by less than 2. In 100 consecutive requests at
 * one weight that sum is a whole number, so the difference is at most 1. Across a weight change it may be a fraction,
 * and the count is at most 1 from one of the two whole numbers next to it.
 *
 * Inside those bounds the choice is random on purpose. A strict interleaving (width 100 instead of 200) would fall
 * in step with a client that cycles through its calls: at weight 50, one that alternates reads and writes would send
 * every write to the same colour, and a bake would judge a release that never saw one.
 *
 * @param owed what the last call returned; `settledAccount` at the start; kept across weight changes
 * @param greenWeight 0..100; at 0 green gets nothing and at 100 everything, whatever is owed
 * @param random uniform in [0, 1)
 */
export function chooseColour(owed: number, greenWeight: number, random: number): { colour: Colour; owed: number } {
  if (greenWeight === 0) return { colour: "blue", owed };
  if (greenWeight === 100) return { colour: "green", owed };
  const due = owed + greenWeight;
  // At 50 or less blue is the only choice that keeps the bounds, at 150 or more green is; between, the more is due,
  // the likelier green becomes.
  const green = due - 50 > random * 100;
  return green ? { colour: "green", owed: due - 100 } : { colour: "blue", owed: due };
}

/** What choosing needs to know of a target. */
export interface Candidate {
  /** Rises with each registration in a group; the round robin goes by it, so that it survives a target's removal. */
  readonly order: number;
  readonly health: { readonly state: HealthState };
}

/**
 * The targets that may get a new request: the healthy ones or, when none is healthy, all that are registered (an ALB
 * fails open: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html).
 * A draining target never gets one.
 */
export function eligible<T extends Candidate>(targets: readonly T[]): readonly T[] {
  const registered = targets.filter((target) => target.health.state !== "draining");
  const healthy = registered.filter((target) => target.health.state === "healthy");
  return healthy.length > 0 ? healthy : registered;
}

/**
 * The next target of a group in round robin, or undefined when none is registered.
 * @param lastOrder `order` of the target chosen before; -1 at the start
 */
export function nextTarget<T extends Candidate>(targets: readonly T[], lastOrder: number): T | undefined {
  const candidates = eligible(targets).toSorted((a, b) => a.order - b.order);
  return candidates.find((target) => target.order > lastOrder) ?? candidates[0];
}
