// What a change of the production listener asks of it, and does to it. Pure.

import { isDeepStrictEqual } from "node:util";
import type { Expectation, ProductionListener, Tags } from "./api";
import { BalancerError } from "./errors";
import { showWeights } from "./requests";

/**
 * @throws BalancerError PreconditionFailed, with the weights and tags found, when the listener is not as expected
 */
export function demand({ weights, tags }: ProductionListener, expect: Expectation | undefined): void {
  const problems: string[] = [];
  if (expect?.weights && !isDeepStrictEqual(weights, { ...expect.weights })) {
    problems.push(`weights: found ${showWeights(weights)}; expected ${showWeights(expect.weights)}`);
  }
  if (expect?.tag) {
    const { key, value } = expect.tag;
    const found = Object.hasOwn(tags, key) ? (tags[key] ?? null) : null;
    if (found !== value) problems.push(`tag ${key}: found ${showTag(found)}; expected ${showTag(value)}`);
  }
  if (problems.length === 0) return;
  throw new BalancerError(
    "PreconditionFailed",
    `Nothing was changed, the production listener is not as expected. ${problems.join("; ")}.`,
    { weights: { ...weights }, tags: { ...tags } },
  );
}

function showTag(value: string | null): string {
  return value === null ? "none" : JSON.stringify(value);
}

/** The tags after setting those that have a value and removing those that are `null`. */
export function retagged(tags: Tags, change: Record<string, string | null> | undefined): Tags {
  const entries = Object.entries({ ...tags, ...change });
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== null));
}

/** Whether two listeners are the same in port, weights and tags. */
export function sameListener(a: ProductionListener, b: ProductionListener): boolean {
  return isDeepStrictEqual(a, b);
}
