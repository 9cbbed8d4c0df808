import { milliseconds } from "../duration";
import { duration, migrationTarget, type MigrationVersion } from "../kinds";
import { set, remove, shown, type Problem, type Way } from "../problem";
import type { Facts } from "../draft";
import { colours, otherColour, weightOf, type Colour } from "./traffic";

export const migrationKeys = {
  migrateTo: migrationTarget({
    meaning: "The migration up to which the schema is brought: the newest one there is, or the one named here.",
    example: "latest",
  }).default("latest"),
  watchAfter: duration(milliseconds(0), milliseconds(3_600_000), {
    meaning:
      "How long the colour with most traffic is watched after each migration that runs before the shift; what fails a bake ends the `up` there. `0s` watches nothing.",
    example: "1m",
  }).default(milliseconds(60_000)),
};

/**
 * Orders migration versions: below, at or above 0 as `a` comes before, is, or comes after `b`. They compare as numbers,
 * so that 0999 comes before 20260101120000.
 */
export function compareMigrations(a: MigrationVersion, b: MigrationVersion): number {
  return Number(a) - Number(b);
}

/** No release may be built against a migration past the one that the schema stops at. */
export function migrationRules(facts: Facts): Problem[] {
  return colours.flatMap((colour) => releaseAhead(colour, facts));
}

function releaseAhead(colour: Colour, { draft: { migrateTo, greenWeight, ...draft }, has }: Facts): Problem[] {
  const needed = draft[colour]?.schema;
  if (needed === undefined || migrateTo === undefined || migrateTo === "latest") return [];
  if (compareMigrations(needed, migrateTo) <= 0) return [];
  const idle = greenWeight !== undefined && weightOf(colour, greenWeight) === 0 && has([otherColour(colour)]);
  const ways: Way[] = [[set(["migrateTo"], needed, colour)], [set(["migrateTo"], "latest")]];
  return [
    {
      path: [colour, "schema"],
      found: shown(`${needed}, which is past migrateTo ${migrateTo}`, colour, "migrateTo"),
      allowed: shown(`a migration that will be applied: ${migrateTo} (migrateTo) or an earlier one`, "migrateTo"),
      ways: idle ? [...ways, [remove([colour])]] : ways,
    },
  ];
}
