import type { Properties } from "../protocol/values";
import type { Situation } from "./definition";
import { AwsError } from "./errors";
import { heldReference, missingReference } from "./references";
import { balancerRefusals } from "./refusals/balancer";
import { containerRefusals } from "./refusals/containers";
import { databaseRefusals } from "./refusals/database";
import { networkRefusals } from "./refusals/network";
import { otherRefusals } from "./refusals/others";
import { taken } from "./uniques";

/** Something that AWS doesn't do, beside what references.ts and uniques.ts say. */
export interface Refusal {
  token: string;
  on: readonly Situation["on"][];
  /** AWS's error code. */
  code: string;
  /** What is asked for, in a few words: the name of its test. */
  when: string;
  /** AWS's sentence when it is so. */
  says: (situation: Situation) => string | undefined;
}

/** Everything that the stand-in refuses for reasons of its own kind. */
export const refusals: readonly Refusal[] = [
  ...networkRefusals,
  ...databaseRefusals,
  ...balancerRefusals,
  ...containerRefusals,
  ...otherRefusals,
];

/** Why AWS doesn't do it; undefined when it does. */
export function refusal(token: string, situation: Situation): AwsError | undefined {
  for (const { on, code, says } of refusals.filter((each) => each.token === token)) {
    const reason = on.includes(situation.on) ? says(situation) : undefined;
    if (reason !== undefined) return new AwsError(code, reason);
  }
  return taken(token, situation) ?? missingReference(token, situation) ?? heldReference(token, situation);
}

/** Whether an update changes a property. */
export const changes = ({ before, outs }: Situation, key: string): boolean =>
  before !== undefined && JSON.stringify(before[key]) !== JSON.stringify(outs[key]);

/** What follows from JSON in a property; undefined when it is none. */
export function parsed(outs: Properties, key: string): unknown {
  const value = outs[key];
  if (typeof value !== "string") return value;
  try {
    return JSON.parse(value) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
