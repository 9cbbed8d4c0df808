import { addLatency } from "../../rollout/latency";
import type { PerColour } from "../../rollout/types";
import type { Counts, Sample } from "../../rollout/verdict";

/** More than a bake of half an hour has at one a second; beyond it, judging them at every look would take too long. */
const mostSamples = 2_000;

/** The samples with neighbours joined once there are too many. The joined intervals stay disjoint, and leave nothing out. */
export function thinned(samples: readonly Sample[], most = mostSamples): readonly Sample[] {
  if (samples.length <= most) return samples;
  const joined: Sample[] = [];
  for (let i = 0; i < samples.length; i += 2) {
    const pair = samples.slice(i, i + 2);
    const [first, second] = pair;
    if (first !== undefined && second !== undefined && first.until === second.from) joined.push(join(first, second));
    else joined.push(...pair);
  }
  return joined;
}

const join = (a: Sample, b: Sample): Sample => ({
  from: a.from,
  until: b.until,
  colours: { blue: add(a.colours.blue, b.colours.blue), green: add(a.colours.green, b.colours.green) },
});

/** What is missing from one is missing from both: a gap must not pass for few requests. */
function add(a: Counts | null, b: Counts | null): Counts | null {
  if (a === null || b === null) return null;
  return {
    requests: a.requests + b.requests,
    errors: a.errors + b.errors,
    latency: addLatency(a.latency, b.latency),
  };
}

/**
 * Whether the requests follow the weights: green's part of them differs from its weight by no more than chance explains
 * (three standard deviations and a percent; a balancer that counts in hundreds stays well inside).
 */
export function follows(samples: readonly Sample[], greenWeight: number): boolean {
  const total = (colour: keyof PerColour<unknown>) =>
    samples.reduce((sum, { colours }) => sum + (colours[colour]?.requests ?? 0), 0);
  const green = total("green");
  const all = green + total("blue");
  if (all < fewestToTell) return false;
  const share = greenWeight / 100;
  return Math.abs(green / all - share) <= 3 * Math.sqrt((share * (1 - share)) / all) + 0.01;
}

/** With fewer requests the share of a colour says little. */
const fewestToTell = 50;
