import * as pulumi from "@pulumi/pulumi";

/** One statement of a policy. */
export interface Statement {
  readonly sid?: string;
  readonly effect?: "Allow" | "Deny";
  readonly principals?: Readonly<Record<string, pulumi.Input<string>>>;
  readonly actions: readonly string[];
  readonly resources: pulumi.Input<string>[];
  readonly condition?: Readonly<Record<string, Record<string, pulumi.Input<string> | readonly string[]> | undefined>>;
}

/** A policy document in JSON. */
export const policyOf = (...statements: Statement[]): pulumi.Output<string> =>
  pulumi.jsonStringify({
    Version: "2012-10-17",
    Statement: statements.map(({ sid, effect = "Allow", principals, actions, resources, condition }) => ({
      ...(sid !== undefined && { Sid: sid }),
      Effect: effect,
      ...(principals !== undefined && { Principal: principals }),
      Action: one(actions),
      Resource: one(resources),
      ...(condition !== undefined && { Condition: condition }),
    })),
  });

/** As AWS gives a document back: a list of one is what is in it. */
const one = <T>(list: readonly T[]): T | readonly T[] => (list.length === 1 ? (list[0] as T) : list);

/** Who may take on a role: a service of AWS, and for this account's sake alone, where an id is given. */
export const trust = (service: string, account?: pulumi.Input<string>): pulumi.Output<string> =>
  pulumi.jsonStringify({
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Principal: { Service: service },
        Action: "sts:AssumeRole",
        ...(account !== undefined && { Condition: { StringEquals: { "aws:SourceAccount": account } } }),
      },
    ],
  });

/**
 * What Lambda does to have a function in a network, as its guide has it ("Giving Lambda functions access to resources in an
 * Amazon VPC").
 */
export const joiningNetwork = [
  ...["ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"],
  ...["ec2:DeleteNetworkInterface", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"],
] as const;

/** Nothing of a bucket is handed out over a connection that others could read. */
export const tlsOnly = (bucketArn: pulumi.Input<string>): Statement => ({
  sid: "TlsOnly",
  effect: "Deny",
  // Everybody, in the form that leaves one shape for all statements.
  principals: { AWS: "*" },
  actions: ["s3:*"],
  resources: [bucketArn, pulumi.interpolate`${bucketArn}/*`],
  condition: { Bool: { "aws:SecureTransport": "false" } },
});
