import { COLOURS, shareOf } from "./names";
import { distinctStates, outcomesFrom } from "./passage";
import { attemptsSince, type Memory } from "./shift";
import type { Declared, PerColour, Release, Settled, State } from "./types";

/** The highest share of traffic that a colour may have in a state, in percent. */
export function highestShare(colour: keyof PerColour<unknown>, { weight }: State): number {
  if (weight === null) return 0;
  return shareOf(colour, colour === "green" ? weight.high : weight.low);
}

/** The lowest share of traffic that a colour may have in a state, in percent. */
export function lowestShare(colour: keyof PerColour<unknown>, { weight }: State): number {
  if (weight === null) return 0;
  return shareOf(colour, colour === "green" ? weight.low : weight.high);
}

/**
 * Every state that may be true now: what is settled, and what each attempt since may have made of any of those. The
 * order inside an `up` is kept (a release has no traffic before its migrations ran), so a repeated `up` is not refused
 * for a mixture that can't be.
 */
export function realityOf({ settled, attempts }: Memory, declared: Declared): State[] {
  let states = [settled === undefined ? emptyState(declared) : settledState(settled)];
  const since = attemptsSince(settled, attempts);
  since.forEach((attempt, index) => {
    const before: Memory = { settled, attempts: since.slice(0, index) };
    states = distinctStates([...states, ...states.flatMap((state) => outcomesFrom(state, before, attempt))]);
  });
  return states;
}

/** The releases that may have had traffic in any of these states, and so may have written. */
export function writersIn(states: Iterable<State>): Release[] {
  const writers = new Set<Release>();
  for (const state of states) {
    for (const colour of COLOURS) {
      const release = state.releases[colour];
      if (release !== null && highestShare(colour, state) > 0) writers.add(release);
    }
  }
  return [...writers];
}

const settledState = ({ weight, releases, applied, half, scars, wiring }: Settled): State => ({
  weight: { low: weight, high: weight },
  releases,
  applied,
  half,
  scars,
  wiring,
});

const emptyState = ({ wiring }: Declared): State => ({
  weight: null,
  releases: { blue: null, green: null },
  applied: [],
  half: null,
  scars: [],
  wiring,
});
