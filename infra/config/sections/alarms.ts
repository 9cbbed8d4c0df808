import type { Facts } from "../draft";
import { formatDuration, milliseconds, type Milliseconds } from "../duration";
import { section } from "../key";
import { decimal, duration, integer } from "../kinds";
import { set, shown, type Problem } from "../problem";

/** Two limits of one figure: beyond the first somebody should look soon, beyond the second at once. */
export interface Limits<T> {
  readonly high: T;
  /** Above `high`. */
  readonly critical: T;
}

/** Beyond what the alarms of a stack fire. Every default is a figure of the deployment guides, where it names none. */
export interface AlarmSettings {
  /** Share of a colour's requests that failed in 5 minutes, above 0 and below 1. Default: 0.01, 0.05. */
  readonly errorRate: Limits<number>;
  /** Requests in 5 minutes below which no share says anything, 1..10^6. Default: 100: five errors of fewer would be 5 %. */
  readonly minRequests: number;
  /** A colour's p95 latency for 10 minutes, 1ms..1m. Default: 500ms, 1s. */
  readonly p95: Limits<Milliseconds>;
  /** Average CPU in percent for 5 minutes, of copies and of the database, 1..100. Default: 70, 80. */
  readonly cpu: Limits<number>;
  /** Memory in percent for 2 minutes, of copies and of the database, 1..100. Default: 80, 90. */
  readonly memory: Limits<number>;
  /** Percent of `database.maxConnections` that is taken for 5 minutes, 1..100. Default: 80. */
  readonly connections: number;
  /** Average time of a read or a write of the database's disk for 5 minutes, 1ms..10s. Default: 20ms, twice what gp3 has. */
  readonly diskLatency: Milliseconds;
  /** Percent of `rds.storage` that is free, 1..50. Default: 10, below which RDS enlarges it ("Managing capacity automatically"). */
  readonly freeStorage: number;
  /** Width of what is usual for the rate of requests, in standard deviations, 1..10. Default: 3. */
  readonly anomalyWidth: number;
}

/** What is watched on one machine too: the rest is about what AWS alone has, or is the machine's. */
export type LocalAlarmSettings = Pick<AlarmSettings, "errorRate" | "minRequests" | "p95" | "connections">;

/** The defaults of those: what a balancer or a collector goes by that was told of no others. */
export const usualAlarms: LocalAlarmSettings = {
  errorRate: { high: 0.01, critical: 0.05 },
  minRequests: 100,
  p95: { high: milliseconds(500), critical: milliseconds(1_000) },
  connections: 80,
};

const percent = { low: 1, high: 100 } as const;
const pairs = ["errorRate", "p95", "cpu", "memory"] as const;
/** Of `alarms`, what a stack on one machine is refused. */
export const onlyOnAws = ["cpu", "memory", "diskLatency", "freeStorage", "anomalyWidth"] as const;
const refusedHere = new Set<string>(onlyOnAws);

const errorRate = (meaning: string) =>
  decimal({ above: 0, below: 1 }, "a share of the requests", { meaning, example: "0.02" });
const latency = (meaning: string) => duration(milliseconds(1), milliseconds(60_000), { meaning, example: "750ms" });
const share = (meaning: string) => integer(percent.low, percent.high, "percent", { meaning, example: "75" });

export const alarmKeys = {
  alarms: section(
    {
      errorRate: section(
        {
          high: errorRate("Share of a colour's requests that fail in 5 minutes, beyond which somebody looks soon.").default(usualAlarms.errorRate.high), // prettier-ignore
          critical: errorRate("The same, beyond which somebody is woken and a walk to the colour fails.").default(usualAlarms.errorRate.critical), // prettier-ignore
        },
        "How many requests may fail.",
      ).prefault({}),
      minRequests: integer(1, 1_000_000, "requests in 5 minutes", {
        meaning: "With fewer requests no share of errors fires.",
        example: "100",
      }).default(usualAlarms.minRequests),
      p95: section(
        {
          high: latency("p95 of a colour's latency for 10 minutes, beyond which somebody looks soon.").default(usualAlarms.p95.high), // prettier-ignore
          critical: latency("The same, beyond which somebody is woken and a walk to the colour fails.").default(usualAlarms.p95.critical), // prettier-ignore
        },
        "How slow answers may be.",
      ).prefault({}),
      cpu: section(
        {
          high: share("CPU of copies and database for 5 minutes, beyond which somebody looks soon.").default(70),
          critical: share("The same, beyond which somebody is woken.").default(80),
        },
        "How busy copies and database may be.",
      ).prefault({}),
      memory: section(
        {
          high: share("Memory of copies and database for 2 minutes, beyond which somebody looks soon.").default(80),
          critical: share("The same, beyond which somebody is woken and a walk to the colour fails.").default(90),
        },
        "How full memory may be.",
      ).prefault({}),
      connections: share("How much of `database.maxConnections` may be taken.").default(usualAlarms.connections),
      diskLatency: duration(milliseconds(1), milliseconds(10_000), {
        meaning: "How long a read or a write of the database's disk may take.",
        example: "20ms",
      }).default(milliseconds(20)),
      freeStorage: integer(1, 50, "percent of `rds.storage`", {
        meaning: "How little of the storage may be free.",
        example: "10",
      }).default(10),
      anomalyWidth: integer(1, 10, "standard deviations", {
        meaning: "How far from what is usual at that hour the rate of requests may be.",
        example: "3",
      }).default(3),
    },
    "Beyond what alarms fire.",
  ).prefault({}),
};

/** What wakes somebody is worse than what doesn't. */
export function alarmRules({ draft: { platform, alarms = {} } }: Facts): Problem[] {
  const judged = platform === "aws" ? pairs : pairs.filter((name) => platform === "local" && !refusedHere.has(name));
  return judged.flatMap((name) => {
    const { high, critical } = alarms[name] ?? {};
    if (high === undefined || critical === undefined || high < critical) return [];
    const written = (value: number) => (name === "p95" ? formatDuration(milliseconds(value)) : String(value));
    return [
      {
        path: ["alarms", name, "critical"],
        found: shown(`${written(critical)}, not above alarms.${name}.high ${written(high)}`, "alarms"),
        allowed: shown(`more than alarms.${name}.high`, "alarms"),
        ways: [lower(name, critical)],
      },
    ];
  });
}

/** Half of what wakes somebody; the defaults, where nothing is left below it. */
function lower(name: (typeof pairs)[number], critical: number) {
  const way = (key: "high" | "critical", value: string | number) => set(["alarms", name, key], value, "alarms");
  if (name === "errorRate")
    return critical >= 0.0001 ? [way("high", critical / 2)] : [way("high", 0.01), way("critical", 0.05)];
  const written = (value: number) => (name === "p95" ? formatDuration(milliseconds(value)) : value);
  if (critical >= 2) return [way("high", written(Math.floor(critical / 2)))];
  return [way("high", written(1)), way("critical", written(2))];
}
