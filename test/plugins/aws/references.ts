import type { Rows } from "./account";
import type { Situation } from "./definition";
import { AwsError } from "./errors";
import { textsAt } from "./values";

/** Two resources of which one names the other. */
interface Reference {
  from: string;
  /** Where the name is; see valuesAt. */
  path: string;
  to: string;
  /** Outputs of `to`, any of which may be named; "id" is its id. */
  by: readonly string[];
  /** AWS's code when what is named isn't there. */
  missing: string;
  /** AWS's code when what is named is deleted first; undefined: AWS allows it. */
  held?: string;
  /** Names of things that AWS has in every account. */
  always?: RegExp;
}

type Line = [from: string, path: string, to: string, by: string, missing: string, held?: string, always?: RegExp];

const [vpc, subnet, group, key, role, targetGroup, listener, instance, bucket] = [
  "ec2/vpc:Vpc",
  "ec2/subnet:Subnet",
  "ec2/securityGroup:SecurityGroup",
  "kms/key:Key",
  "iam/role:Role",
  "lb/targetGroup:TargetGroup",
  "lb/listener:Listener",
  "rds/instance:Instance",
  "s3/bucket:Bucket",
] as const;
const balancerToken = "lb/loadBalancer:LoadBalancer";
const s3Parts = [
  "bucketVersioning:BucketVersioning",
  "bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
  "bucketPublicAccessBlock:BucketPublicAccessBlock",
  "bucketOwnershipControls:BucketOwnershipControls",
  "bucketLifecycleConfiguration:BucketLifecycleConfiguration",
  "bucketLogging:BucketLogging",
  "bucketPolicy:BucketPolicy",
  "bucketObjectLockConfiguration:BucketObjectLockConfiguration",
  "bucketNotification:BucketNotification",
  "bucketObjectv2:BucketObjectv2",
];
const ofAws = /^arn:aws:iam::aws:|^alias\/aws\/|:alias\/aws\//;

const lines: Line[] = [
  [subnet, "vpcId", vpc, "id", "InvalidVpcID.NotFound", "DependencyViolation"],
  ["ec2/internetGateway:InternetGateway", "vpcId", vpc, "id", "InvalidVpcID.NotFound", "DependencyViolation"],
  ["ec2/routeTable:RouteTable", "vpcId", vpc, "id", "InvalidVpcID.NotFound", "DependencyViolation"],
  [group, "vpcId", vpc, "id", "InvalidVpcID.NotFound", "DependencyViolation"],
  ["ec2/vpcEndpoint:VpcEndpoint", "vpcId", vpc, "id", "InvalidVpcId.NotFound", "DependencyViolation"],
  ["ec2/flowLog:FlowLog", "vpcId", vpc, "id", "InvalidVpcID.NotFound"],
  ["ec2/natGateway:NatGateway", "subnetId", subnet, "id", "InvalidSubnetID.NotFound", "DependencyViolation"],
  [
    "ec2/natGateway:NatGateway",
    "allocationId",
    "ec2/eip:Eip",
    "id",
    "InvalidAllocationID.NotFound",
    "InvalidIPAddress.InUse",
  ],
  ["ec2/route:Route", "routeTableId", "ec2/routeTable:RouteTable", "id", "InvalidRouteTableID.NotFound"],
  [
    "ec2/route:Route",
    "gatewayId",
    "ec2/internetGateway:InternetGateway",
    "id",
    "InvalidGatewayID.NotFound",
    "DependencyViolation",
  ],
  ["ec2/route:Route", "natGatewayId", "ec2/natGateway:NatGateway", "id", "InvalidNatGatewayID.NotFound"],
  [
    "ec2/routeTableAssociation:RouteTableAssociation",
    "subnetId",
    subnet,
    "id",
    "InvalidSubnetID.NotFound",
    "DependencyViolation",
  ],
  [
    "ec2/routeTableAssociation:RouteTableAssociation",
    "routeTableId",
    "ec2/routeTable:RouteTable",
    "id",
    "InvalidRouteTableID.NotFound",
    "DependencyViolation",
  ],
  ["vpc/securityGroupIngressRule:SecurityGroupIngressRule", "securityGroupId", group, "id", "InvalidGroup.NotFound"],
  [
    "vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    "referencedSecurityGroupId",
    group,
    "id",
    "InvalidGroup.NotFound",
    "DependencyViolation",
  ],
  ["vpc/securityGroupEgressRule:SecurityGroupEgressRule", "securityGroupId", group, "id", "InvalidGroup.NotFound"],
  [
    "vpc/securityGroupEgressRule:SecurityGroupEgressRule",
    "referencedSecurityGroupId",
    group,
    "id",
    "InvalidGroup.NotFound",
    "DependencyViolation",
  ],
  ["ec2/vpcEndpoint:VpcEndpoint", "subnetIds", subnet, "id", "InvalidSubnetID.NotFound", "DependencyViolation"],
  ["ec2/vpcEndpoint:VpcEndpoint", "securityGroupIds", group, "id", "InvalidGroup.NotFound", "DependencyViolation"],
  ["ec2/vpcEndpoint:VpcEndpoint", "routeTableIds", "ec2/routeTable:RouteTable", "id", "InvalidRouteTableId.NotFound"],
  ["ec2/instance:Instance", "subnetId", subnet, "id", "InvalidSubnetID.NotFound", "DependencyViolation"],
  ["ec2/instance:Instance", "vpcSecurityGroupIds", group, "id", "InvalidGroup.NotFound", "DependencyViolation"],
  ["kms/alias:Alias", "targetKeyId", key, "id arn", "NotFoundException"],
  ["kms/keyPolicy:KeyPolicy", "keyId", key, "id arn", "NotFoundException"],
  [
    "secretsmanager/secretVersion:SecretVersion",
    "secretId",
    "secretsmanager/secret:Secret",
    "id name",
    "ResourceNotFoundException",
  ],
  [
    "secretsmanager/secretPolicy:SecretPolicy",
    "secretArn",
    "secretsmanager/secret:Secret",
    "id",
    "ResourceNotFoundException",
  ],
  [
    "secretsmanager/secretRotation:SecretRotation",
    "secretId",
    "secretsmanager/secret:Secret",
    "id name",
    "ResourceNotFoundException",
  ],
  ["cloudwatch/logGroup:LogGroup", "kmsKeyId", key, "arn", "InvalidParameterException"],
  [
    "cloudwatch/logMetricFilter:LogMetricFilter",
    "logGroupName",
    "cloudwatch/logGroup:LogGroup",
    "id",
    "ResourceNotFoundException",
  ],
  [
    "cloudwatch/logSubscriptionFilter:LogSubscriptionFilter",
    "logGroup",
    "cloudwatch/logGroup:LogGroup",
    "id",
    "ResourceNotFoundException",
  ],
  [
    "cloudwatch/eventTarget:EventTarget",
    "rule",
    "cloudwatch/eventRule:EventRule",
    "id",
    "ResourceNotFoundException",
    "ValidationException",
  ],
  ["rds/subnetGroup:SubnetGroup", "subnetIds", subnet, "id", "InvalidSubnet", "DependencyViolation"],
  [
    instance,
    "dbSubnetGroupName",
    "rds/subnetGroup:SubnetGroup",
    "id",
    "DBSubnetGroupNotFoundFault",
    "InvalidDBSubnetGroupStateFault",
    /^default$/,
  ],
  [
    instance,
    "parameterGroupName",
    "rds/parameterGroup:ParameterGroup",
    "id",
    "DBParameterGroupNotFound",
    "InvalidDBParameterGroupState",
    /^default\./,
  ],
  [instance, "vpcSecurityGroupIds", group, "id", "InvalidParameterValue", "DependencyViolation"],
  [instance, "kmsKeyId", key, "id arn", "KMSKeyNotAccessibleFault", undefined, ofAws],
  [instance, "monitoringRoleArn", role, "arn", "InvalidParameterValue"],
  [instance, "snapshotIdentifier", "rds/snapshot:Snapshot", "id dbSnapshotArn", "DBSnapshotNotFound"],
  ["rds/snapshot:Snapshot", "dbInstanceIdentifier", instance, "identifier", "DBInstanceNotFound"],
  [
    "rds/snapshotCopy:SnapshotCopy",
    "sourceDbSnapshotIdentifier",
    "rds/snapshot:Snapshot",
    "id dbSnapshotArn",
    "DBSnapshotNotFound",
  ],
  ["rds/snapshotCopy:SnapshotCopy", "kmsKeyId", key, "id arn", "KMSKeyNotAccessibleFault", undefined, ofAws],
  ["rds/proxy:Proxy", "vpcSubnetIds", subnet, "id", "InvalidSubnet", "DependencyViolation"],
  ["rds/proxy:Proxy", "roleArn", role, "arn", "InvalidParameterValue"],
  [
    "rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup",
    "dbProxyName",
    "rds/proxy:Proxy",
    "id",
    "DBProxyNotFoundFault",
  ],
  ["rds/proxyTarget:ProxyTarget", "dbProxyName", "rds/proxy:Proxy", "id", "DBProxyNotFoundFault"],
  ["rds/proxyTarget:ProxyTarget", "dbInstanceIdentifier", instance, "identifier", "DBInstanceNotFound"],
  ["iam/rolePolicy:RolePolicy", "role", role, "id", "NoSuchEntity", "DeleteConflict"],
  ["iam/rolePolicyAttachment:RolePolicyAttachment", "role", role, "id", "NoSuchEntity", "DeleteConflict"],
  [
    "iam/rolePolicyAttachment:RolePolicyAttachment",
    "policyArn",
    "iam/policy:Policy",
    "id",
    "NoSuchEntity",
    "DeleteConflict",
    ofAws,
  ],
  ["iam/instanceProfile:InstanceProfile", "role", role, "id", "NoSuchEntity", "DeleteConflict"],
  [balancerToken, "subnets", subnet, "id", "SubnetNotFound", "DependencyViolation"],
  [balancerToken, "securityGroups", group, "id", "InvalidSecurityGroup", "DependencyViolation"],
  [targetGroup, "vpcId", vpc, "id", "ValidationError"],
  [listener, "loadBalancerArn", balancerToken, "id", "LoadBalancerNotFound"],
  [listener, "defaultActions.targetGroupArn", targetGroup, "id", "TargetGroupNotFound", "ResourceInUse"],
  [listener, "defaultActions.forward.targetGroups.arn", targetGroup, "id", "TargetGroupNotFound", "ResourceInUse"],
  [listener, "certificateArn", "acm/certificate:Certificate", "id", "CertificateNotFound", "ResourceInUseException"],
  [
    "lb/listenerCertificate:ListenerCertificate",
    "certificateArn",
    "acm/certificate:Certificate",
    "id",
    "CertificateNotFound",
    "ResourceInUseException",
  ],
  ["lb/listenerRule:ListenerRule", "listenerArn", listener, "id", "ListenerNotFound"],
  ["lb/listenerRule:ListenerRule", "actions.targetGroupArn", targetGroup, "id", "TargetGroupNotFound", "ResourceInUse"],
  [
    "lb/listenerRule:ListenerRule",
    "actions.forward.targetGroups.arn",
    targetGroup,
    "id",
    "TargetGroupNotFound",
    "ResourceInUse",
  ],
  [
    "ecs/service:Service",
    "cluster",
    "ecs/cluster:Cluster",
    "id name",
    "ClusterNotFoundException",
    "ClusterContainsServicesException",
  ],
  ["ecs/service:Service", "taskDefinition", "ecs/taskDefinition:TaskDefinition", "arn", "ClientException"],
  ["ecs/service:Service", "loadBalancers.targetGroupArn", targetGroup, "id", "InvalidParameterException"],
  [
    "ecs/service:Service",
    "networkConfiguration.subnets",
    subnet,
    "id",
    "InvalidParameterException",
    "DependencyViolation",
  ],
  [
    "ecs/service:Service",
    "networkConfiguration.securityGroups",
    group,
    "id",
    "InvalidParameterException",
    "DependencyViolation",
  ],
  ["ecs/taskDefinition:TaskDefinition", "executionRoleArn", role, "arn", "ClientException"],
  ["ecs/taskDefinition:TaskDefinition", "taskRoleArn", role, "arn", "ClientException"],
  ["lambda/function:Function", "role", role, "arn", "InvalidParameterValueException"],
  [
    "lambda/functionEventInvokeConfig:FunctionEventInvokeConfig",
    "functionName",
    "lambda/function:Function",
    "id arn",
    "ResourceNotFoundException",
  ],
  ["scheduler/schedule:Schedule", "target.arn", "lambda/function:Function", "arn", "ValidationException"],
  ["lambda/permission:Permission", "function", "lambda/function:Function", "id arn", "ResourceNotFoundException"],
  [
    "lambda/function:Function",
    "vpcConfig.subnetIds",
    subnet,
    "id",
    "InvalidParameterValueException",
    "DependencyViolation",
  ],
  [
    "lambda/function:Function",
    "vpcConfig.securityGroupIds",
    group,
    "id",
    "InvalidParameterValueException",
    "DependencyViolation",
  ],
  ["sns/topicSubscription:TopicSubscription", "topic", "sns/topic:Topic", "id", "NotFound"],
  ["sns/topicPolicy:TopicPolicy", "arn", "sns/topic:Topic", "id", "NotFound"],
  ["sqs/queuePolicy:QueuePolicy", "queueUrl", "sqs/queue:Queue", "id", "AWS.SimpleQueueService.NonExistentQueue"],
  ["route53/record:Record", "zoneId", "route53/zone:Zone", "id", "NoSuchHostedZone", "HostedZoneNotEmpty"],
  ["scheduler/schedule:Schedule", "target.roleArn", role, "arn", "ValidationException"],
  [
    "wafv2/webAclAssociation:WebAclAssociation",
    "webAclArn",
    "wafv2/webAcl:WebAcl",
    "arn id",
    "WAFNonexistentItemException",
    "WAFAssociatedItemException",
  ],
  ...s3Parts.map((part): Line => [`s3/${part}`, "bucket", bucket, "id", "NoSuchBucket"]),
];

/** Who names whom, and what AWS says when that doesn't hold. */
export const references: Reference[] = lines.map(([from, path, to, by, missing, held, always]) => ({
  from: `aws:${from}`,
  path,
  to: `aws:${to}`,
  by: by.split(" "),
  missing,
  ...(held !== undefined && { held }),
  ...(always !== undefined && { always }),
}));

/** The first thing that is named and not there. */
export function missingReference(token: string, { rows, outs, on }: Situation): AwsError | undefined {
  if (on === "delete") return undefined;
  for (const reference of references.filter(({ from }) => from === token))
    for (const name of textsAt(outs, reference.path)) {
      if (reference.always?.test(name) || isThere(rows, reference, name)) continue;
      return new AwsError(reference.missing, `The ${nounOf(reference.to)} '${name}' does not exist`);
    }
  return undefined;
}

/** The first thing that still names what is to be deleted. */
export function heldReference(token: string, { rows, outs, on, id }: Situation): AwsError | undefined {
  if (on !== "delete" || id === undefined) return undefined;
  for (const { from, path, by, held } of references.filter(({ to }) => to === token)) {
    if (held === undefined) continue;
    const names = by.map((name) => (name === "id" ? id : String(outs[name])));
    const holder = rows
      .all(from)
      .find(
        (row) => !(from === token && row.id === id) && textsAt(row.outs, path).some((each) => names.includes(each)),
      );
    if (holder !== undefined)
      return new AwsError(held, `${nounOf(token)} '${id}' is currently in use by ${nounOf(from)} '${holder.id}'`);
  }
  return undefined;
}

function isThere(rows: Rows, { to, by }: Reference, name: string): boolean {
  if (by.includes("id") && rows.get(to, name) !== undefined) return true;
  return by.some((key) => key !== "id" && rows.all(to).some(({ outs }) => outs[key] === name));
}

export const nounOf = (token: string): string => token.split(":").at(-1) ?? token;
