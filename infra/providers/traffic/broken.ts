import type { LiveTraffic } from "../../platform/traffic";
import { walkTags } from "./tags";

/** Why a walk may not go on. */
export type Cause = "engine gone" | "taken over" | "aborted" | "interrupted" | "unreachable";

export class FenceBroken extends Error {
  constructor(
    readonly why: Cause,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** What became of putting weights back. */
export interface PutBack {
  /**
   * `returned`: they are where the walk began. `stayed`: the colour that would gain has no process that answers, so traffic
   * stays where it is. `taken over`: they belong to somebody else by now. `unreachable`: the listener could not be changed.
   */
  readonly outcome: "returned" | "stayed" | "taken over" | "unreachable";
  /** What was in the way, where something was. */
  readonly trouble?: string;
}

/** Somebody else has the weights, or they are not where the walk left them. */
export function takenOver(live: LiveTraffic | undefined, cause?: unknown): FenceBroken {
  const walk = live?.tags[walkTags.walk];
  const found =
    live === undefined
      ? "there is no production listener any more"
      : `greenWeight is ${live.greenWeight} and ${walk === undefined ? "no walk" : `walk ${walk}`} is on the listener`;
  return new FenceBroken("taken over", `somebody else took over the weights: ${found}`, { cause });
}
