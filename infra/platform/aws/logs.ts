import * as cloudwatch from "@pulumi/aws/cloudwatch";
import type * as pulumi from "@pulumi/pulumi";

/** What every log group of a stack has in common. */
export interface Logs {
  /** ARN of the key. */
  readonly key: pulumi.Input<string>;
  /** How long logs are kept, in days. */
  readonly days: number;
}

/** A log group that is encrypted and forgets: one that AWS makes by itself does neither. */
export const logGroup = (
  name: string,
  path: string,
  { key, days }: Logs,
  parent: pulumi.Resource,
): cloudwatch.LogGroup =>
  new cloudwatch.LogGroup(name, { name: path, retentionInDays: days, kmsKeyId: key }, { parent });
