import type { Facts } from "../draft";
import { formatDuration, milliseconds, type Milliseconds } from "../duration";
import { section } from "../key";
import { decimal, duration, integer, oneOf } from "../kinds";
import { shares } from "../lists";
import { set, shown, type Problem } from "../problem";

/** When a bake fails (docs/verdict.md). */
export interface LimitSettings {
  /** Highest share of requests that may fail, above 0 and below 1. Default: 0.001 (0.1 %, the deployment guides' figure). */
  readonly errorRate: number;
  /** Highest p95 latency in seconds, 0.001..60. Default: 1 (the deployment guides' figure). */
  readonly p95: number;
  /** How many times as often as the other colour a colour may fail or be slow, 1..1000. Default: 2. */
  readonly timesWorse: number;
  /** Confidence of a `fail` over a whole walk, above 0 and below 1. Default: 0.99. */
  readonly confidence: number;
}

/** How an advance walks and bakes. */
export interface BakeSettings {
  /** Shares of the gaining colour, rising, in percent, 1..100; the last is 100. Default: 10, 25, 50, 100. */
  readonly steps: readonly number[];
  /** How long each step is watched, 100ms..7d. Default: 10m. */
  readonly bake: Milliseconds;
  /** How long an `insufficient` bake waits for more, from its beginning, `bake`..7d. Default: 30m. */
  readonly maxBake: Milliseconds;
  /** Requests that the gaining colour must have had in a bake, 1..10^9. Default: 1000, below which one error is above 0.1 %. */
  readonly minRequests: number;
  /** Requests a second that both colours get together, above 0 and up to 10^6. Default: not known, and not judged by. */
  readonly expectedRequestsPerSecond?: number;
  /** What an `insufficient` bake does at `maxBake`. Default: "return". */
  readonly onInsufficient: "return" | "advance";
  readonly limits: LimitSettings;
}

const week = milliseconds(7 * 86_400_000);
const usualSteps = [10, 25, 50, 100] as const;

const limits = section(
  {
    errorRate: decimal({ above: 0, below: 1 }, "a share of the requests", {
      meaning: "Highest share of requests that may fail.",
      example: "0.001",
    }).default(0.001),
    p95: duration(milliseconds(1), milliseconds(60_000), {
      meaning: "Highest latency that 95 of 100 requests may have.",
      example: "1s",
    }).default(milliseconds(1_000)),
    timesWorse: decimal({ from: 1, to: 1000 }, "times the other colour's rate", {
      meaning: "How many times as often as the other colour a colour may fail or be slow.",
      example: "2.5",
    }).default(2),
    confidence: decimal({ above: 0, below: 1 }, "a probability", {
      meaning: "Confidence of a `fail` over a whole walk.",
      example: "0.99",
    }).default(0.99),
  },
  "When a bake fails.",
);

export const bakeKeys = {
  bake: section(
    {
      steps: shares({ meaning: "Shares of the colour that gains traffic, one bake each." }, usualSteps).default([
        ...usualSteps,
      ]),
      bake: duration(milliseconds(100), week, {
        meaning: "How long each step is watched.",
        example: "10m",
      }).default(milliseconds(600_000)),
      maxBake: duration(milliseconds(100), week, {
        meaning: "How long a step may be watched when it has not seen enough; at least `bake`.",
        example: "30m",
      }).default(milliseconds(1_800_000)),
      minRequests: integer(1, 1_000_000_000, "requests of the gaining colour in a bake", {
        meaning: "With fewer requests a bake is `insufficient`.",
        example: "1000",
      }).default(1000),
      expectedRequestsPerSecond: decimal({ above: 0, to: 1_000_000 }, "requests a second, both colours together", {
        meaning: "Refuses at preview a walk that can't reach `minRequests` by `maxBake`.",
        example: "50",
        unset: "not known",
      }).optional(),
      onInsufficient: oneOf(["return", "advance"], {
        meaning: "What a walk does at `maxBake` when it has not seen enough.",
      }).default("return"),
      limits: limits.prefault({}),
    },
    "How traffic walks to a release, and what it has to show on the way.",
  ).prefault({}),
};

/**
 * CloudWatch tells of a minute one to three minutes later (a load balancer reports every 60 s), so that a shorter bake
 * would have seen next to nothing when it ends.
 */
const leastOnAws = milliseconds(300_000);

/** A bake can't be cut off before it is over, and on AWS it must be long enough to see anything. */
export function bakeRules(facts: Facts): Problem[] {
  return [...wholeBake(facts), ...seenOnAws(facts)];
}

function wholeBake({ draft: { bake: { bake, maxBake } = {} } }: Facts): Problem[] {
  if (bake === undefined || maxBake === undefined || bake <= maxBake) return [];
  return [
    {
      path: ["bake", "maxBake"],
      found: shown(`${formatDuration(maxBake)}, below bake.bake ${formatDuration(bake)}`, "bake"),
      allowed: "at least bake.bake",
      ways: [
        [set(["bake", "maxBake"], formatDuration(bake), "bake")],
        [set(["bake", "bake"], formatDuration(maxBake), "bake")],
      ],
    },
  ];
}

function seenOnAws({ draft: { platform, bake: { bake, maxBake } = {} } }: Facts): Problem[] {
  if (platform !== "aws" || bake === undefined || bake >= leastOnAws) return [];
  const least = formatDuration(leastOnAws);
  const longer = set(["bake", "bake"], least);
  return [
    {
      path: ["bake", "bake"],
      found: shown(formatDuration(bake), "bake"),
      allowed: shown(`${least} or more on platform aws, where figures come minutes late`, "platform"),
      ways: [maxBake === undefined || maxBake >= leastOnAws ? [longer] : [longer, set(["bake", "maxBake"], least)]],
    },
  ];
}
