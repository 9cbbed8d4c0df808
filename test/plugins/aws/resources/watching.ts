import type { Definition } from "../definition";
import { arn } from "../identifiers";
import { between, oneOf } from "../limits";
import { text } from "../values";

/** Retentions that CloudWatch Logs takes, in days; 0 is for ever. */
const retentions = [
  0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

export const watching: Record<string, Definition> = {
  "aws:cloudwatch/logGroup:LogGroup": {
    service: "CloudWatch Logs",
    operations: ["CreateLogGroup", "PutRetentionPolicy", "DeleteLogGroup"],
    autoName: { property: "name", maximum: 512 },
    id: "name",
    check: (inputs) => oneOf(inputs, "retentionInDays", retentions),
    make: ({ inputs, here }) => ({
      arn: arn(here, "logs", `log-group:${text(inputs, "name")}`),
      logGroupClass: "STANDARD",
    }),
  },
  "aws:cloudwatch/logMetricFilter:LogMetricFilter": {
    service: "CloudWatch Logs",
    operations: ["PutMetricFilter", "PutMetricFilter", "DeleteMetricFilter"],
    autoName: { property: "name", maximum: 512 },
    id: "name",
    make: () => ({}),
  },
  "aws:cloudwatch/logSubscriptionFilter:LogSubscriptionFilter": {
    service: "CloudWatch Logs",
    operations: ["PutSubscriptionFilter", "PutSubscriptionFilter", "DeleteSubscriptionFilter"],
    autoName: { property: "name", maximum: 512 },
    id: "name",
    make: () => ({ roleArn: "" }),
  },
  "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": {
    service: "CloudWatch Logs",
    operations: ["PutResourcePolicy", "PutResourcePolicy", "DeleteResourcePolicy"],
    id: "policyName",
    make: () => ({ policyScope: "ACCOUNT", revisionId: "" }),
  },
  "aws:cloudwatch/queryDefinition:QueryDefinition": {
    service: "CloudWatch Logs",
    operations: ["PutQueryDefinition", "PutQueryDefinition", "DeleteQueryDefinition"],
    autoName: { property: "name", maximum: 255 },
    id: "queryDefinitionId",
    make: ({ here, rows }) => {
      const queryDefinitionId = `00000000-0000-4000-8000-${String(rows.next("query")).padStart(12, "0")}`;
      return { queryDefinitionId, arn: arn(here, "logs", `query-definition:${queryDefinitionId}`) };
    },
  },
  "aws:cloudwatch/metricAlarm:MetricAlarm": {
    service: "CloudWatch",
    operations: ["PutMetricAlarm", "PutMetricAlarm", "DeleteAlarms"],
    autoName: { property: "name", maximum: 255 },
    id: "name",
    check: (inputs) => [
      ...oneOf(inputs, "treatMissingData", ["breaching", "notBreaching", "ignore", "missing"]),
      ...between(inputs, "evaluationPeriods", 1, 10_080),
      ...oneOf(inputs, "comparisonOperator", [
        "GreaterThanOrEqualToThreshold",
        "GreaterThanThreshold",
        "LessThanThreshold",
        "LessThanOrEqualToThreshold",
        "LessThanLowerOrGreaterThanUpperThreshold",
        "LessThanLowerThreshold",
        "GreaterThanUpperThreshold",
      ]),
    ],
    make: ({ inputs, here }) => ({
      arn: arn(here, "cloudwatch", `alarm:${text(inputs, "name")}`),
      evaluateLowSampleCountPercentiles: "",
    }),
  },
  "aws:cloudwatch/compositeAlarm:CompositeAlarm": {
    service: "CloudWatch",
    operations: ["PutCompositeAlarm", "PutCompositeAlarm", "DeleteAlarms"],
    id: "alarmName",
    make: ({ inputs, here }) => ({ arn: arn(here, "cloudwatch", `alarm:${text(inputs, "alarmName")}`) }),
  },
  "aws:cloudwatch/dashboard:Dashboard": {
    service: "CloudWatch",
    operations: ["PutDashboard", "PutDashboard", "DeleteDashboards"],
    id: "dashboardName",
    make: ({ inputs }) => ({
      dashboardArn: arn({ region: "" }, "cloudwatch", `dashboard/${text(inputs, "dashboardName")}`),
    }),
  },
  "aws:cloudwatch/eventRule:EventRule": {
    service: "EventBridge",
    operations: ["PutRule", "PutRule", "DeleteRule"],
    autoName: { property: "name", maximum: 64 },
    id: "name",
    make: ({ inputs, here }) => ({ arn: arn(here, "events", `rule/${text(inputs, "name")}`) }),
  },
  "aws:cloudwatch/eventTarget:EventTarget": {
    service: "EventBridge",
    operations: ["PutTargets", "PutTargets", "RemoveTargets"],
    autoName: { property: "targetId", maximum: 64 },
    id: (outs) => `${text(outs, "rule")}-${text(outs, "targetId")}`,
    make: () => ({}),
  },
  "aws:scheduler/scheduleGroup:ScheduleGroup": {
    service: "Scheduler",
    operations: ["CreateScheduleGroup", "TagResource", "DeleteScheduleGroup"],
    autoName: { property: "name", maximum: 64 },
    id: "name",
    make: ({ inputs, here }) => ({
      arn: arn(here, "scheduler", `schedule-group/${text(inputs, "name")}`),
      creationDate: new Date().toISOString(),
      lastModificationDate: new Date().toISOString(),
      state: "ACTIVE",
    }),
  },
  "aws:scheduler/schedule:Schedule": {
    service: "Scheduler",
    operations: ["CreateSchedule", "UpdateSchedule", "DeleteSchedule"],
    autoName: { property: "name", maximum: 64 },
    id: (outs) => `${text(outs, "groupName")}/${text(outs, "name")}`,
    make: ({ inputs, here }) => {
      const groupName = text(inputs, "groupName") || "default";
      return { groupName, arn: arn(here, "scheduler", `schedule/${groupName}/${text(inputs, "name")}`) };
    },
  },
};
