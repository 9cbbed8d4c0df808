import * as ec2 from "@pulumi/aws/ec2";
import * as iam from "@pulumi/aws/iam";
import * as pulumi from "@pulumi/pulumi";
import type { Account } from "./account";
import { logGroup, type Logs } from "./logs";
import { policyOf, trust } from "./policy";

/** Who spoke with whom in the stack's VPC: EC2.6. */
export function flowLog(name: string, vpc: ec2.Vpc, { base, id }: Account, logs: Logs): void {
  const group = logGroup(`${name}-flow`, `/switchyard/${base}/network`, logs, vpc);
  const role = new iam.Role(
    `${name}-flow`,
    {
      name: `${base}-flow`,
      description: "Writes the flow logs of the stack's VPC",
      assumeRolePolicy: trust("vpc-flow-logs.amazonaws.com", id),
    },
    { parent: vpc },
  );
  const policy = new iam.RolePolicy(
    `${name}-flow`,
    {
      role: role.name,
      policy: policyOf({
        actions: ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
        resources: [pulumi.interpolate`${group.arn}:*`],
      }),
    },
    { parent: role },
  );
  new ec2.FlowLog(
    name,
    {
      ...{ vpcId: vpc.id, trafficType: "ALL", iamRoleArn: role.arn },
      ...{ logDestinationType: "cloud-watch-logs", logDestination: group.arn, maxAggregationInterval: 60 },
    },
    { parent: vpc, dependsOn: policy },
  );
}
