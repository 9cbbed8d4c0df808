// Rules of Checkov for types of the stack that the baseline doesn't name: whoever runs Checkov over the account finds them
// answered too.

import { allowed, given, isDescribed, statements, text, type Rule } from "./aws-policy.rules";
import type { Declared, Registered } from "../support/aws-mocked";

const machine = "ec2/instance:Instance";
const bucket = "s3/bucket:Bucket";

type Inputs = Record<string, unknown>;
const within = (inputs: Inputs, ...path: string[]): unknown =>
  path.reduce<unknown>((found, key) => (found as Inputs | undefined)?.[key], inputs);

const is =
  (expected: unknown, ...path: string[]) =>
  ({ inputs }: Registered): boolean =>
    text(within(inputs, ...path)) === text(expected);
const isnt =
  (refused: unknown, ...path: string[]) =>
  (resource: Registered): boolean =>
    !is(refused, ...path)(resource);

/** Resources of a type, such as "s3/bucketAcl:BucketAcl", that name this one in such an input. */
const naming = ({ name }: Registered, { resources }: Declared, type: string, key: string): Registered[] =>
  resources.filter((other) => other.type === `aws:${type}` && other.inputs[key] === `${name}-id`);

/** Whether any other resource than its own rules uses a security group. */
const isUsed = ({ name }: Registered, { resources }: Declared): boolean =>
  resources.some(
    ({ type, inputs }) => !type.startsWith("aws:vpc/securityGroup") && text(inputs).includes(`"${name}-id"`),
  );

export const checkovRules: readonly Rule[] = [
  // The bastion
  { ids: ["CKV_AWS_8"], type: machine, says: "has an encrypted disk", holds: is(true, "rootBlockDevice", "encrypted") },
  {
    ids: ["CKV_AWS_46"],
    type: machine,
    says: "is given no secrets to start with",
    holds: (r) => r.inputs.userData === undefined && r.inputs.userDataBase64 === undefined,
  },
  {
    ids: ["CKV_AWS_79"],
    type: machine,
    says: "asks for a token before it tells who it is",
    holds: is("required", "metadataOptions", "httpTokens"),
  },
  { ids: ["CKV_AWS_88"], type: machine, says: "has no public address", holds: is(false, "associatePublicIpAddress") },
  { ids: ["CKV_AWS_126"], type: machine, says: "is watched every minute", holds: is(true, "monitoring") },
  { ids: ["CKV_AWS_135"], type: machine, says: "has a line of its own to its disk", holds: is(true, "ebsOptimized") },
  { ids: ["CKV2_AWS_41"], type: machine, says: "has a role", holds: given("iamInstanceProfile") },
  // Network
  {
    ids: ["CKV_AWS_130"],
    type: "ec2/subnet:Subnet",
    says: "gives nobody a public address by itself",
    holds: isnt(true, "mapPublicIpOnLaunch"),
  },
  {
    ids: ["CKV_AWS_23"],
    type: "ec2/securityGroup:SecurityGroup",
    says: "says what it is, in EC2's characters",
    holds: isDescribed,
  },
  { ids: ["CKV2_AWS_5"], type: "ec2/securityGroup:SecurityGroup", says: "is somebody's", holds: isUsed },
  {
    ids: ["CKV2_AWS_11"],
    type: "ec2/vpc:Vpc",
    says: "has flow logs",
    holds: (r, all) => naming(r, all, "ec2/flowLog:FlowLog", "vpcId").length > 0,
  },
  {
    ids: ["CKV2_AWS_12"],
    type: "ec2/vpc:Vpc",
    says: "closes its default group",
    holds: (r, all) => naming(r, all, "ec2/defaultSecurityGroup:DefaultSecurityGroup", "vpcId").length > 0,
  },
  {
    ids: ["CKV2_AWS_19"],
    type: "ec2/eip:Eip",
    says: "is used",
    holds: (r, all) => naming(r, all, "ec2/natGateway:NatGateway", "allocationId").length > 0,
  },
  // IAM
  {
    ids: ["CKV_AWS_274"],
    type: "iam/rolePolicyAttachment:RolePolicyAttachment",
    says: "makes nobody an administrator",
    holds: ({ inputs }) => !/AdministratorAccess|PowerUserAccess|FullAccess/.test(text(inputs.policyArn)),
  },
  // S3
  {
    ids: ["CKV_AWS_20", "CKV_AWS_57"],
    type: bucket,
    says: "has no ACL, and so none for everybody",
    holds: (r, all) => r.inputs.acl === undefined && naming(r, all, "s3/bucketAcl:BucketAcl", "bucket").length === 0,
  },
  {
    ids: ["CKV_AWS_70"],
    type: "s3/bucketPolicy:BucketPolicy",
    says: "allows nobody it doesn't name",
    holds: (r) => allowed(r).every(({ Principal }) => !text(Principal).includes('"*"')),
  },
  {
    ids: ["CKV_AWS_93"],
    type: "s3/bucketPolicy:BucketPolicy",
    says: "shuts nobody out for good",
    holds: ({ inputs }) =>
      statements(inputs.policy).every(({ Effect, Condition }) => Effect !== "Deny" || Condition !== undefined),
  },
  {
    ids: ["CKV2_AWS_6"],
    type: bucket,
    says: "is closed to the public",
    holds: (r, all) => naming(r, all, "s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "bucket").length > 0,
  },
  {
    ids: ["CKV2_AWS_61"],
    type: bucket,
    says: "tidies up",
    holds: (r, all) =>
      naming(r, all, "s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", "bucket").length > 0,
  },
  {
    ids: ["CKV2_AWS_62"],
    type: bucket,
    says: "tells somebody of each object",
    holds: (r, all) => naming(r, all, "s3/bucketNotification:BucketNotification", "bucket").length > 0,
  },
  {
    ids: ["CKV2_AWS_65"],
    type: "s3/bucketOwnershipControls:BucketOwnershipControls",
    says: "knows no ACLs",
    holds: is("BucketOwnerEnforced", "rule", "objectOwnership"),
  },
  // Keys and secrets
  { ids: ["CKV2_AWS_64"], type: "kms/key:Key", says: "says who may use it", holds: given("policy") },
  {
    ids: ["CKV2_AWS_57"],
    type: "secretsmanager/secret:Secret",
    says: "is rotated by AWS",
    holds: (r, all) => naming(r, all, "secretsmanager/secretRotation:SecretRotation", "secretId").length > 0,
  },
  // ECS
  {
    ids: ["CKV_AWS_97"],
    type: "ecs/taskDefinition:TaskDefinition",
    says: "has no file system of others in plain",
    holds: ({ inputs }) => !text(inputs.volumes).includes("efsVolumeConfiguration"),
  },
  {
    ids: ["CKV_AWS_223"],
    type: "ecs/cluster:Cluster",
    says: "leaves no session in a copy without a log",
    holds: isnt("NONE", "configuration", "executeCommandConfiguration", "logging"),
  },
  // CloudWatch
  {
    ids: ["CKV_AWS_319"],
    type: "cloudwatch/metricAlarm:MetricAlarm",
    says: "may act",
    holds: isnt(false, "actionsEnabled"),
  },
];
