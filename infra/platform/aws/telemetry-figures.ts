import type { Colour } from "../../rollout/types";
import type { Counts, Sample } from "../../rollout/verdict";

/** The load balancer reports once a minute. */
export const periodMs = 60_000;

/** Seconds that latencies are compared with unless the address says otherwise: 1 s is the guides' limit of p95. */
export const DEFAULT_EDGES: readonly number[] = [0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** What the load balancer counts for each target group. */
export const countsOfGroup = [
  "RequestCount",
  "HTTPCode_Target_2XX_Count",
  "HTTPCode_Target_3XX_Count",
  "HTTPCode_Target_4XX_Count",
  "HTTPCode_Target_5XX_Count",
] as const;

type OfGroup = (typeof countsOfGroup)[number] | "timed" | `within ${number}`;
export type FigureName = `${Colour} ${OfGroup}` | "balancer errors" | "balancer requests";

/** What CloudWatch said; undefined for what it said nothing of. */
export interface Figures {
  /** @param time beginning of the minute, milliseconds since the epoch. */
  at(name: FigureName, time: number): number | undefined;
}

/**
 * One minute of both colours, from what CloudWatch says of it. Why so:
 *
 * - **Requests** are RequestCount of the target group. CloudWatch leaves out what is zero, so a colour without figures had no
 *   requests in a minute of which the load balancer has any. Where it has none at all, nothing is known (null): it may be the
 *   figures that are missing. Neither ever passes: the one lacks requests, the other leaves a gap.
 * - **Errors** are 5xx of the targets, and those that the load balancer answers itself: 502 when a target breaks off, 504 when it
 *   doesn't answer. It counts these for itself and not for a group (HTTPCode_ELB_5XX_Count), and to spread them evenly would hide
 *   a small share's failures behind the large one's requests. But a group's requests that none of its targets answered
 *   (RequestCount less all HTTPCode_Target_…) are known; of them, at most as many as the load balancer answered by 5xx failed so.
 *   That counts a client that hung up as an error only in a minute that has as many errors made by the load balancer.
 * - What is left of those found no target at all (503 of a group without targets), and is in no group's requests. It is charged
 *   to both colours, as a request and an error: rather an advance too few than one onto a group that answers nobody.
 * - **Latency** is a histogram: for each edge, PR(:edge) is the percentage of TargetResponseTime at or below it (the bound is
 *   inclusive; CloudWatch statistics definitions), of SampleCount requests. A percentile such as p95 could not be added up over
 *   minutes, nor be judged with a stated confidence; counts can. Requests that nobody answered have no latency.
 */
export function sampleOf(figures: Figures, edges: readonly number[], from: number): Sample {
  const of = (name: FigureName): number => figures.at(name, from) ?? 0;
  const nothing =
    figures.at("balancer requests", from) === undefined &&
    figures.at("blue RequestCount", from) === undefined &&
    figures.at("green RequestCount", from) === undefined &&
    of("balancer errors") === 0;
  if (nothing) return { from, until: from + periodMs, colours: { blue: null, green: null } };
  const failed = of("balancer errors");
  const unanswered = { blue: unansweredBy("blue", of), green: unansweredBy("green", of) };
  const nobodys = Math.max(0, failed - unanswered.blue - unanswered.green);
  const counts = (colour: Colour): Counts => ({
    // What is answered in the minute after it was counted would make more errors than requests.
    requests: Math.max(of(`${colour} RequestCount`), answeredBy(colour, of)) + nobodys,
    errors: of(`${colour} HTTPCode_Target_5XX_Count`) + Math.min(unanswered[colour], failed) + nobodys,
    latency: {
      total: of(`${colour} timed`),
      atMost: edges.flatMap((edge) => {
        const percent = figures.at(`${colour} within ${edge}`, from);
        return percent === undefined ? [] : [[edge, Math.round((percent / 100) * of(`${colour} timed`))] as const];
      }),
    },
  });
  return { from, until: from + periodMs, colours: { blue: counts("blue"), green: counts("green") } };
}

const answeredBy = (colour: Colour, of: (name: FigureName) => number): number =>
  countsOfGroup.filter((name) => name !== "RequestCount").reduce((sum, name) => sum + of(`${colour} ${name}`), 0);

const unansweredBy = (colour: Colour, of: (name: FigureName) => number): number =>
  Math.max(0, of(`${colour} RequestCount`) - answeredBy(colour, of));
