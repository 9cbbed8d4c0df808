import { otherColour, sameRelease, shareOf } from "./names";
import type { Attempt, Colour, Declared, Settled } from "./types";

/** How live weights get to the declared ones. */
export type Shift =
  | { readonly kind: "none" }
  | { readonly kind: "return" | "advance"; readonly gaining: Colour; readonly from: number; readonly to: number };

/** What the plan remembers: what is settled, and every attempt since, oldest first. */
export interface Memory {
  readonly settled: Settled | undefined;
  readonly attempts: readonly Attempt[];
}

/**
 * Tells a return from an advance. A return goes back to the release last settled at that very share and unchanged
 * since: same release and no fewer copies, in `settled`, in every attempt since, and in what is declared now. Traffic
 * that would change its database is never a return, because what was written to the other one would be missing.
 * @param live percent that green gets now, 0..100.
 */
export function classifyShift(live: number, memory: Memory, declared: Declared): Shift {
  const to = declared.weight;
  if (live === to) return { kind: "none" };
  const gaining: Colour = to > live ? "green" : "blue";
  const kind = isProven(gaining, memory, declared) ? "return" : "advance";
  return { kind, gaining, from: live, to };
}

function isProven(gaining: Colour, { settled, attempts }: Memory, declared: Declared): boolean {
  const release = settled?.releases[gaining] ?? null;
  if (settled === undefined || release === null) return false;
  const share = shareOf(gaining, declared.weight);
  const carried = settled.proven[gaining].find((proven) => proven.share === share);
  if (carried === undefined) return false;
  const since = [settled, ...attemptsSince(settled, attempts).map((attempt) => attempt.declared), declared];
  const losing = otherColour(gaining);
  return since.every(({ weight, releases }) => {
    const mine = releases[gaining];
    const others = shareOf(losing, weight) > 0 ? releases[losing] : null;
    const sameData = others === null || others.database === release.database;
    return mine !== null && sameRelease(mine, release) && mine.count >= carried.count && sameData;
  });
}

/** The attempts that `settled` doesn't cover. The one that settled is remembered too, as what settled is compared with. */
export function attemptsSince(settled: Settled | undefined, attempts: readonly Attempt[]): readonly Attempt[] {
  const covered = attempts.findIndex(({ id }) => id === settled?.id);
  return attempts.slice(covered + 1);
}

/** What the guides walk: percent that the gaining colour gets at each step. */
export const DEFAULT_STEPS: readonly number[] = [10, 25, 50, 100];

/**
 * The weights that a walk still has to set, in order; the last is the target, and each lies strictly between the one
 * before and it. Empty when the target is reached. Steps are shares of the gaining colour, so that a walk towards blue
 * mirrors one towards green; those behind the live weight or past the target are left out.
 * @param live,target percent that green gets, whole numbers 0..100.
 */
export function walk(live: number, target: number, steps: readonly number[] = DEFAULT_STEPS): number[] {
  if (live === target) return [];
  const towardsGreen = target > live;
  const weights = steps
    .map((share) => (towardsGreen ? share : 100 - share))
    .filter((weight) => (towardsGreen ? weight > live && weight < target : weight < live && weight > target));
  return [...new Set(weights)].sort((a, b) => (towardsGreen ? a - b : b - a)).concat(target);
}

/** The weight that comes next on the way from any live weight; undefined when the target is reached. */
export function nextWeight(live: number, target: number, steps: readonly number[] = DEFAULT_STEPS): number | undefined {
  return walk(live, target, steps)[0];
}

/** The steps that an advance takes: those of the bake plan, or one jump where it cuts over to another database. */
export function stepsOf({ bake, overrides, releases: { blue, green } }: Declared): readonly number[] {
  const cutsOver = overrides.cutOver && blue !== null && green !== null && blue.database !== green.database;
  return cutsOver ? [100] : bake.steps;
}
