import { formatDuration, milliseconds } from "../../config/duration";
import { COLOURS } from "../../rollout/names";
import type { PerColour } from "../../rollout/types";
import type { Figures } from "../../rollout/verdict";

/** Which step of a walk: "step 2 of 4, greenWeight 25". */
export interface StepName {
  readonly number: number;
  readonly of: number;
  readonly greenWeight: number;
}

export const nameOf = ({ number, of, greenWeight }: StepName): string =>
  `step ${number} of ${of}, greenWeight ${greenWeight}`;

/** A duration to the second, or exactly where it is shorter: "1m30s", "250ms". */
export function took(duration: number): string {
  const exact = Math.max(0, Math.round(duration));
  return formatDuration(milliseconds(exact < 1_000 ? exact : Math.round(exact / 1_000) * 1_000));
}

/** What a bake has seen so far, on one line. */
export function bakingLine(
  step: StepName,
  elapsed: number,
  bake: number,
  figures: PerColour<Figures>,
  firing: PerColour<readonly string[]>,
): string {
  const colours = COLOURS.map((colour) => `${colour} ${shown(figures[colour])}`).join("; ");
  const alarms = COLOURS.flatMap((colour) => firing[colour].map((name) => `${name} (${colour})`));
  return `${nameOf(step)}: baked ${took(elapsed)} of ${took(bake)}: ${colours}; ${alarms.length === 0 ? "no alarm fires" : `firing: ${alarms.join(", ")}`}`;
}

/** "120 requests, 0 errors, p95 40 ms". */
export function shown({ requests, errors, p95 }: Figures): string {
  const latency = p95 === undefined ? "no p95" : `p95 ${Math.round(p95 * 1_000)} ms`;
  return `${requests} requests, ${errors} errors, ${latency}`;
}
