import { roleDimension } from "../../../collector/emf";
import type { FigureName } from "../../../collector/figures";
import { colours, type Colour } from "../../../config";
import type { PerColour } from "../../../rollout/types";
import { heartbeat } from "../traffic-heartbeat";

/** Everything that a dashboard names; dimensions as CloudWatch calls them. */
export interface Shown {
  readonly base: string;
  readonly region: string;
  readonly loadBalancer: string;
  readonly targetGroups: PerColour<string>;
  /** Names of the colours' services. */
  readonly services: PerColour<string>;
  /** Percent of new requests that each colour is to get. */
  readonly weights: PerColour<number>;
  /** Version of each colour's release; undefined where none is declared. */
  readonly versions: PerColour<string | undefined>;
  /** ARNs of the composite alarms. */
  readonly alarms: PerColour<string>;
  /** Name of the group that PostgreSQL logs to. */
  readonly log: string;
  /** Role of each colour in the database. */
  readonly roles: PerColour<string>;
  /** Where figures made of logs are, and those of the collector. */
  readonly namespace: string;
}

/** A dashboard is 24 columns wide. */
const wide = 24;
type Metric = readonly unknown[];
interface Widget {
  readonly type: string;
  readonly width: number;
  readonly height: number;
  readonly properties: Readonly<Record<string, unknown>>;
}

/** CloudWatch's own colours of lines, so that a colour looks the same everywhere. */
const inks: PerColour<string> = { blue: "#1f77b4", green: "#2ca02c" };

/** A dashboard's body in JSON: the rollout on top, then volume and latency, errors, the database, what it says of itself, and its slow queries. */
export function dashboardBody(shown: Shown): string {
  const rows = [rollout(shown), volume(shown), errors(shown), database(shown), collected(shown), slowQueries(shown)];
  let y = 0;
  const widgets = rows.flatMap((row) => {
    let x = 0;
    const placed = row.map((widget) => {
      const at = { x, y, ...widget };
      x += widget.width;
      return at;
    });
    y += Math.max(...row.map(({ height }) => height));
    return placed;
  });
  return JSON.stringify({ widgets });
}

function rollout(shown: Shown): Widget[] {
  const row = (colour: Colour) => `| ${colour} | ${shown.versions[colour] ?? "none"} | ${shown.weights[colour]} % |`;
  const markdown = `# ${shown.base}\n\n| colour | release | weight |\n| --- | --- | --- |\n${colours.map(row).join("\n")}\n\nDeclared; what is live is beside it.`;
  const counts = colours.map((colour) => ofGroup(shown, colour, "RequestCount", { id: colour, visible: false }));
  const share = (colour: Colour) => [
    { expression: `100*FILL(${colour},0)/(FILL(blue,0)+FILL(green,0))`, label: colour, color: inks[colour] },
  ];
  return [
    { type: "text", width: 6, height: 6, properties: { markdown } },
    graph(shown, "Share of the requests, percent", [...counts, ...colours.map(share)], 6, "Sum"),
    graph(
      shown,
      "Steps: a walk that goes on is 1; healthy copies",
      [
        [
          heartbeat.namespace,
          heartbeat.metric,
          heartbeat.dimension,
          shown.loadBalancer,
          { label: "walk", stat: "Minimum" },
        ],
        ...colours.map((colour) =>
          ofGroup(shown, colour, "HealthyHostCount", { label: `${colour}, healthy`, stat: "Minimum" }),
        ),
      ],
      6,
    ),
    {
      type: "alarm",
      width: 6,
      height: 6,
      properties: { title: "What a walk fails by", alarms: colours.map((colour) => shown.alarms[colour]) },
    },
  ];
}

function volume(shown: Shown): Widget[] {
  const latency = (stat: string) =>
    colours.map((colour) => ofGroup(shown, colour, "TargetResponseTime", { label: `${colour} ${stat}`, stat }));
  return [
    graph(
      shown,
      "Requests a minute",
      colours.map((colour) => ofGroup(shown, colour, "RequestCount")),
      8,
      "Sum",
    ),
    graph(shown, "Latency p50 and p95, seconds", [...latency("p50"), ...latency("p95")], 8),
    graph(
      shown,
      "CPU and memory of copies, percent",
      colours.flatMap((colour) =>
        ["CPUUtilization", "MemoryUtilization"].map((metric) => [
          ...["AWS/ECS", metric, "ClusterName", shown.base, "ServiceName", shown.services[colour]],
          { label: `${colour} ${metric}` },
        ]),
      ),
      8,
    ),
  ];
}

const errors = (shown: Shown): Widget[] => [
  graph(
    shown,
    "5xx of the copies",
    colours.map((colour) => ofGroup(shown, colour, "HTTPCode_Target_5XX_Count")),
    8,
    "Sum",
  ),
  graph(
    shown,
    "4xx of the copies",
    colours.map((colour) => ofGroup(shown, colour, "HTTPCode_Target_4XX_Count")),
    8,
    "Sum",
  ),
  graph(
    shown,
    "Refused by the load balancer",
    ["HTTPCode_ELB_5XX_Count", "RejectedConnectionCount"].map((metric) => [
      ...["AWS/ApplicationELB", metric, "LoadBalancer", shown.loadBalancer],
    ]),
    8,
    "Sum",
  ),
];

function database(shown: Shown): Widget[] {
  const rds = (metric: string): Metric => ["AWS/RDS", metric, "DBInstanceIdentifier", shown.base];
  const counted = (metric: string): Metric => [shown.namespace, metric];
  return [
    graph(shown, "CPU of the database, percent", [rds("CPUUtilization")], 6),
    graph(shown, "Connections", [rds("DatabaseConnections")], 6, "Maximum"),
    graph(shown, "Disk: seconds of a read or write", [rds("ReadLatency"), rds("WriteLatency")], 6),
    graph(
      shown,
      "Said by PostgreSQL",
      ["Deadlocks", "LockWaits", "ConstraintViolations", "SlowQueries", "FailedMigration", "Refused"].map(counted),
      6,
      "Sum",
    ),
  ];
}

/** What the collector reads. */
function collected(shown: Shown): Widget[] {
  const of = (metric: FigureName, label: string): Metric => [shown.namespace, metric, { label }];
  const role = (colour: Colour): Metric => [
    ...[shown.namespace, "ConnectionsUsed" satisfies FigureName, roleDimension, shown.roles[colour]],
    { label: colour, color: inks[colour] },
  ];
  return [
    graph(shown, "Queries of the service, ms", [of("QueryP95", "p95"), of("QueryMean", "mean")], 6, "Maximum"),
    graph(shown, "Connections of a colour, percent of its limit", colours.map(role), 6, "Maximum"),
    graph(
      shown,
      "Longest, seconds",
      [of("LongestLockWait", "wait for a lock"), of("OldestTransaction", "open transaction")],
      6,
      "Maximum",
    ),
    graph(
      shown,
      "Rolled back and dead rows, percent; deadlocks",
      [of("Rollbacks", "rolled back"), of("DeadRows", "dead rows"), of("DeadlocksBroken", "deadlocks")],
      6,
      "Maximum",
    ),
  ];
}

/** PostgreSQL logs what took longer than a second. */
const slowQueries = (shown: Shown): Widget[] => [
  {
    type: "log",
    width: wide,
    height: 6,
    properties: {
      title: "Slow queries",
      region: shown.region,
      view: "table",
      query: [
        `SOURCE '${shown.log}'`,
        "fields @timestamp, @message",
        "filter @message like /duration:/ and @message not like /plan:/",
        "parse @message 'duration: * ms' as ms",
        "sort ms desc",
        "limit 20",
      ].join(" | "),
    },
  },
];

const ofGroup = (shown: Shown, colour: Colour, metric: string, options: object = {}): Metric => [
  ...["AWS/ApplicationELB", metric, "LoadBalancer", shown.loadBalancer, "TargetGroup", shown.targetGroups[colour]],
  { label: colour, color: inks[colour], ...options },
];

const graph = (shown: Shown, title: string, metrics: readonly Metric[], width: number, stat = "Average"): Widget => ({
  type: "metric",
  width,
  height: 6,
  properties: { title, region: shown.region, view: "timeSeries", period: 60, stat, metrics },
});
