import type { Properties } from "../../protocol/values";
import { parsed, type Refusal } from "../refusals";
import { deletedSecret } from "../resources/secrets";
import { objectToken } from "../resources/storage";
import { text, textsAt } from "../values";

const writes = ["create", "update"] as const;

/** A policy has to be JSON with statements; of an assume-role policy, a principal in each. */
const policyRefusal = (token: string, key: string, code: string, says: string): Refusal => ({
  token,
  on: writes,
  code,
  when: `${key} is no policy`,
  says: ({ outs }) => {
    if (outs[key] === undefined || outs[key] === "") return undefined;
    const policy = parsed(outs, key) as Properties | undefined;
    const statements = [policy?.["Statement"]].flat().filter((each) => typeof each === "object" && each !== null);
    return statements.length > 0 && textsAt(statements, "Effect").length === statements.length ? undefined : says;
  },
});

const functionToken = "aws:lambda/function:Function";

/** What a new account may run at once of Lambda, and what of it AWS keeps for functions that reserve nothing. */
const concurrency = { limit: 10, unreserved: 10 } as const;

const alarmToken = "aws:cloudwatch/metricAlarm:MetricAlarm";
const compositeToken = "aws:cloudwatch/compositeAlarm:CompositeAlarm";

/** The alarms that a composite alarm's rule names. */
export const alarmsIn = (rule: string): string[] =>
  [...rule.matchAll(/(?:ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*"?([^")]+?)"?\s*\)/g)].map(
    ([, name = ""]) => name.split(":alarm:").at(-1) ?? name,
  );

const usedByComposite = (token: string): Refusal => ({
  token,
  on: ["delete"],
  code: "ValidationError",
  when: "an alarm goes that a composite alarm depends on",
  says: ({ rows, id }) => {
    const composite = rows
      .all(compositeToken)
      .find((row) => row.id !== id && alarmsIn(text(row.outs, "alarmRule")).includes(id ?? ""));
    return composite && `Cannot delete ${id ?? ""} as there are composite alarm(s) depending on it.`;
  },
});

export const otherRefusals: readonly Refusal[] = [
  {
    token: "aws:s3/bucket:Bucket",
    on: ["delete"],
    code: "BucketNotEmpty",
    when: "a bucket that isn't empty is deleted",
    says: ({ outs, rows, id }) =>
      outs["forceDestroy"] !== true && rows.all(objectToken).some((row) => row.outs["bucket"] === id)
        ? "The bucket you tried to delete is not empty. You must delete all versions in the bucket."
        : undefined,
  },
  {
    token: "aws:secretsmanager/secret:Secret",
    on: ["create"],
    code: "InvalidRequestException",
    when: "a secret has the name of one that is scheduled for deletion",
    says: ({ outs, rows }) =>
      rows.get(deletedSecret, text(outs, "name")) === undefined
        ? undefined
        : "You can't create this secret because a secret with this name is already scheduled for deletion.",
  },
  policyRefusal(
    "aws:iam/role:Role",
    "assumeRolePolicy",
    "MalformedPolicyDocument",
    "This policy contains invalid Json",
  ),
  policyRefusal("aws:iam/policy:Policy", "policy", "MalformedPolicyDocument", "Syntax errors in policy."),
  policyRefusal("aws:iam/rolePolicy:RolePolicy", "policy", "MalformedPolicyDocument", "Syntax errors in policy."),
  policyRefusal("aws:s3/bucketPolicy:BucketPolicy", "policy", "MalformedPolicy", "Policies must be valid JSON"),
  policyRefusal("aws:kms/key:Key", "policy", "MalformedPolicyDocumentException", "Policy is not valid"),
  policyRefusal("aws:sns/topicPolicy:TopicPolicy", "policy", "InvalidParameter", "Policy Error"),
  {
    token: "aws:iam/policy:Policy",
    on: writes,
    code: "LimitExceeded",
    when: "a policy is longer than 6,144 characters",
    says: ({ outs }) =>
      text(outs, "policy").replace(/\s/g, "").length > 6_144 ? "Cannot exceed quota for PolicySize: 6144" : undefined,
  },
  {
    token: functionToken,
    on: writes,
    code: "InvalidParameterValueException",
    when: "a function reserves concurrency that the account has to leave to all",
    says: ({ outs }) => {
      const reserved = Number(outs["reservedConcurrentExecutions"] ?? -1);
      return reserved > concurrency.limit - concurrency.unreserved
        ? `Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [${concurrency.unreserved}].`
        : undefined;
    },
  },
  {
    token: "aws:cloudwatch/dashboard:Dashboard",
    on: writes,
    code: "InvalidParameterInput",
    when: "a dashboard's body is no list of widgets",
    says: ({ outs }) =>
      Array.isArray((parsed(outs, "dashboardBody") as Properties | undefined)?.["widgets"])
        ? undefined
        : "The field DashboardBody must be a valid JSON object",
  },
  {
    token: compositeToken,
    on: writes,
    code: "ValidationError",
    when: "a composite alarm's rule names an alarm that isn't there",
    says: ({ outs, rows }) => {
      const missing = alarmsIn(text(outs, "alarmRule")).find(
        (name) => rows.get(alarmToken, name) === undefined && rows.get(compositeToken, name) === undefined,
      );
      return missing && `Could not save the composite alarm as alarm rule contains the unknown alarm ${missing}.`;
    },
  },
  {
    token: alarmToken,
    on: writes,
    code: "ValidationError",
    when: "an alarm has neither a metric nor queries, or both, or queries of which not exactly one counts",
    says: ({ outs }) => {
      const queries = (outs["metricQueries"] ?? []) as Properties[];
      const metric = text(outs, "metricName") !== "";
      if (metric === queries.length > 0) return "Exactly one of MetricName and Metrics must be specified";
      if (metric && text(outs, "statistic") === "" && text(outs, "extendedStatistic") === "")
        return "One of Statistic and ExtendedStatistic must be specified";
      return queries.length > 0 &&
        queries.filter((query) => query["returnData"] === true).length !== 1 &&
        text(outs, "thresholdMetricId") === ""
        ? "Exactly one element of the metrics list should return data"
        : undefined;
    },
  },
  usedByComposite(alarmToken),
  usedByComposite(compositeToken),
];
