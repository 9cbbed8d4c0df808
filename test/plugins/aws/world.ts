import type { Context, Kind } from "../protocol/plugin";
import type { Properties } from "../protocol/values";
import { Account, accountId } from "./account";
import { kinds } from "./kinds";

const region = "eu-west-1";

/** Outputs of what was made so far, by its name here. */
export type Made = Record<string, Properties & { id: string }>;

/** One resource of a small stack that uses every type: its token, its name, and its inputs. */
export type Line = readonly [token: string, name: string, inputs: (made: Made) => Properties];

const of = (made: Made, name: string, key = "id"): string => {
  const outs = made[name];
  if (outs === undefined) throw new Error(`nothing is made that is named ${name}`);
  return String(outs[key]);
};

const trust = JSON.stringify({
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Principal: { Service: "ecs-tasks.amazonaws.com" }, Action: "sts:AssumeRole" }],
});
const allow = (action: string, resource: string) =>
  JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: action, Resource: resource }] });

const subnet =
  (cidrBlock: string, zone: string) =>
  (made: Made): Properties => ({ vpcId: of(made, "vpc"), cidrBlock, availabilityZone: `${region}${zone}` });

const group =
  (name: string, port: number) =>
  (made: Made): Properties => ({
    ...{ name, port, protocol: "HTTP", targetType: "ip", vpcId: of(made, "vpc") },
    healthCheck: { path: "/health", interval: 10, timeout: 5 },
  });

const bucketPart = (token: string, inputs: Properties): Line => [
  `aws:s3/${token}`,
  token,
  (made) => ({ bucket: of(made, "bucket"), ...inputs }),
];

/** A stack of every type of resource, in an order in which AWS takes it. */
export const lines: readonly Line[] = [
  ["aws:ec2/vpc:Vpc", "vpc", () => ({ cidrBlock: "10.0.0.0/16" })],
  ["aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", "default group", (made) => ({ vpcId: of(made, "vpc") })],
  ["aws:ec2/subnet:Subnet", "subnet a", subnet("10.0.0.0/24", "a")],
  ["aws:ec2/subnet:Subnet", "subnet b", subnet("10.0.1.0/24", "b")],
  ["aws:ec2/internetGateway:InternetGateway", "gateway", (made) => ({ vpcId: of(made, "vpc") })],
  ["aws:ec2/eip:Eip", "address", () => ({ domain: "vpc" })],
  [
    "aws:ec2/natGateway:NatGateway",
    "nat",
    (made) => ({ subnetId: of(made, "subnet a"), allocationId: of(made, "address") }),
  ],
  ["aws:ec2/routeTable:RouteTable", "table", (made) => ({ vpcId: of(made, "vpc") })],
  [
    "aws:ec2/route:Route",
    "route",
    (made) => ({ routeTableId: of(made, "table"), destinationCidrBlock: "0.0.0.0/0", gatewayId: of(made, "gateway") }),
  ],
  [
    "aws:ec2/routeTableAssociation:RouteTableAssociation",
    "association",
    (made) => ({ routeTableId: of(made, "table"), subnetId: of(made, "subnet a") }),
  ],
  ["aws:ec2/securityGroup:SecurityGroup", "group", (made) => ({ name: "web", vpcId: of(made, "vpc") })],
  ["aws:ec2/securityGroup:SecurityGroup", "source", (made) => ({ name: "source", vpcId: of(made, "vpc") })],
  [
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    "in",
    (made) => ({
      ...{ securityGroupId: of(made, "group"), referencedSecurityGroupId: of(made, "source") },
      ...{ ipProtocol: "tcp", fromPort: 443, toPort: 443 },
    }),
  ],
  [
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
    "out",
    (made) => ({ securityGroupId: of(made, "group"), ipProtocol: "-1", cidrIpv4: "0.0.0.0/0" }),
  ],
  [
    "aws:ec2/securityGroupRule:SecurityGroupRule",
    "old rule",
    (made) => ({
      ...{ securityGroupId: of(made, "group"), type: "ingress", protocol: "tcp" },
      fromPort: 80,
      toPort: 80,
    }),
  ],
  [
    "aws:ec2/vpcEndpoint:VpcEndpoint",
    "endpoint",
    (made) => ({
      vpcId: of(made, "vpc"),
      serviceName: `com.amazonaws.${region}.s3`,
      routeTableIds: [of(made, "table")],
    }),
  ],
  ["aws:kms/key:Key", "key", () => ({ enableKeyRotation: true })],
  ["aws:kms/alias:Alias", "alias", (made) => ({ name: "alias/key", targetKeyId: of(made, "key") })],
  ["aws:kms/keyPolicy:KeyPolicy", "key policy", (made) => ({ keyId: of(made, "key"), policy: allow("kms:*", "*") })],
  ["aws:iam/role:Role", "role", () => ({ name: "role", assumeRolePolicy: trust })],
  ["aws:iam/policy:Policy", "policy", () => ({ name: "policy", policy: allow("s3:GetObject", "*") })],
  [
    "aws:iam/rolePolicy:RolePolicy",
    "inline",
    (made) => ({ name: "inline", role: of(made, "role"), policy: allow("s3:ListBucket", "*") }),
  ],
  [
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "attachment",
    (made) => ({ role: of(made, "role"), policyArn: of(made, "policy") }),
  ],
  ["aws:iam/instanceProfile:InstanceProfile", "profile", (made) => ({ name: "profile", role: of(made, "role") })],
  [
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider",
    "oidc",
    () => ({ url: "https://token.example.com", clientIdLists: ["sts.amazonaws.com"] }),
  ],
  [
    "aws:cloudwatch/logGroup:LogGroup",
    "log",
    (made) => ({ ...{ name: "/log", retentionInDays: 30 }, kmsKeyId: of(made, "key", "arn") }),
  ],
  [
    "aws:ec2/flowLog:FlowLog",
    "flow",
    (made) => ({ vpcId: of(made, "vpc"), trafficType: "ALL", logDestination: of(made, "log", "arn") }),
  ],
  [
    "aws:ec2/instance:Instance",
    "instance",
    (made) => ({ subnetId: of(made, "subnet a"), vpcSecurityGroupIds: [of(made, "group")] }),
  ],
  [
    "aws:cloudwatch/logMetricFilter:LogMetricFilter",
    "filter",
    () => ({
      ...{ name: "filter", logGroupName: "/log", pattern: "ERROR" },
      metricTransformation: { name: "Errors", namespace: "Test", value: "1" },
    }),
  ],
  [
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy",
    "log policy",
    () => ({ policyName: "logs", policyDocument: allow("logs:*", "*") }),
  ],
  [
    "aws:cloudwatch/queryDefinition:QueryDefinition",
    "query",
    () => ({ name: "query", queryString: "fields @message" }),
  ],
  ["aws:secretsmanager/secret:Secret", "secret", () => ({ name: "secret" })],
  [
    "aws:secretsmanager/secretVersion:SecretVersion",
    "version",
    (made) => ({ secretId: of(made, "secret"), secretString: "hidden" }),
  ],
  [
    "aws:secretsmanager/secretPolicy:SecretPolicy",
    "secret policy",
    (made) => ({ secretArn: of(made, "secret"), policy: allow("secretsmanager:*", "*") }),
  ],
  [
    "aws:secretsmanager/secretRotation:SecretRotation",
    "rotation",
    (made) => ({ secretId: of(made, "secret"), rotationRules: { automaticallyAfterDays: 30 } }),
  ],
  ["aws:ssm/parameter:Parameter", "parameter", () => ({ name: "/parameter", type: "String", value: "x" })],
  ["aws:s3/bucket:Bucket", "bucket", () => ({ bucket: "bucket" })],
  bucketPart("bucketVersioning:BucketVersioning", { versioningConfiguration: { status: "Enabled" } }),
  bucketPart("bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration", { rules: [{}] }),
  bucketPart("bucketPublicAccessBlock:BucketPublicAccessBlock", { blockPublicAcls: true }),
  bucketPart("bucketOwnershipControls:BucketOwnershipControls", { rule: { objectOwnership: "BucketOwnerEnforced" } }),
  bucketPart("bucketLifecycleConfiguration:BucketLifecycleConfiguration", { rules: [{ id: "a", status: "Enabled" }] }),
  bucketPart("bucketLogging:BucketLogging", { targetBucket: "bucket", targetPrefix: "log/" }),
  bucketPart("bucketPolicy:BucketPolicy", {
    policy: JSON.stringify({
      Statement: [
        {
          ...{ Effect: "Allow", Principal: { Service: "logdelivery.elasticloadbalancing.amazonaws.com" } },
          ...{ Action: "s3:PutObject", Resource: "arn:aws:s3:::bucket/*" },
        },
      ],
    }),
  }),
  bucketPart("bucketObjectLockConfiguration:BucketObjectLockConfiguration", {}),
  bucketPart("bucketNotification:BucketNotification", { eventbridge: true }),
  bucketPart("bucketObjectv2:BucketObjectv2", { key: "object", content: "x" }),
  ["aws:backup/vault:Vault", "vault", () => ({ name: "vault" })],
  ["aws:sqs/queue:Queue", "queue", () => ({ name: "queue" })],
  [
    "aws:sqs/queuePolicy:QueuePolicy",
    "queue policy",
    (made) => ({ queueUrl: of(made, "queue"), policy: allow("sqs:*", "*") }),
  ],
  ["aws:sns/topic:Topic", "topic", () => ({ name: "topic" })],
  [
    "aws:sns/topicSubscription:TopicSubscription",
    "subscription",
    (made) => ({ topic: of(made, "topic"), protocol: "email", endpoint: "somebody@example.com" }),
  ],
  [
    "aws:sns/topicPolicy:TopicPolicy",
    "topic policy",
    (made) => ({ arn: of(made, "topic"), policy: allow("sns:*", "*") }),
  ],
  [
    "aws:cloudwatch/metricAlarm:MetricAlarm",
    "alarm",
    (made) => ({
      ...{ name: "alarm", metricName: "CPUUtilization", namespace: "AWS/RDS", statistic: "Average", period: 60 },
      ...{ comparisonOperator: "GreaterThanThreshold", evaluationPeriods: 5, threshold: 80 },
      alarmActions: [of(made, "topic")],
    }),
  ],
  [
    "aws:cloudwatch/compositeAlarm:CompositeAlarm",
    "composite",
    () => ({ alarmName: "composite", alarmRule: 'ALARM("alarm")' }),
  ],
  [
    "aws:cloudwatch/dashboard:Dashboard",
    "dashboard",
    () => ({ dashboardName: "dashboard", dashboardBody: JSON.stringify({ widgets: [] }) }),
  ],
  [
    "aws:rds/subnetGroup:SubnetGroup",
    "subnets",
    (made) => ({ name: "subnets", subnetIds: [of(made, "subnet a"), of(made, "subnet b")] }),
  ],
  ["aws:rds/parameterGroup:ParameterGroup", "parameters", () => ({ name: "parameters", family: "postgres18" })],
  [
    "aws:rds/instance:Instance",
    "database",
    (made) => ({
      ...{ identifier: "database", engine: "postgres", engineVersion: "18", instanceClass: "db.t4g.medium" },
      ...{ allocatedStorage: 100, maxAllocatedStorage: 500, username: "admin", manageMasterUserPassword: true },
      ...{ dbSubnetGroupName: "subnets", parameterGroupName: "parameters", port: 5433 },
      ...{ vpcSecurityGroupIds: [of(made, "group")], finalSnapshotIdentifier: "final", storageEncrypted: true },
    }),
  ],
  [
    "aws:rds/snapshot:Snapshot",
    "snapshot",
    () => ({ dbInstanceIdentifier: "database", dbSnapshotIdentifier: "snapshot" }),
  ],
  [
    "aws:rds/snapshotCopy:SnapshotCopy",
    "snapshot copy",
    (made) => ({
      sourceDbSnapshotIdentifier: of(made, "snapshot", "dbSnapshotArn"),
      targetDbSnapshotIdentifier: "snapshot-copy",
    }),
  ],
  [
    "aws:rds/proxy:Proxy",
    "proxy",
    (made) => ({
      ...{ name: "proxy", engineFamily: "POSTGRESQL", roleArn: of(made, "role", "arn") },
      vpcSubnetIds: [of(made, "subnet a"), of(made, "subnet b")],
    }),
  ],
  ["aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup", "proxy groups", () => ({ dbProxyName: "proxy" })],
  [
    "aws:rds/proxyTarget:ProxyTarget",
    "proxy target",
    () => ({ dbProxyName: "proxy", targetGroupName: "default", dbInstanceIdentifier: "database" }),
  ],
  [
    "aws:rds/eventSubscription:EventSubscription",
    "events",
    (made) => ({ name: "events", snsTopic: of(made, "topic") }),
  ],
  ["aws:acm/certificate:Certificate", "certificate", () => ({ domainName: "www.example.com" })],
  [
    "aws:acm/certificateValidation:CertificateValidation",
    "validation",
    (made) => ({ certificateArn: of(made, "certificate") }),
  ],
  [
    "aws:lb/loadBalancer:LoadBalancer",
    "balancer",
    (made) => ({
      ...{ name: "balancer", subnets: [of(made, "subnet a"), of(made, "subnet b")] },
      ...{ securityGroups: [of(made, "group")], accessLogs: { bucket: "bucket", enabled: true } },
    }),
  ],
  ["aws:lb/targetGroup:TargetGroup", "blue", group("blue", 8080)],
  ["aws:lb/targetGroup:TargetGroup", "green", group("green", 8080)],
  [
    "aws:lb/listener:Listener",
    "listener",
    (made) => ({
      ...{ loadBalancerArn: of(made, "balancer"), port: 443, protocol: "HTTPS" },
      certificateArn: of(made, "certificate"),
      defaultActions: [
        {
          type: "forward",
          forward: {
            targetGroups: [
              { arn: of(made, "blue"), weight: 100 },
              { arn: of(made, "green"), weight: 0 },
            ],
          },
        },
      ],
    }),
  ],
  [
    "aws:lb/listenerRule:ListenerRule",
    "rule",
    (made) => ({
      ...{ listenerArn: of(made, "listener"), priority: 1 },
      actions: [{ type: "forward", targetGroupArn: of(made, "green") }],
      conditions: [{ httpHeader: { httpHeaderName: "x-colour", values: ["green"] } }],
    }),
  ],
  [
    "aws:lb/listenerCertificate:ListenerCertificate",
    "second certificate",
    (made) => ({ listenerArn: of(made, "listener"), certificateArn: of(made, "certificate") }),
  ],
  ["aws:ecs/cluster:Cluster", "cluster", () => ({ name: "cluster" })],
  [
    "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders",
    "providers",
    () => ({ clusterName: "cluster", capacityProviders: ["FARGATE"] }),
  ],
  [
    "aws:ecs/taskDefinition:TaskDefinition",
    "task",
    (made) => ({
      ...{ family: "task", requiresCompatibilities: ["FARGATE"], networkMode: "awsvpc", cpu: "256", memory: "512" },
      executionRoleArn: of(made, "role", "arn"),
      containerDefinitions: JSON.stringify([{ name: "web", image: "example.com/web:1" }]),
    }),
  ],
  [
    "aws:ecs/service:Service",
    "service",
    (made) => ({
      ...{ name: "service", cluster: of(made, "cluster"), taskDefinition: of(made, "task", "arn") },
      ...{ launchType: "FARGATE", desiredCount: 2 },
      networkConfiguration: { subnets: [of(made, "subnet a")], securityGroups: [of(made, "group")] },
      loadBalancers: [{ targetGroupArn: of(made, "blue"), containerName: "web", containerPort: 8080 }],
    }),
  ],
  [
    "aws:appautoscaling/target:Target",
    "scalable",
    () => ({
      ...{
        serviceNamespace: "ecs",
        resourceId: "service/cluster/service",
        scalableDimension: "ecs:service:DesiredCount",
      },
      ...{ minCapacity: 1, maxCapacity: 4 },
    }),
  ],
  [
    "aws:appautoscaling/policy:Policy",
    "scaling",
    () => ({
      ...{ name: "cpu", policyType: "TargetTrackingScaling" },
      ...{
        serviceNamespace: "ecs",
        resourceId: "service/cluster/service",
        scalableDimension: "ecs:service:DesiredCount",
      },
    }),
  ],
  ["aws:ecr/repository:Repository", "repository", () => ({ name: "repository" })],
  [
    "aws:ecr/lifecyclePolicy:LifecyclePolicy",
    "images",
    (made) => ({ repository: of(made, "repository"), policy: "{}" }),
  ],
  [
    "aws:lambda/function:Function",
    "function",
    (made) => ({
      ...{ name: "function", role: of(made, "role", "arn"), runtime: "nodejs22.x", handler: "index.handler" },
      ...{ s3Bucket: "bucket", s3Key: "object" },
    }),
  ],
  [
    "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig",
    "calls of the function",
    () => ({ functionName: "function", maximumRetryAttempts: 0 }),
  ],
  [
    "aws:lambda/permission:Permission",
    "permission",
    () => ({
      statementId: "events",
      action: "lambda:InvokeFunction",
      function: "function",
      principal: "events.amazonaws.com",
    }),
  ],
  [
    "aws:cloudwatch/logSubscriptionFilter:LogSubscriptionFilter",
    "log subscription",
    (made) => ({
      ...{ name: "logs", logGroup: "/log", filterPattern: "" },
      destinationArn: of(made, "function", "arn"),
    }),
  ],
  [
    "aws:cloudwatch/eventRule:EventRule",
    "schedule rule",
    () => ({ name: "minutely", scheduleExpression: "rate(1 minute)" }),
  ],
  [
    "aws:cloudwatch/eventTarget:EventTarget",
    "event target",
    (made) => ({ rule: "minutely", targetId: "function", arn: of(made, "function", "arn") }),
  ],
  ["aws:scheduler/scheduleGroup:ScheduleGroup", "schedules", () => ({ name: "schedules" })],
  [
    "aws:scheduler/schedule:Schedule",
    "schedule",
    (made) => ({
      ...{ name: "nightly", groupName: "schedules", scheduleExpression: "rate(1 day)" },
      flexibleTimeWindow: { mode: "OFF" },
      target: { arn: of(made, "function", "arn"), roleArn: of(made, "role", "arn") },
    }),
  ],
  [
    "aws:wafv2/webAclAssociation:WebAclAssociation",
    "firewall",
    (made) => ({ resourceArn: of(made, "balancer"), webAclArn: given.webAcl }),
  ],
  ["aws:route53/zone:Zone", "zone", () => ({ name: "example.com" })],
  [
    "aws:route53/record:Record",
    "record",
    (made) => ({
      ...{ zoneId: of(made, "zone"), name: "www.example.com", type: "A" },
      aliases: [
        { name: of(made, "balancer", "dnsName"), zoneId: of(made, "balancer", "zoneId"), evaluateTargetHealth: false },
      ],
    }),
  ],
  [
    "aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace",
    "namespace",
    (made) => ({ name: "local", vpc: of(made, "vpc") }),
  ],
];

/** What is in the account before, as if somebody else had made it. */
export const given = {
  webAcl: `arn:aws:wafv2:${region}:${accountId}:regional/webacl/given/12345678-90ab-cdef-1234-567890abcdef`,
} as const;

/** An account with that stack, worked on in this very process. */
export class World {
  readonly made: Made = {};
  readonly kinds: Record<string, Kind>;
  readonly account: Account;

  constructor(file: string) {
    const ignoredTags = { keys: [], prefixes: ["switchyard"] };
    const here = { region, defaultTags: { team: "test" }, ignoredTags };
    this.account = new Account(file);
    this.kinds = kinds(() => ({ account: this.account, here }));
    this.account.change((rows) =>
      rows.put({ token: "aws:wafv2/webAcl:WebAcl", id: given.webAcl, outs: { arn: given.webAcl } }),
    );
  }

  kind(token: string): Kind {
    const kind = this.kinds[token];
    if (kind === undefined) throw new Error(`there is no ${token}`);
    return kind;
  }

  context = (name: string, ignored: string[] = []): Context => ({
    ...{ urn: `urn:pulumi:test::test::test::${name}`, name, ignored },
    signal: new AbortController().signal,
    log: () => Promise.resolve(),
  });

  /** Checks and creates, as the engine does. */
  async create(token: string, name: string, inputs: Properties): Promise<Properties & { id: string }> {
    const failures = this.kind(token).check(inputs);
    if (failures.length > 0)
      throw new Error(failures.map(({ property, reason }) => `${property}: ${reason}`).join("\n"));
    const { id, outs } = await this.kind(token).create(inputs, this.context(name));
    return (this.made[name] = { ...outs, id });
  }

  /** Makes the lines up to the one of that name, or all; what is there already stays. */
  async makeAll(last?: string): Promise<void> {
    for (const [token, name, inputs] of lines) {
      if (this.made[name] === undefined) await this.create(token, name, inputs(this.made));
      if (name === last) return;
    }
  }
}

/** The line of that name. */
export function line(name: string): Line {
  const found = lines.find(([, own]) => own === name);
  if (found === undefined) throw new Error(`there is no ${name} in the world`);
  return found;
}
