// When a colour, or the balancer itself, does so badly that somebody should look. Pure. What a stack on AWS has of CloudWatch
// (infra/platform/aws/alarms), under the same names, with the same limits, windows and severities.

import type { Severity } from "../../../config";
import { walkTags } from "../../../providers/traffic/tags";
import type { AlarmLimits, Colour, Tags } from "./api";
import { sum, type Recent } from "./recent";

export interface Alarm {
  readonly name: string;
  readonly severity: Severity;
  readonly fires: boolean;
}

const minute = 60_000;
/** Milliseconds that each looks back: the deployment guides' figures. A walk beats every 10 seconds. */
export const windows = {
  "error-rate": 5 * minute,
  p95: 10 * minute,
  healthy: 3 * minute,
  "balancer-errors": 5 * minute,
  "walk-lost": 2 * minute,
} as const;

/** p95 is above a limit when more than this share took longer. */
const slowShare = 0.05;
const grades = ["high", "critical"] as const;

/** One colour on the production listener, as the balancer sees it. */
export interface SeenColour {
  readonly colour: Colour;
  /** What each of its registered targets did lately. */
  readonly targets: readonly Recent[];
  /** Does it get traffic? */
  readonly live: boolean;
  /** Milliseconds since it last had a healthy target; 0 while it has one. */
  readonly withoutHealthy: number;
}

/** Every alarm of a colour. A walk to it fails by the critical ones. */
export function colourAlarms(seen: SeenColour, limits: AlarmLimits): Alarm[] {
  const { colour, targets, live, withoutHealthy } = seen;
  const lately = (windowMs: number) => sum(targets.map((target) => target.within(windowMs)));
  const errors = lately(windows["error-rate"]);
  const latency = lately(windows.p95);
  const healthy: Alarm = {
    name: `${colour}-healthy`,
    severity: live ? "critical" : "medium",
    fires: withoutHealthy >= windows.healthy,
  };
  return [
    ...grades.map((grade) => ({
      ...{ name: `${colour}-error-rate-${grade}`, severity: grade },
      fires: above(limits.errorRate[grade], errors.failed, errors.ended, limits),
    })),
    ...grades.map((grade) => ({
      ...{ name: `${colour}-p95-${grade}`, severity: grade },
      fires: above(slowShare, latency[grade], latency.answered, limits),
    })),
    // Of a colour that is retired nobody expects a copy.
    ...(live || targets.length > 0 ? [healthy] : []),
  ];
}

/** What the balancer knows of itself. */
export interface SeenBalancer {
  /** Requests of both listeners; failed are those that it had to refuse itself. */
  readonly recent: Recent;
  /** Of the production listener, and milliseconds since they were last written. */
  readonly tags: Tags;
  readonly sinceTagged: number;
}

/** The alarms of the balancer itself, and of a walk that nobody goes on with. No walk fails by them. */
export function ownAlarms({ recent, tags, sinceTagged }: SeenBalancer, limits: AlarmLimits): Alarm[] {
  const { ended, failed } = recent.within(windows["balancer-errors"]);
  return [
    ...grades.map((grade) => ({
      ...{ name: `balancer-errors-${grade}`, severity: grade },
      fires: above(limits.errorRate[grade], failed, ended, limits),
    })),
    {
      ...{ name: "walk-lost", severity: "critical" },
      // A walk that ends takes its tags away; until then it writes them again and again.
      fires: tags[walkTags.walk] !== undefined && sinceTagged >= windows["walk-lost"],
    },
  ];
}

/** Of few requests a share says little: five of fewer than 100 would be 5 %. */
const above = (share: number, bad: number, all: number, { minRequests }: AlarmLimits): boolean =>
  all >= minRequests && bad > share * all;
