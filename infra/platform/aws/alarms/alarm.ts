import { MetricAlarm, type MetricAlarmArgs } from "@pulumi/aws/cloudwatch/metricAlarm";
import type * as pulumi from "@pulumi/pulumi";
import type { Severity } from "../../../config";
import type { AlarmSpec, Figure } from "./spec";

/** What every alarm of a stack has in common. */
export interface AlarmsOf {
  /** How names begin. */
  readonly base: string;
  /** ARN of each severity's topic. */
  readonly topics: Readonly<Record<Severity, pulumi.Input<string>>>;
}

/** The one place where an alarm is made: none is without severity, runbook, an action, and a word on missing figures. */
export function metricAlarm(
  spec: AlarmSpec,
  { base, topics }: AlarmsOf,
  options: pulumi.CustomResourceOptions,
): MetricAlarm {
  const told = [topics[spec.severity]];
  return new MetricAlarm(
    spec.name,
    {
      name: alarmName(base, spec),
      alarmDescription: described(spec),
      ...watched(spec),
      evaluationPeriods: spec.periods,
      datapointsToAlarm: spec.beyond ?? spec.periods,
      treatMissingData: spec.missing.treat,
      // Who was woken is told when it is over.
      ...{ alarmActions: told, okActions: told },
      tags: { Severity: spec.severity },
    },
    options,
  );
}

export const alarmName = (base: string, { name }: Pick<AlarmSpec, "name">): string => `${base}-${name}`;

const described = ({ says, severity, runbook, missing }: AlarmSpec): string =>
  `${says} (${severity}). What to do: docs/alarms.md#${runbook}. Missing figures: ${missing.because}.`;

function watched({ watches, fires, period }: AlarmSpec): MetricAlarmArgs {
  const metric = (figure: Figure) => ({
    ...{ namespace: figure.namespace, metricName: figure.metric, period },
    dimensions: { ...figure.dimensions },
  });
  const query = (id: string, figure: Figure, returnData: boolean) => ({
    ...{ id, returnData },
    metric: { ...metric(figure), stat: figure.statistic },
  });
  if ("outside" in fires) {
    if ("expression" in watches) throw new Error("what is usual is learned of one figure alone");
    return {
      comparisonOperator: "LessThanLowerOrGreaterThanUpperThreshold",
      thresholdMetricId: "usual",
      metricQueries: [
        query("figure", watches, true),
        {
          id: "usual",
          expression: `ANOMALY_DETECTION_BAND(figure, ${fires.outside})`,
          label: "Usual",
          returnData: true,
        },
      ],
    };
  }
  const limit =
    "above" in fires
      ? { comparisonOperator: "GreaterThanThreshold", threshold: fires.above }
      : { comparisonOperator: "LessThanThreshold", threshold: fires.below };
  if ("expression" in watches)
    return {
      ...limit,
      metricQueries: [
        { id: "judged", expression: watches.expression, label: "Judged", returnData: true },
        ...Object.entries(watches.figures).map(([id, figure]) => query(id, figure, false)),
      ],
    };
  if (watches.statistic !== "p95") return { ...limit, ...metric(watches), statistic: watches.statistic };
  // Of a handful of requests p95 is the slowest one, and says nothing.
  return { ...limit, ...metric(watches), extendedStatistic: "p95", evaluateLowSampleCountPercentiles: "ignore" };
}
