import { allowed, given, statements, text, type Rule } from "./aws-policy.rules";

/** The baseline's rules about alarms, events and messages. */
export const alarmRules: readonly Rule[] = [
  {
    ids: ["RDS.20", "RDS.21", "RDS.22"],
    type: "rds/instance:Instance",
    says: "tells of its events, its parameters' and its groups'",
    holds: (_, { resources }) =>
      Object.entries({
        "db-instance": ["maintenance", "configuration change", "failure"],
        "db-parameter-group": ["configuration change"],
        "db-security-group": ["configuration change", "failure"],
      }).every(([source, categories]) =>
        resources.some(
          ({ type, inputs }) =>
            type === "aws:rds/eventSubscription:EventSubscription" &&
            inputs.sourceType === source &&
            inputs.enabled !== false &&
            categories.every((category) => (inputs.eventCategories as string[]).includes(category)),
        ),
      ),
  },
  {
    ids: ["CKV_AWS_26"],
    type: "sns/topic:Topic",
    says: "is encrypted with a key of the stack",
    holds: given("kmsMasterKeyId"),
  },
  {
    ids: ["CKV_AWS_169", "CKV_AWS_385"],
    type: "sns/topicPolicy:TopicPolicy",
    says: "lets this account's alarms and events publish, over TLS, and nobody else",
    holds: (r) =>
      allowed(r).every(
        (each) => !text(each.Principal).includes('"*"') && text(each.Condition).includes("SourceAccount"),
      ) &&
      statements(r.inputs.policy).some(
        (each) => each.Effect === "Deny" && text(each.Condition).includes('"aws:SecureTransport":"false"'),
      ),
  },
  {
    ids: ["CloudWatch.15"],
    type: "cloudwatch/metricAlarm:MetricAlarm",
    says: "tells somebody, links what to do, and says what missing figures mean",
    holds: (r) =>
      text(r.inputs.alarmActions).includes(":topic:") &&
      r.inputs.actionsEnabled !== false &&
      /docs\/alarms\.md#[a-z-]+/.test(r.inputs.alarmDescription as string) &&
      given("treatMissingData")(r),
  },
];
