import type { Properties } from "../../protocol/values";
import type { Rows } from "../account";
import { AwsError } from "../errors";
import { number, text, textsAt, valuesAt } from "../values";
import { describeAlarmHistory, paged, recordChange } from "./alarm-history";
import type { Figures } from "./figures";

const metricAlarm = "aws:cloudwatch/metricAlarm:MetricAlarm";
const composite = "aws:cloudwatch/compositeAlarm:CompositeAlarm";

/** Alarms are never evaluated here: they are as the test, or SetAlarmState, says; OK without a word. */
const stateOf = (rows: Rows, name: string): string => text({ state: rows.option(`alarm ${name}`) }, "state") || "OK";

/** Since when it is as it is now is said by the test (`alarm <name> since`, in seconds), or by nobody. */
function describedAs(id: string, outs: Properties, rows: Rows): Properties {
  const since = rows.option(`alarm ${id} since`);
  return {
    ...{ AlarmName: id, AlarmArn: outs["arn"], StateValue: stateOf(rows, id) },
    ...{ AlarmDescription: outs["alarmDescription"], AlarmActions: outs["alarmActions"] ?? [] },
    ...(typeof since === "number" && { StateTransitionedTimestamp: since }),
  };
}

/** Figures of an instance are as the test says (`rds FreeStorageSpace <instance>`), a minute ago; without a word there are none. */
function ofDatabase(rows: Rows, query: Properties, metric: Properties, until: number): Properties {
  const [instance] = (valuesAt(metric, "Dimensions") as Properties[])
    .filter((each) => text(each, "Name") === "DBInstanceIdentifier")
    .map((each) => text(each, "Value"));
  const value = rows.option(`rds ${text(metric, "MetricName")} ${instance ?? ""}`);
  const there = typeof value === "number" ? [value] : [];
  return { Id: query["Id"], Timestamps: there.map(() => until / 1_000 - 60), Values: there, StatusCode: "Complete" };
}

/** What the program asks CloudWatch while it runs. */
export const cloudwatch = (figures: Figures): Record<string, (parameters: Properties, rows: Rows) => Properties> => ({
  DescribeAlarms: (parameters, rows) => {
    const names = textsAt(parameters, "AlarmNames");
    // Without a word on types, composite alarms are left out.
    const types = textsAt(parameters, "AlarmTypes").length > 0 ? textsAt(parameters, "AlarmTypes") : ["MetricAlarm"];
    const prefix = text(parameters, "AlarmNamePrefix");
    const those = (token: string, type: string) =>
      rows
        .all(token)
        .filter(({ id }) => types.includes(type) && (names.length === 0 || names.includes(id)) && id.startsWith(prefix))
        .map(({ id, outs }) => ({ type, alarm: describedAs(id, outs, rows) }));
    const { page, ...next } = paged(parameters, [...those(composite, "CompositeAlarm"), ...those(metricAlarm, "MetricAlarm")]); // prettier-ignore
    const of = (type: string) => page.filter((each) => each.type === type).map(({ alarm }) => alarm);
    return { MetricAlarms: of("MetricAlarm"), CompositeAlarms: of("CompositeAlarm"), ...next };
  },
  SetAlarmState: (parameters, rows) => {
    const name = text(parameters, "AlarmName");
    if (rows.get(metricAlarm, name) === undefined && rows.get(composite, name) === undefined)
      throw new AwsError("ResourceNotFound", `There is no alarm ${name}`, 404);
    const [before, after] = [stateOf(rows, name), text(parameters, "StateValue")];
    if (before !== after) recordChange(rows, name, [before, after], Date.now());
    rows.setOption(`alarm ${name}`, after);
    return {};
  },
  DescribeAlarmHistory: describeAlarmHistory,
  PutMetricData: (parameters) => {
    for (const datum of valuesAt(parameters, "MetricData") as Properties[])
      figures.put(text(parameters, "Namespace"), text(datum, "MetricName"), number(datum, "Value") ?? 0);
    return {};
  },
  GetMetricData: (parameters, rows) => {
    // JSON has times in seconds.
    const [from, until] = ["StartTime", "EndTime"].map((key) => 1_000 * (number(parameters, key) ?? 0));
    return {
      MetricDataResults: (valuesAt(parameters, "MetricDataQueries") as Properties[]).map((query) => {
        const stat = (query["MetricStat"] ?? {}) as Properties;
        const metric = (stat["Metric"] ?? {}) as Properties;
        if (text(metric, "Namespace") === "AWS/RDS") return ofDatabase(rows, query, metric, until ?? 0);
        const dimensions = Object.fromEntries(
          (valuesAt(metric, "Dimensions") as Properties[]).map((each) => [text(each, "Name"), text(each, "Value")]),
        );
        const points = figures.points({
          ...{ name: text(metric, "MetricName"), statistic: text(stat, "Stat"), dimensions },
          ...{ periodMs: 1_000 * (number(stat, "Period") ?? 60), from: from ?? 0, until: until ?? 0 },
        });
        return {
          Id: query["Id"],
          Timestamps: points.map(([at]) => at / 1_000),
          Values: points.map(([, value]) => value),
          StatusCode: "Complete",
        };
      }),
    };
  },
});
