import type * as pulumi from "@pulumi/pulumi";
import type { AlarmSettings } from "../../../config";
import { heartbeat } from "../traffic-heartbeat";
import { missing, type AlarmSpec, type Figure } from "./spec";

/** What both colours share, as its alarms know it. */
export interface WatchedShared {
  /** As CloudWatch calls it: `app/…`. */
  readonly loadBalancer: pulumi.Input<string>;
  /** Identifier of the RDS instance. */
  readonly instance: string;
  /** Its memory and its storage to begin with, in bytes; memory is not known of every class. */
  readonly memory: number | undefined;
  readonly storage: number;
  readonly maxConnections: number;
  /** Name of the proxy. @default there is none */
  readonly proxy?: string;
}

const minute = 60;
const fiveMinutes = 300;
type Grade = "high" | "critical";
const grades: readonly Grade[] = ["high", "critical"];

/** Every alarm of load balancer, walks and database, but those made of logs. */
export const sharedAlarms = (limits: AlarmSettings, of: WatchedShared): AlarmSpec[] => [
  ...grades.map((grade) => balancerErrors(grade, limits, of)),
  rejected(of),
  unusual(limits, of),
  lostWalk(of),
  ...grades.map((grade) => databaseCpu(grade, limits, of)),
  ...(of.memory === undefined ? [] : grades.map((grade) => databaseMemory(grade, limits, of, of.memory ?? 0))),
  storage(limits, of),
  connections(limits, of),
  diskLatency(limits, of),
  ...(of.proxy === undefined ? [] : [pinned(of.proxy)]),
];

const ofBalancer = (of: WatchedShared, metric: string): Figure => ({
  namespace: "AWS/ApplicationELB",
  metric,
  statistic: "Sum",
  dimensions: { LoadBalancer: of.loadBalancer },
});
const ofInstance = ({ instance }: WatchedShared, metric: string, statistic: Figure["statistic"]): Figure => ({
  namespace: "AWS/RDS",
  metric,
  statistic,
  dimensions: { DBInstanceIdentifier: instance },
});

/** Requests that no copy answered: AWS counts them for no colour, and not among the requests of the load balancer. */
const balancerErrors = (grade: Grade, { errorRate, minRequests }: AlarmSettings, of: WatchedShared): AlarmSpec => ({
  name: `balancer-errors-${grade}`,
  runbook: "errors-of-the-load-balancer",
  severity: grade,
  says: `The load balancer itself refused more than ${Number((100 * errorRate[grade]).toPrecision(12))} % of the requests in 5 minutes`,
  watches: {
    figures: { mMade: ofBalancer(of, "HTTPCode_ELB_5XX_Count"), mRequests: ofBalancer(of, "RequestCount") },
    expression:
      `IF(FILL(mMade,0)+FILL(mRequests,0) >= ${minRequests}, ` +
      "100*FILL(mMade,0)/(FILL(mMade,0)+FILL(mRequests,0)), 0)",
  },
  fires: { above: 100 * errorRate[grade] },
  period: fiveMinutes,
  periods: 1,
  missing: missing.noTraffic,
});

const rejected = (of: WatchedShared): AlarmSpec => ({
  name: "balancer-rejected",
  runbook: "rejected-connections",
  severity: "high",
  says: "The load balancer took no more connections",
  watches: ofBalancer(of, "RejectedConnectionCount"),
  fires: { above: 0 },
  period: fiveMinutes,
  periods: 1,
  missing: missing.nothingSeen,
});

const unusual = ({ anomalyWidth }: AlarmSettings, of: WatchedShared): AlarmSpec => ({
  name: "request-rate",
  runbook: "unusual-rate-of-requests",
  severity: "medium",
  says: `The rate of requests is ${anomalyWidth} standard deviations from what is usual at this hour, for 15 minutes`,
  watches: ofBalancer(of, "RequestCount"),
  fires: { outside: anomalyWidth },
  period: fiveMinutes,
  periods: 3,
  missing: missing.noTraffic,
});

/**
 * A walk beats 1 while it goes on, and 0 once at its end. So what is wrong is a 1 that nothing follows: the last beat is carried
 * on over the minutes without one. When it is long ago there is nothing left to carry on, and the alarm stays as it was.
 */
const lostWalk = ({ loadBalancer }: WatchedShared): AlarmSpec => {
  const beats = (statistic: Figure["statistic"]): Figure => ({
    namespace: heartbeat.namespace,
    metric: heartbeat.metric,
    statistic,
    dimensions: { [heartbeat.dimension]: loadBalancer },
  });
  return {
    name: "walk-lost",
    runbook: "a-walk-was-left-behind",
    severity: "critical",
    says: "A walk has stopped in the middle, and nobody took the traffic back",
    watches: {
      figures: { mLast: beats("Minimum"), mBeats: beats("SampleCount") },
      expression: "IF(FILL(mLast,REPEAT) > 0 AND FILL(mBeats,0) < 1, 1, 0)",
    },
    fires: { above: 0 },
    period: minute,
    periods: 3,
    beyond: 2,
    missing: {
      treat: "ignore",
      because: "nobody walks most of the time; a walk that was left behind is told of until the next one",
    },
  };
};

const databaseCpu = (grade: Grade, { cpu }: AlarmSettings, of: WatchedShared): AlarmSpec => ({
  name: `database-cpu-${grade}`,
  runbook: "cpu-of-the-database",
  severity: grade,
  says: `The database uses more than ${cpu[grade]} % of its CPU for 5 minutes`,
  watches: ofInstance(of, "CPUUtilization", "Average"),
  fires: { above: cpu[grade] },
  period: fiveMinutes,
  periods: 1,
  missing: missing.stopped,
});

const databaseMemory = (
  grade: Grade,
  { memory: limit }: AlarmSettings,
  of: WatchedShared,
  bytes: number,
): AlarmSpec => ({
  name: `database-memory-${grade}`,
  runbook: "memory-of-the-database",
  severity: grade,
  says: `The database uses more than ${limit[grade]} % of its memory for 2 minutes`,
  watches: ofInstance(of, "FreeableMemory", "Average"),
  fires: { below: Math.round((bytes * (100 - limit[grade])) / 100) },
  period: minute,
  periods: 2,
  missing: missing.stopped,
});

/** The one of the database's figures whose absence says that there is no database. */
const storage = ({ freeStorage }: AlarmSettings, of: WatchedShared): AlarmSpec => ({
  name: "database-storage",
  runbook: "storage-of-the-database",
  severity: "critical",
  says: `The database reports nothing, or less than ${freeStorage} % of its storage is free, for 5 minutes`,
  watches: ofInstance(of, "FreeStorageSpace", "Minimum"),
  fires: { below: Math.round((of.storage * freeStorage) / 100) },
  period: minute,
  periods: 5,
  missing: missing.silent,
});

const connections = ({ connections: limit }: AlarmSettings, of: WatchedShared): AlarmSpec => ({
  name: "database-connections",
  runbook: "connections-of-the-database",
  severity: "high",
  says: `More than ${limit} % of the database's ${of.maxConnections} connections are taken for 5 minutes`,
  watches: ofInstance(of, "DatabaseConnections", "Maximum"),
  fires: { above: (of.maxConnections * limit) / 100 },
  period: fiveMinutes,
  periods: 1,
  missing: missing.stopped,
});

const diskLatency = ({ diskLatency: limit }: AlarmSettings, of: WatchedShared): AlarmSpec => ({
  name: "database-disk",
  runbook: "disk-of-the-database",
  severity: "high",
  says: `A read or a write of the database's disk takes more than ${limit} ms, for 5 minutes`,
  watches: {
    figures: { mRead: ofInstance(of, "ReadLatency", "Average"), mWrite: ofInstance(of, "WriteLatency", "Average") },
    expression: "MAX([mRead,mWrite])",
  },
  // Seconds.
  fires: { above: limit / 1000 },
  period: fiveMinutes,
  periods: 1,
  missing: missing.stopped,
});

/** A session that is pinned keeps its connection for itself: the proxy is of no use to it. */
const pinned = (proxy: string): AlarmSpec => ({
  name: "proxy-pinned",
  runbook: "pinned-sessions",
  severity: "medium",
  says: "Sessions keep connections of the proxy for themselves, for 15 minutes",
  watches: {
    namespace: "AWS/RDS",
    metric: "DatabaseConnectionsCurrentlySessionPinned",
    statistic: "Maximum",
    dimensions: { ProxyName: proxy },
  },
  fires: { above: 0 },
  period: fiveMinutes,
  periods: 3,
  missing: missing.nothingSeen,
});
