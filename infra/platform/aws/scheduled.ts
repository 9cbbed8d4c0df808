import * as iam from "@pulumi/aws/iam";
import type * as lambda from "@pulumi/aws/lambda";
import { Schedule } from "@pulumi/aws/scheduler/schedule";
import type * as pulumi from "@pulumi/pulumi";
import type { Account } from "./account";
import { policyOf, trust } from "./policy";
import { waive } from "./waive";

interface ScheduledArgs {
  /** What is called. */
  readonly called: lambda.Function;
  /** Its name, which the schedule and its role have too. */
  readonly functionName: string;
  readonly account: Account;
  /** What the role is for, and what the schedule is for. */
  readonly describes: { readonly role: string; readonly schedule: string };
  /** In EventBridge Scheduler's words, in UTC: "rate(1 minute)", "cron(0 8 * * ? *)". */
  readonly expression: string;
  /** JSON that is handed over. Default: nothing. */
  readonly input?: string;
  /** How often a call that Lambda didn't take is tried again, 0..185, and for how many seconds, 60..86,400. */
  readonly again: { readonly attempts: number; readonly seconds: number };
  /** What of it CKV_AWS_297 would have encrypted: nothing, and why. */
  readonly unencrypted: string;
}

/** A schedule that may call one function, and nothing else. */
export function scheduled(name: string, args: ScheduledArgs, parent: pulumi.Resource): Schedule {
  const { called, functionName, account, again } = args;
  const role = new iam.Role(
    `${name}-schedule`,
    {
      name: `${functionName}-schedule`,
      description: args.describes.role,
      assumeRolePolicy: trust("scheduler.amazonaws.com", account.id),
    },
    { parent },
  );
  const calls = new iam.RolePolicy(
    `${name}-schedule`,
    { role: role.name, policy: policyOf({ actions: ["lambda:InvokeFunction"], resources: [called.arn] }) },
    { parent: role },
  );
  const schedule = new Schedule(
    name,
    {
      name: functionName,
      description: args.describes.schedule,
      scheduleExpression: args.expression,
      flexibleTimeWindow: { mode: "OFF" },
      target: {
        ...{ arn: called.arn, roleArn: role.arn },
        ...(args.input !== undefined && { input: args.input }),
        retryPolicy: { maximumRetryAttempts: again.attempts, maximumEventAgeInSeconds: again.seconds },
      },
    },
    { parent, dependsOn: calls },
  );
  waive(schedule, ["CKV_AWS_297"], args.unencrypted);
  return schedule;
}
