import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { dashboardBody } from "../../infra/platform/aws/dashboards/body";
import { declarePlatform, type Registered } from "../support/aws-mocked";
import { evaluate, stateOf, type Series } from "../support/metric-maths";
import { awsRelease, domain } from "./config-support";

const base = "switchyard-watched";
const doc = readFileSync(join(__dirname, "../../docs/alarms.md"), "utf8");

interface Query {
  id: string;
  expression?: string;
  metric?: { namespace: string; metricName: string; stat: string; period: number; dimensions: Record<string, string> };
}

/** What an alarm must do: the row of the requirements, written again by hand. Series are by metric, newest last. */
interface Row {
  name: string;
  severity: string;
  /** Seconds that it looks back. */
  looks: number;
  fires: Record<string, Series>;
  /** As near as may be, and quiet. */
  quiet: Record<string, Series>;
}

const GiB = 2 ** 30;
const errors = (failed: number, broken: number | null = null, of = 1000) => ({
  HTTPCode_Target_5XX_Count: [failed],
  TargetConnectionErrorCount: [broken],
  RequestCount: [of],
});
const refused = (made: number | null, of: number | null) => ({ HTTPCode_ELB_5XX_Count: [made], RequestCount: [of] });
const single = (metric: string, fires: Series, quiet: Series) => ({
  fires: { [metric]: fires },
  quiet: { [metric]: quiet },
});
const counted = (name: string, severity: string, metric: string, fires: number, quiet: number): Row => ({
  ...{ name, severity, looks: 300 },
  ...single(metric, [fires], [quiet]),
});

const ofColour = (colour: "blue" | "green", live: boolean): Row[] => [
  { name: `${colour}-error-rate-high`, severity: "high", looks: 300, fires: errors(11), quiet: errors(10) },
  {
    name: `${colour}-error-rate-critical`,
    severity: "critical",
    looks: 300,
    fires: errors(0, 51),
    quiet: errors(25, 25),
  },
  {
    name: `${colour}-p95-high`,
    severity: "high",
    looks: 600,
    ...single("TargetResponseTime", [0.501, 0.6], [0.6, 0.5]),
  },
  {
    name: `${colour}-p95-critical`,
    severity: "critical",
    looks: 600,
    ...single("TargetResponseTime", [1.001, 2], [2, 1]),
  },
  { name: `${colour}-cpu-high`, severity: "high", looks: 300, ...single("CPUUtilization", [71], [70]) },
  { name: `${colour}-cpu-critical`, severity: "critical", looks: 300, ...single("CPUUtilization", [81], [80]) },
  { name: `${colour}-memory-high`, severity: "high", looks: 120, ...single("MemoryUtilization", [81, 81], [81, 80]) },
  {
    name: `${colour}-memory-critical`,
    severity: "critical",
    looks: 120,
    ...single("MemoryUtilization", [91, 91], [90, 91]),
  },
  {
    ...{ name: `${colour}-healthy`, severity: live ? "critical" : "medium", looks: 180 },
    ...single("HealthyHostCount", [0, null, 0], [0, 1, 0]),
  },
  counted(`${colour}-pool-exhausted`, "high", `PoolExhausted-${colour}`, 1, 0),
];

const table: Row[] = [
  ...ofColour("blue", true),
  ...ofColour("green", false),
  { name: "balancer-errors-high", severity: "high", looks: 300, fires: refused(100, null), quiet: refused(10, 990) },
  {
    name: "balancer-errors-critical",
    severity: "critical",
    looks: 300,
    fires: refused(60, 940),
    quiet: refused(99, null),
  },
  counted("balancer-rejected", "high", "RejectedConnectionCount", 1, 0),
  {
    ...{ name: "walk-lost", severity: "critical", looks: 180 },
    // The newest two of three minutes are without a beat; a walk that has ended says so by a last 0.
    fires: { "WalkHeartbeat Minimum": [1, null, null], "WalkHeartbeat SampleCount": [6, null, null] },
    quiet: { "WalkHeartbeat Minimum": [0, null, null], "WalkHeartbeat SampleCount": [6, null, null] },
  },
  { name: "database-cpu-high", severity: "high", looks: 300, ...single("CPUUtilization", [71], [70]) },
  { name: "database-cpu-critical", severity: "critical", looks: 300, ...single("CPUUtilization", [81], [80]) },
  // A db.t4g.medium has 4 GiB.
  {
    ...{ name: "database-memory-high", severity: "high", looks: 120 },
    ...single("FreeableMemory", [0.79 * GiB, 0.79 * GiB], [0.79 * GiB, 0.81 * GiB]),
  },
  {
    ...{ name: "database-memory-critical", severity: "critical", looks: 120 },
    ...single("FreeableMemory", [0.39 * GiB, 0.39 * GiB], [0.41 * GiB, 0.39 * GiB]),
  },
  {
    ...{ name: "database-storage", severity: "critical", looks: 300 },
    ...single("FreeStorageSpace", [9.9 * GiB, null, null, null, null], [9.9 * GiB, null, null, null, 10.1 * GiB]),
  },
  { name: "database-connections", severity: "high", looks: 300, ...single("DatabaseConnections", [201], [200]) },
  {
    ...{ name: "database-disk", severity: "high", looks: 300 },
    fires: { ReadLatency: [0.001], WriteLatency: [0.021] },
    quiet: { ReadLatency: [0.02], WriteLatency: [0.02] },
  },
  {
    ...{ name: "proxy-pinned", severity: "medium", looks: 900 },
    ...single("DatabaseConnectionsCurrentlySessionPinned", [1, 2, 1], [1, 0, 1]),
  },
  counted("migration-failed", "critical", "FailedMigration", 1, 0),
  counted("database-exhausted", "critical", "NoConnectionLeft", 1, 0),
  counted("audit", "high", "Refused", 6, 5),
  counted("deadlocks", "high", "Deadlocks", 1, 0),
  counted("lock-waits", "medium", "LockWaits", 11, 10),
  counted("constraint-violations", "medium", "ConstraintViolations", 11, 10),
  counted("slow-queries", "low", "SlowQueries", 1, 0),
  {
    ...{ name: "query-p95", severity: "high", looks: 300 },
    ...single("QueryP95", [101, 101, 101, 101, 101], [101, 101, 100, 101, null]),
  },
  { name: "lock-blocked", severity: "high", looks: 120, ...single("LongestLockWait", [61, 61], [61, 60]) },
  ...["blue", "green"].map((colour) => ({
    ...{ name: `connections-${colour}`, severity: "high", looks: 300 },
    ...single("ConnectionsUsed", [81, 81, 81, 81, 81], [81, 81, 81, 81, 80]),
  })),
  {
    name: "old-transaction",
    severity: "medium",
    looks: 120,
    ...single("OldestTransaction", [3601, 3661], [3540, 3600]),
  },
  {
    ...{ name: "slot-behind", severity: "high", looks: 300 },
    ...single("RetainedWal", Array<number>(5).fill(5.1 * GiB), [6 * GiB, 6 * GiB, 6 * GiB, 6 * GiB, 5 * GiB]),
  },
  {
    ...{ name: "wraparound", severity: "high", looks: 300 },
    ...single("TransactionAge", Array<number>(5).fill(1.1e9), [1e9, 1e9, 1e9, 1e9, 1e9]),
  },
  { name: "dead-rows", severity: "low", looks: 3600, ...single("DeadRows", [41], [40]) },
  { name: "stale-views", severity: "medium", looks: 300, ...single("StaleViews", [1, 1, 2, 1, 1], [1, 1, 0, 1, 1]) },
  {
    ...{ name: "collector-silent", severity: "high", looks: 300 },
    ...single("Collected", [null, null, null, null, null], [null, null, 1, null, null]),
  },
  {
    ...{ name: "digest-failed", severity: "medium", looks: 300 },
    fires: { Errors: [1], AsyncEventsDropped: [null] },
    quiet: { Errors: [0], AsyncEventsDropped: [null] },
  },
];

describe("alarms on AWS", function () {
  this.timeout(180_000);
  let resources: readonly Registered[];
  const ofType = (type: string) => resources.filter((each) => each.type === `aws:cloudwatch/${type}`);
  const alarms = () => ofType("metricAlarm:MetricAlarm");
  const alarm = (name: string): Record<string, unknown> => {
    const found = alarms().find(({ inputs }) => inputs.name === `${base}-${name}`);
    assert.ok(found, `there is no alarm ${base}-${name}`);
    return found.inputs;
  };

  before(async () => {
    const release = { ...awsRelease, count: 2 };
    const notify = { low: { email: ["team@example.com"] } };
    const config = { platform: "aws", domain, blue: release, green: release, rds: { proxy: true }, notify };
    ({ resources } = await declarePlatform("watched", config));
  });

  /** The state that an alarm comes to by these series. */
  function state(inputs: Record<string, unknown>, series: Record<string, Series>): string {
    const given = (metric: string, stat: string): Series => {
      const found = series[`${metric} ${stat}`] ?? series[metric];
      assert.ok(found, `the alarm looks at ${metric} (${stat}), and the test doesn't`);
      return found;
    };
    const queries = inputs.metricQueries as Query[] | undefined;
    const judged = queries?.find(({ expression }) => expression !== undefined)?.expression;
    const values =
      queries === undefined || judged === undefined
        ? given(inputs.metricName as string, "")
        : evaluate(
            judged,
            Object.fromEntries(
              queries.flatMap(({ id, metric }) => (metric ? [[id, given(metric.metricName, metric.stat)]] : [])),
            ),
          );
    const threshold = inputs.threshold as number;
    const beyond = {
      GreaterThanThreshold: (value: number) => value > threshold,
      LessThanThreshold: (value: number) => value < threshold,
    }[inputs.comparisonOperator as string];
    assert.ok(beyond, String(inputs.comparisonOperator));
    return stateOf(values, beyond, {
      periods: inputs.evaluationPeriods as number,
      needed: inputs.datapointsToAlarm as number,
      missing: inputs.treatMissingData as string,
    });
  }

  const looksBack = (inputs: Record<string, unknown>): number => {
    const queries = (inputs.metricQueries as Query[] | undefined)?.flatMap(({ metric }) => metric?.period ?? []);
    const period = (inputs.period as number | undefined) ?? queries?.[0] ?? 0;
    assert.ok(queries === undefined || queries.every((each) => each === period));
    return period * (inputs.evaluationPeriods as number);
  };

  for (const { name, severity, looks, fires, quiet } of table)
    it(`${name} fires at its figure, is ${severity}, and looks ${looks} s back`, () => {
      const inputs = alarm(name);
      assert.equal(state(inputs, fires), "ALARM");
      assert.equal(state(inputs, quiet), "OK");
      assert.equal(looksBack(inputs), looks);
      assert.match(JSON.stringify(inputs.alarmActions), new RegExp(`:topic:Topic/${severity}"`));
    });

  it("look at their own colour each", () => {
    for (const { inputs } of alarms()) {
      const [colour] = /blue|green/.exec(inputs.name as string) ?? [];
      if (colour === undefined || (inputs.name as string).endsWith("pool-exhausted")) continue;
      const looked = (inputs.metricQueries as Query[] | undefined)?.flatMap(({ metric }) => metric ?? []) ?? [inputs];
      for (const { dimensions } of looked) {
        const of = JSON.stringify(dimensions);
        assert.ok(new RegExp(`[/_-]${colour}"`).test(of) && !of.includes(colour === "blue" ? "green" : "blue"), of);
      }
    }
  });

  it("are these and the one of what is usual, and no others", () => {
    const names = alarms().map(({ inputs }) => (inputs.name as string).slice(base.length + 1));
    assert.deepEqual(names.sort(), [...table.map(({ name }) => name), "request-rate"].sort());
  });

  it("learn what rate of requests is usual, and fire on either side of it", () => {
    const { comparisonOperator, thresholdMetricId, metricQueries, threshold } = alarm("request-rate");
    assert.equal(comparisonOperator, "LessThanLowerOrGreaterThanUpperThreshold");
    assert.equal(threshold, undefined);
    const band = (metricQueries as Query[]).find(({ id }) => id === thresholdMetricId);
    assert.equal(band?.expression, "ANOMALY_DETECTION_BAND(figure, 3)");
    assert.equal((metricQueries as Query[]).find(({ id }) => id === "figure")?.metric?.metricName, "RequestCount");
  });

  it("say nothing of an error rate of fewer than 100 requests, nor of p95 where there are too few for one", () => {
    assert.equal(state(alarm("blue-error-rate-critical"), errors(99, null, 99)), "OK");
    assert.equal(state(alarm("blue-error-rate-critical"), errors(99, null, 100)), "ALARM");
    assert.equal(alarm("blue-p95-critical").evaluateLowSampleCountPercentiles, "ignore");
    assert.equal(alarm("blue-p95-critical").extendedStatistic, "p95");
  });

  it("are silent without traffic, and not about copies or a database that report nothing", () => {
    const none = { HTTPCode_Target_5XX_Count: [null], TargetConnectionErrorCount: [null], RequestCount: [null] };
    assert.equal(state(alarm("blue-error-rate-critical"), none), "OK");
    assert.equal(state(alarm("blue-healthy"), { HealthyHostCount: [null, null, null] }), "ALARM");
    assert.equal(state(alarm("database-storage"), { FreeStorageSpace: [null, null, null, null, null] }), "ALARM");
  });

  it("hold on to a walk that was left behind once its last beat is long ago, and begin none of themselves", () => {
    const silence = { "WalkHeartbeat Minimum": [null, null, null], "WalkHeartbeat SampleCount": [null, null, null] };
    assert.equal(state(alarm("walk-lost"), silence), "unchanged");
    const walks = { "WalkHeartbeat Minimum": [null, 1, 1], "WalkHeartbeat SampleCount": [null, 3, 6] };
    assert.equal(state(alarm("walk-lost"), walks), "OK");
  });

  /** Minute by minute, as CloudWatch looks: the newest three, and the state of before where they say nothing. */
  const through = (minutes: { last: number | null; beats: number | null }[]): string =>
    minutes
      .map((_, at) => {
        const seen = minutes.slice(Math.max(at - 2, 0), at + 1);
        const newest = [...Array<undefined>(3 - seen.length).fill(undefined), ...seen];
        return state(alarm("walk-lost"), {
          "WalkHeartbeat Minimum": newest.map((each) => each?.last ?? null),
          "WalkHeartbeat SampleCount": newest.map((each) => each?.beats ?? null),
        });
      })
      .reduce((before, now) => {
        const next = now === "unchanged" ? (before.at(-1) ?? "none") : now;
        return next === before.at(-1) ? before : [...before, next];
      }, Array<string>())
      .join(" ");
  const goesOn = { last: 1, beats: 6 };
  const ends = { last: 0, beats: 3 };
  const nothing = { last: null, beats: null };

  it("fire for a walk that stops beating, two minutes after its last beat, and are over with the next walk", () => {
    assert.equal(through([goesOn, goesOn, goesOn, nothing]), "OK");
    assert.equal(through([goesOn, goesOn, nothing, nothing]), "OK ALARM");
    assert.equal(through([goesOn, goesOn, ...Array<typeof nothing>(9).fill(nothing)]), "OK ALARM");
    assert.equal(through([goesOn, ...Array<typeof nothing>(9).fill(nothing), goesOn, goesOn, ends, nothing, nothing, nothing]), "OK ALARM OK"); // prettier-ignore
  });

  it("are quiet about a walk that ended, however long nobody walks, and about one beat that CloudWatch has late", () => {
    assert.equal(through([nothing, goesOn, goesOn, ends, ...Array<typeof nothing>(9).fill(nothing)]), "none OK");
    assert.equal(through([goesOn, nothing, goesOn, nothing, goesOn, ends, nothing]), "OK");
    assert.equal(through([nothing, nothing, nothing]), "none");
  });

  it("are gathered into one a colour, as a walk reads it: what is about that colour, and critical", () => {
    for (const colour of ["blue", "green"]) {
      const found = ofType("compositeAlarm:CompositeAlarm").find(
        ({ inputs }) => inputs.alarmName === `${base}-${colour}`,
      );
      const parts = ["error-rate-critical", "p95-critical", "memory-critical", "healthy"];
      assert.equal(found?.inputs.alarmRule, parts.map((part) => `ALARM("${base}-${colour}-${part}")`).join(" OR "));
    }
  });

  it("are there for a colour without a release too, but for what asks of its copies", async () => {
    const { resources: lone } = await declarePlatform("lone", { platform: "aws", domain, blue: awsRelease });
    const names = lone.flatMap(({ inputs }) => [inputs.name, inputs.alarmName] as unknown[]).map(String);
    assert.ok(names.includes("switchyard-lone-green") && names.includes("switchyard-lone-green-p95-critical"));
    assert.ok(!names.includes("switchyard-lone-green-healthy"));
  });

  it("are on figures that a function reads by itself: a look ends before the next one, and takes nothing of the account's for good", () => {
    const looks = resources.find(({ type, name }) => type === "aws:lambda/function:Function" && name === "collector");
    const schedule = resources.find(
      ({ type, name }) => type === "aws:scheduler/schedule:Schedule" && name === "collector",
    );
    assert.ok(looks !== undefined && (looks.inputs.timeout as number) < 60);
    assert.equal(schedule?.inputs.scheduleExpression, "rate(1 minute)");
    assert.equal(looks.inputs.reservedConcurrentExecutions, undefined);
  });

  it("have a heading in docs/alarms.md each, and a row in its table", () => {
    const anchors = new Set(
      [...doc.matchAll(/^## (.*)$/gm)].map(([, title = ""]) => title.toLowerCase().replaceAll(" ", "-")),
    );
    const links = [...alarms(), ...ofType("compositeAlarm:CompositeAlarm")].map(
      ({ inputs }) => /docs\/alarms\.md#([a-z0-9-]+)/.exec(String(inputs.alarmDescription))?.[1] ?? "",
    );
    for (const link of links) assert.ok(anchors.has(link), `docs/alarms.md lacks a section #${link}`);
    for (const { name } of table) {
      const row = name.replace(/^(blue|green)-/, "<colour>-").replace(/-critical$/, "-high");
      assert.ok(doc.includes(`\`${row}\``), `docs/alarms.md lacks a row of ${row}`);
    }
  });
});

describe("who is told", () => {
  it("gets a subscription a severity; what is secret stays so, and is in no name", async function () {
    this.timeout(180_000);
    const url = "https://events.pagerduty.com/integration/0123456789abcdef/enqueue";
    const slack = "T0123ABCD/C0123ABCD";
    const notify = { critical: { https: [url], sms: ["+441632960123"], slack: [slack] }, high: { slack: [slack] }, medium: { email: ["team@example.com"] } }; // prettier-ignore
    const { resources } = await declarePlatform("told", { platform: "aws", domain, blue: awsRelease, notify });
    const of = (type: string) => resources.filter((each) => each.type === `aws:${type}`);
    const subscribed = of("sns/topicSubscription:TopicSubscription");
    assert.deepEqual(
      subscribed
        .map(({ inputs }) => `${String(inputs.topic).split("/").at(-1) ?? ""} ${String(inputs.protocol)}`)
        .sort(),
      ["critical https", "critical sms", "medium email"],
    );
    assert.ok(subscribed.every(({ name }) => !name.includes("0123456789abcdef")));
    const [channel, ...others] = of("chatbot/slackChannelConfiguration:SlackChannelConfiguration");
    assert.equal(others.length, 0);
    assert.deepEqual(
      (channel?.inputs.snsTopicArns as string[]).map((arn) => arn.split("/").at(-1)),
      ["critical", "high"],
    );
    assert.match(JSON.stringify(channel?.inputs.guardrailPolicyArns), /AWSDenyAll/);
    assert.equal(of("sns/topic:Topic").length, 4);
  });
});

describe("who reads the digest", function () {
  this.timeout(180_000);
  const told = async (stack: string, notify: object) => {
    const { resources } = await declarePlatform(stack, { platform: "aws", domain, blue: awsRelease, notify });
    return (type: string) => resources.filter((each) => each.type === `aws:${type}`);
  };

  it("subscribes to it in place of each alarm, which goes on telling the topic of low", async () => {
    const of = await told("digested", { low: { email: ["team@example.com"], sms: ["+441632960123"], slack: ["T0123ABCD/C0123ABCD"] } }); // prettier-ignore
    const subscribed = of("sns/topicSubscription:TopicSubscription").map(({ inputs }) => inputs.topic as string);
    assert.equal(subscribed.length, 2);
    const [channel] = of("chatbot/slackChannelConfiguration:SlackChannelConfiguration");
    for (const topic of [...subscribed, ...(channel?.inputs.snsTopicArns as string[])])
      assert.match(topic, /Topic\/digest$/);
    assert.equal(of("sns/topic:Topic").length, 5);
    const slow = of("cloudwatch/metricAlarm:MetricAlarm").find(({ name }) => name === "slow-queries");
    assert.match(JSON.stringify(slow?.inputs.alarmActions), /Topic\/low"\]$/);
  });

  it("is nobody where config names nobody for low: then there is no digest, and no alarm on one", async () => {
    const of = await told("undigested", { medium: { email: ["team@example.com"] }, low: { digest: "09:30" } });
    for (const type of [
      "sns/topic:Topic",
      "lambda/function:Function",
      "scheduler/schedule:Schedule",
      "cloudwatch/metricAlarm:MetricAlarm",
    ])
      // prettier-ignore
      assert.ok(!of(type).some(({ name }) => name.startsWith("digest")), type);
  });
});

describe("the dashboard", () => {
  it("has the rollout on top, then volume, errors, the database and its slow queries, none over another", () => {
    const each = <T>(blue: T, green: T) => ({ blue, green });
    const body = dashboardBody({
      ...{ base, region: "eu-west-1", loadBalancer: "app/x/1", log: "/aws/rds/x", namespace: "Switchyard/x" },
      ...{
        targetGroups: each("targetgroup/b/1", "targetgroup/g/1"),
        services: each("b", "g"),
        alarms: each("b", "g"),
        roles: each("b", "g"),
      },
      ...{ weights: each(75, 25), versions: each("1.0.0", undefined) },
    });
    interface Widget {
      type: string;
      x: number;
      y: number;
      width: number;
      height: number;
      properties: { markdown?: string; title?: string };
    }
    const { widgets } = JSON.parse(body) as { widgets: Widget[] };
    assert.match(widgets[0]?.properties.markdown ?? "", /blue \| 1\.0\.0 \| 75 %[^]*green \| none \| 25 %/);
    assert.equal(widgets.at(-1)?.properties.title, "Slow queries");
    const cells = widgets.flatMap(({ x, y, width, height }) => {
      assert.ok(x + width <= 24);
      return Array.from({ length: width * height }, (_, i) => `${x + (i % width)}:${y + Math.floor(i / width)}`);
    });
    assert.equal(new Set(cells).size, cells.length);
    assert.ok(body.length < 50_000);
  });
});
