import { relative } from "node:path";
import * as iam from "@pulumi/aws/iam";
import * as lambda from "@pulumi/aws/lambda";
import * as pulumi from "@pulumi/pulumi";
import type { Severity, TimeOfDay } from "../../config";
import type { DigestEnvironment } from "../../digest/function";
import { functionRuntime, writeFunction } from "../../lambda/bundle";
import { inProject } from "../../providers/project";
import type { Account } from "./account";
import { metricAlarm } from "./alarms/alarm";
import { missing, type AlarmSpec, type Figure } from "./alarms/spec";
import { logGroup, type Logs } from "./logs";
import { policyOf, trust } from "./policy";
import { scheduled } from "./scheduled";
import { waive } from "./waive";

interface DigestArgs {
  readonly account: Account;
  readonly logs: Logs;
  /** ARN of each severity's topic. */
  readonly topics: Readonly<Record<Severity, pulumi.Input<string>>>;
  /** ARN of the topic that the digest goes to. */
  readonly to: pulumi.Input<string>;
  /** ARN of the key that messages are encrypted with. */
  readonly key: pulumi.Input<string>;
  /** When the day ends. */
  readonly at: TimeOfDay;
}

/** Seconds that one digest may take: it asks CloudWatch a few times, page by page. */
const timeout = 120;

/** Seconds for which a call is tried again: it is about the same day then. */
const goodFor = 6 * 3_600;

/** Tells once a day which alarms of severity low fired, in one message. */
export class Digest extends pulumi.ComponentResource {
  constructor(name: string, args: DigestArgs, options: pulumi.ComponentResourceOptions) {
    super("switchyard:aws:Digest", name, {}, options);
    const { account, topics } = args;
    const functionName = `${account.base}-${name}`;
    const tells = this.#function(name, functionName, args);
    const [hour = "", minute = ""] = args.at.split(":");
    scheduled(
      name,
      {
        ...{ called: tells, functionName, account },
        expression: `cron(${Number(minute)} ${Number(hour)} * * ? *)`,
        describes: { role: "Calls the digest each day", schedule: "Tells which alarms of severity low fired" },
        // Put in by EventBridge Scheduler: when the day ended, however late the call comes.
        input: JSON.stringify({ time: "<aws.scheduler.scheduled-time>" }),
        again: { attempts: 185, seconds: goodFor },
        unencrypted: "it hands over a time of day",
      },
      this,
    );
    metricAlarm(digestFailed(functionName), { base: account.base, topics }, { parent: tells });
    this.registerOutputs({});
  }

  #function(name: string, functionName: string, args: DigestArgs): lambda.Function {
    const { account, key, topics, to } = args;
    const log = logGroup(name, `/switchyard/${account.base}/digest`, args.logs, this);
    const { role, policy } = this.#role(name, functionName, args, log.arn);
    const variables: Inputs<DigestEnvironment> = { BASE: account.base, LOW_TOPIC: topics.low, TOPIC: to };
    const tells = new lambda.Function(
      name,
      {
        ...{ name: functionName, description: "Tells which alarms of severity low fired", role: role.arn },
        ...{ runtime: functionRuntime, architectures: ["arm64"], handler: "index.handler" },
        code: code(),
        ...{ timeout, memorySize: 128 },
        ...{ environment: { variables }, kmsKeyArn: key },
        loggingConfig: { logFormat: "Text", logGroup: log.name },
      },
      { parent: this, dependsOn: policy },
    );
    waive(
      tells,
      ["CKV_AWS_117", "Lambda.3"],
      "it speaks to CloudWatch and SNS alone, and has nothing to do in the network",
    );
    waive(
      tells,
      ["CKV_AWS_115"],
      "AWS lets none of a new account's 10 be reserved; there is one call a day, and it takes one of them",
    );
    waive(
      tells,
      ["CKV_AWS_50", "Lambda.7"],
      "one function that is called once a day: there is no way of calls to trace",
    );
    waive(
      tells,
      ["CKV_AWS_116"],
      "a digest that failed is told of by the alarm `digest-failed`, and can be asked for again",
    );
    waive(
      tells,
      ["CKV_AWS_272"],
      "whoever may change it is whoever runs `pulumi up`: it is made of this repository there",
    );
    new lambda.FunctionEventInvokeConfig(
      name,
      { functionName: tells.name, maximumRetryAttempts: 2, maximumEventAgeInSeconds: goodFor },
      { parent: tells },
    );
    return tells;
  }

  #role(
    name: string,
    functionName: string,
    { account, key, to }: DigestArgs,
    log: pulumi.Output<string>,
  ): { role: iam.Role; policy: iam.RolePolicy } {
    const role = new iam.Role(
      name,
      {
        name: functionName,
        description: "Tells which alarms of severity low fired",
        assumeRolePolicy: trust("lambda.amazonaws.com", account.id),
      },
      { parent: this },
    );
    const policy = new iam.RolePolicy(
      name,
      {
        role: role.name,
        policy: policyOf(
          {
            sid: "History",
            actions: ["cloudwatch:DescribeAlarms", "cloudwatch:DescribeAlarmHistory"],
            // A list is of all alarms: AWS takes no beginning of a name for a resource.
            resources: [
              pulumi.interpolate`arn:${account.partition}:cloudwatch:${account.region}:${account.id}:alarm:*`,
            ],
          },
          { sid: "Tell", actions: ["sns:Publish"], resources: [to] },
          // Of its messages, and of the function's own variables.
          { sid: "Key", actions: ["kms:GenerateDataKey", "kms:Decrypt"], resources: [key] },
          {
            sid: "Log",
            // It reads there until when it has told.
            actions: ["logs:CreateLogStream", "logs:PutLogEvents", "logs:FilterLogEvents"],
            resources: [pulumi.interpolate`${log}:*`],
          },
        ),
      },
      { parent: role },
    );
    return { role, policy };
  }
}

/** A try that failed, or a call that Lambda has given up: who waits for the digest sees nothing, which looks like a quiet day. */
function digestFailed(functionName: string): AlarmSpec {
  const counted = (metric: string): Figure => ({
    ...{ namespace: "AWS/Lambda", metric, statistic: "Sum" },
    dimensions: { FunctionName: functionName },
  });
  return {
    name: "digest-failed",
    runbook: "the-digest-failed",
    severity: "medium",
    says: "The digest of low alarms could not be told",
    watches: {
      figures: { mErrors: counted("Errors"), mDropped: counted("AsyncEventsDropped") },
      expression: "FILL(mErrors,0)+FILL(mDropped,0)",
    },
    fires: { above: 0 },
    period: 300,
    periods: 1,
    missing: missing.nothingSeen,
  };
}

/** In a file, as what an asset holds itself is kept in state, in each of its copies. */
const code = (): Promise<pulumi.asset.AssetArchive> =>
  writeFunction("digest", `.switchyard/${pulumi.getStack()}/digest`).then(
    (file) =>
      new pulumi.asset.AssetArchive({
        // The engine looks for a file from where the program runs, and not from the project.
        "index.js": new pulumi.asset.FileAsset(relative(process.cwd(), inProject(file))),
      }),
  );

type Inputs<T> = { [K in keyof T]: pulumi.Input<T[K]> };
