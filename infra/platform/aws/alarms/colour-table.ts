import type * as pulumi from "@pulumi/pulumi";
import { poolLines } from "../../../collector/lines";
import type { AlarmSettings, Colour } from "../../../config";
import { asSpec } from "./collected";
import { missing, type AlarmSpec, type Figure } from "./spec";

/** One colour, as its alarms know it. */
export interface WatchedColour {
  readonly colour: Colour;
  /** Has it, or will it get, traffic? */
  readonly live: boolean;
  /** Do copies of it run? */
  readonly runs: boolean;
  /** As CloudWatch calls them: `app/…` and `targetgroup/…`. */
  readonly loadBalancer: pulumi.Input<string>;
  readonly targetGroup: pulumi.Input<string>;
  readonly cluster: string;
  readonly service: string;
  /** Where figures made of logs are. */
  readonly namespace: string;
}

/** Seconds. */
const minute = 60;
const fiveMinutes = 300;

/** Every alarm of one colour. Those of `gate` are what a walk to the colour fails by. */
export function colourAlarms(limits: AlarmSettings, of: WatchedColour): { all: AlarmSpec[]; gate: AlarmSpec[] } {
  const errors = [errorRate("high", limits, of), errorRate("critical", limits, of)];
  const latency = [p95("high", limits, of), p95("critical", limits, of)];
  const copies = of.runs
    ? [...load("cpu", limits, of), ...load("memory", limits, of), healthy(of), poolExhausted(of)]
    : [];
  const all = [...errors, ...latency, ...copies];
  return { all, gate: all.filter((spec) => gateReads.has(spec.name.slice(of.colour.length + 1))) };
}

/**
 * What is about this colour and no other. The load balancer's and the database's are not among them: they would hold up the
 * walk to the very release that mends what is wrong. CPU isn't, as copies are added for it.
 */
const gateReads = new Set(["error-rate-critical", "p95-critical", "memory-critical", "healthy"]);

const ofGroup = (
  { loadBalancer, targetGroup }: WatchedColour,
  metric: string,
  statistic: Figure["statistic"],
): Figure => ({
  namespace: "AWS/ApplicationELB",
  metric,
  statistic,
  dimensions: { LoadBalancer: loadBalancer, TargetGroup: targetGroup },
});

type Grade = "high" | "critical";
const percent = (share: number): string => `${Number((100 * share).toPrecision(12))} %`;

/** 5xx of the copies, and requests that didn't reach the copy that was chosen for them. */
function errorRate(grade: Grade, { errorRate: limit, minRequests }: AlarmSettings, of: WatchedColour): AlarmSpec {
  return {
    name: `${of.colour}-error-rate-${grade}`,
    runbook: "error-rate",
    severity: grade,
    says: `More than ${percent(limit[grade])} of ${of.colour}'s requests failed in 5 minutes`,
    watches: {
      figures: {
        m5xx: ofGroup(of, "HTTPCode_Target_5XX_Count", "Sum"),
        mBroken: ofGroup(of, "TargetConnectionErrorCount", "Sum"),
        mRequests: ofGroup(of, "RequestCount", "Sum"),
      },
      expression: `IF(mRequests >= ${minRequests}, 100*(FILL(m5xx,0)+FILL(mBroken,0))/mRequests, 0)`,
    },
    fires: { above: 100 * limit[grade] },
    period: fiveMinutes,
    periods: 1,
    missing: missing.noTraffic,
  };
}

function p95(grade: Grade, { p95: limit }: AlarmSettings, of: WatchedColour): AlarmSpec {
  return {
    name: `${of.colour}-p95-${grade}`,
    runbook: "latency",
    severity: grade,
    says: `More than 5 of 100 requests of ${of.colour} took longer than ${limit[grade]} ms for 10 minutes`,
    watches: ofGroup(of, "TargetResponseTime", "p95"),
    // Seconds.
    fires: { above: limit[grade] / 1000 },
    period: fiveMinutes,
    periods: 2,
    missing: missing.noTraffic,
  };
}

function load(of: "cpu" | "memory", limits: AlarmSettings, { colour, cluster, service }: WatchedColour): AlarmSpec[] {
  const cpu = of === "cpu";
  return (["high", "critical"] as const).map((grade) => ({
    name: `${colour}-${of}-${grade}`,
    runbook: cpu ? "cpu-of-copies" : "memory-of-copies",
    severity: grade,
    says: `${colour}'s copies use more than ${limits[of][grade]} % of their ${cpu ? "CPU for 5 minutes" : "memory for 2 minutes"}`,
    watches: {
      namespace: "AWS/ECS",
      metric: cpu ? "CPUUtilization" : "MemoryUtilization",
      statistic: "Average",
      dimensions: { ClusterName: cluster, ServiceName: service },
    },
    fires: { above: limits[of][grade] },
    ...(cpu ? { period: fiveMinutes, periods: 1 } : { period: minute, periods: 2 }),
    missing: missing.stopped,
  }));
}

/** The load balancer asks every copy, whether its colour has traffic or not. */
const healthy = (of: WatchedColour): AlarmSpec => ({
  name: `${of.colour}-healthy`,
  runbook: "no-healthy-copy",
  severity: of.live ? "critical" : "medium",
  says: `${of.colour} has no healthy copy for 3 minutes`,
  watches: ofGroup(of, "HealthyHostCount", "Minimum"),
  fires: { below: 1 },
  period: minute,
  periods: 3,
  missing: missing.silent,
});

const poolExhausted = ({ colour, namespace }: WatchedColour): AlarmSpec =>
  asSpec(poolLines(colour).alarm, namespace, missing.nothingSeen);
