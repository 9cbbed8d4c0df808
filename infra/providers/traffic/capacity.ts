import { otherColour } from "../../rollout/names";
import type { Colour, Declared, PerColour } from "../../rollout/types";

/** Copies that each colour is declared with. */
export const countsOf = ({ releases }: Declared): PerColour<number> => ({
  blue: releases.blue?.count ?? 0,
  green: releases.green?.count ?? 0,
});

/**
 * How many healthy targets a colour needs before it gains traffic by an advance: as many as the other has copies, since at
 * its end it may have to carry all that the other does.
 */
export const neededBy = (gaining: Colour, counts: PerColour<number>): number =>
  Math.max(1, counts[otherColour(gaining)]);

/** What is wrong with the declared counts for an advance towards `gaining`; undefined when nothing is. */
export function tooFewCopies(gaining: Colour, counts: PerColour<number>): string | undefined {
  const needed = neededBy(gaining, counts);
  if (counts[gaining] >= needed) return undefined;
  const losing = otherColour(gaining);
  return (
    `switchyard:${gaining}.count is ${counts[gaining]}, and ${losing} runs ${counts[losing]}: ${gaining} needs ${needed} ` +
    `before it gains traffic (pulumi config set --path switchyard:${gaining}.count ${needed})`
  );
}
