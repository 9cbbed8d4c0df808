import { compareVersions, sameRelease, shareOf } from "./names";
import { distinctStates, outcomesFrom } from "./passage";
import { realityOf, writersIn } from "./reality";
import { attemptsSince, type Memory } from "./shift";
import type { Attempt, Colour, Facts, Proven, Settled } from "./types";

/**
 * What an `up` that finishes leaves: the facts, and what can only be known by having followed the attempts since the
 * last one that finished. The plan computes it when it begins; it becomes `settled` with the last step, or never.
 * @param attempt the one that finishes.
 * @param facts what the dynamic resources' outputs say once it has.
 */
export function settle(memory: Memory, attempt: Attempt, facts: Facts): Settled {
  return {
    ...facts,
    id: attempt.id,
    written: writtenBy(memory, attempt, facts),
    proven: {
      blue: provenOf("blue", memory, attempt, facts),
      green: provenOf("green", memory, attempt, facts),
    },
  };
}

function writtenBy(memory: Memory, attempt: Attempt, { applied }: Facts): string[] {
  const before = realityOf(memory, attempt.declared);
  const states = distinctStates([...before, ...before.flatMap((state) => outcomesFrom(state, memory, attempt))]);
  const newest = writersIn(states)
    .map(({ schema }) => schema)
    .reduce((a, b) => (compareVersions(a, b) > 0 ? a : b), "0");
  return applied
    .filter(({ phase }) => phase === "expand")
    .map(({ version }) => version)
    .filter((version) => memory.settled?.written.includes(version) === true || compareVersions(version, newest) <= 0);
}

/** The shares at which a colour's release has settled, this time included; none of before if it changed in between. */
function provenOf(colour: Colour, { settled, attempts }: Memory, attempt: Attempt, facts: Facts): Proven[] {
  const release = facts.releases[colour];
  if (release === null) return [];
  const since = [...attemptsSince(settled, attempts).map(({ declared }) => declared), attempt.declared];
  const unchanged =
    settled !== undefined && [settled, ...since].every(({ releases }) => sameRelease(releases[colour], release));
  const before = unchanged ? settled.proven[colour] : [];
  const share = shareOf(colour, facts.weight);
  if (share === 0 || release.count === 0) return [...before];
  return [...before.filter((proven) => proven.share !== share), { share, count: release.count }];
}
