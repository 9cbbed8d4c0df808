import { arnIn, inRegion, stateStatements, type CiScope } from "./ci-policies";
import type { Statement } from "./policy";
import { heartbeat } from "./traffic-heartbeat";

/** Services that the stack's own roles are handed to. */
const handedTo = [
  "ecs-tasks.amazonaws.com",
  "monitoring.rds.amazonaws.com",
  "rds.amazonaws.com",
  "vpc-flow-logs.amazonaws.com",
  "ec2.amazonaws.com",
  "lambda.amazonaws.com",
  "scheduler.amazonaws.com",
  "chatbot.amazonaws.com",
];

/** Services that make a role of their own when they are first used in an account. */
const ownRoles = [
  "ecs.amazonaws.com",
  "elasticloadbalancing.amazonaws.com",
  "rds.amazonaws.com",
  "ecs.application-autoscaling.amazonaws.com",
];

/** Names of the roles that are for a pipeline, and of the limit of all others: an administrator's to change. */
export const ciNames = (base: string) => ({
  previewer: `${base}-previewer`,
  deployer: `${base}-deployer`,
  boundary: `${base}-boundary`,
});

/**
 * What `pulumi up` of the stack needs: everything about what bears its name or its tags, and about nothing else. Calls that AWS
 * takes for no resource can only be held to the region.
 */
export function deployerStatements(scope: CiScope): Statement[] {
  return [
    ...reads(scope),
    ...traffic(scope),
    ...copies(scope),
    ...data(scope),
    ...network(scope),
    ...watching(scope),
    ...roles(scope),
    ...stateStatements(scope, true),
  ];
}

/** Lists and descriptions, of which hardly any is of one resource. */
const reads = (scope: CiScope): Statement[] => [
  {
    sid: "Look",
    actions: [
      "application-autoscaling:Describe*",
      "cloudwatch:Describe*",
      "cloudwatch:GetMetricData",
      "ec2:Describe*",
      "ecs:Describe*",
      "elasticloadbalancing:Describe*",
      "kms:ListAliases",
      "logs:DescribeLogGroups",
      "rds:Describe*",
      "sns:GetSubscriptionAttributes",
    ],
    resources: ["*"],
    condition: inRegion(scope),
  },
];

function traffic(scope: CiScope): Statement[] {
  const { base, partition, zone, waf, certificate } = scope;
  const balancers = ["loadbalancer", "listener", "listener-rule"].map((of) => `${of}/app/${base}/*`);
  const own = [...balancers, `targetgroup/${base}-*`].map((rest) => arnIn(scope, "elasticloadbalancing", rest));
  const balancer = own[0] ?? "";
  return [
    { sid: "Traffic", actions: ["elasticloadbalancing:*"], resources: own },
    { sid: "Certificate", actions: ["acm:DescribeCertificate"], resources: [certificate] },
    ...(zone === undefined
      ? []
      : [
          {
            sid: "Names",
            actions: ["route53:GetHostedZone", "route53:ListResourceRecordSets", "route53:ChangeResourceRecordSets"],
            resources: [`arn:${partition}:route53:::hostedzone/${zone}`],
          },
          { sid: "NamesDone", actions: ["route53:GetChange"], resources: [`arn:${partition}:route53:::change/*`] },
        ]),
    ...(waf === undefined
      ? []
      : [
          {
            sid: "WebAcl",
            actions: [
              "wafv2:AssociateWebACL",
              "wafv2:DisassociateWebACL",
              "wafv2:GetWebACLForResource",
              "wafv2:GetWebACL",
            ],
            resources: [waf, balancer],
          },
        ]),
  ];
}

function copies(scope: CiScope): Statement[] {
  const { base } = scope;
  const own = [`cluster/${base}`, `service/${base}/*`, `task/${base}/*`, `task-definition/${base}-*`];
  return [
    { sid: "Copies", actions: ["ecs:*"], resources: own.map((rest) => arnIn(scope, "ecs", rest)) },
    {
      sid: "Revisions",
      // Neither is taken for one revision.
      actions: ["ecs:DeregisterTaskDefinition", "ecs:ListTaskDefinitions"],
      resources: ["*"],
      condition: inRegion(scope),
    },
    {
      sid: "Scaling",
      actions: ["application-autoscaling:*"],
      resources: [arnIn(scope, "application-autoscaling", "scalable-target/*")],
    },
    {
      sid: "Collector",
      actions: ["lambda:*"],
      resources: [arnIn(scope, "lambda", `function:${base}-*`)],
    },
    { sid: "Schedule", actions: ["scheduler:*"], resources: [arnIn(scope, "scheduler", `schedule/*/${base}-*`)] },
  ];
}

function data(scope: CiScope): Statement[] {
  const { base, partition, stack, project } = scope;
  const databases = ["db", "subgrp", "db-proxy", "es"].map((of) => `${of}:${base}*`);
  const others = [`pg:${base}-*`, `snapshot:${base}-*`, "snapshot:*:*", "db-proxy:*", "target-group:*"];
  return [
    {
      sid: "Database",
      actions: ["rds:*"],
      resources: [...databases, ...others].map((rest) => arnIn(scope, "rds", rest)),
    },
    {
      sid: "Store",
      actions: ["s3:*"],
      resources: ["store", "logs"].flatMap((of) => {
        const bucket = `arn:${partition}:s3:::${base}-${of}-*`;
        return [bucket, `${bucket}/*`];
      }),
    },
    {
      sid: "Secrets",
      actions: ["secretsmanager:*"],
      resources: [
        arnIn(scope, "secretsmanager", `secret:${base}-*`),
        arnIn(scope, "secretsmanager", "secret:rds!db-*"),
      ],
    },
    // A key has no name before it is there: it is known by its tags.
    {
      sid: "NewKey",
      actions: ["kms:CreateKey", "kms:TagResource"],
      resources: ["*"],
      condition: requested(project, stack),
    },
    { sid: "Keys", actions: ["kms:*"], resources: [arnIn(scope, "kms", "key/*")], condition: tagged(project, stack) },
    { sid: "KeyNames", actions: ["kms:*Alias"], resources: [arnIn(scope, "kms", `alias/${base}-*`)] },
  ];
}

/** What is made bears the stack's tags from the start, and what bears them may be changed. */
function network(scope: CiScope): Statement[] {
  const { project, stack } = scope;
  const all = [arnIn(scope, "ec2", "*/*")];
  return [
    { sid: "NewNetwork", actions: ["ec2:Create*", "ec2:AllocateAddress", "ec2:RunInstances"], resources: all },
    {
      sid: "Image",
      actions: ["ec2:RunInstances"],
      resources: [`arn:${scope.partition}:ec2:${scope.region}::image/*`],
    },
    {
      sid: "Network",
      actions: [
        ...["Associate*", "Attach*", "Authorize*", "Delete*", "Detach*", "Disassociate*", "Modify*", "Release*"],
        ...["Replace*", "Revoke*", "StartInstances", "StopInstances", "TerminateInstances", "Update*"],
      ].map((each) => `ec2:${each}`),
      resources: all,
      condition: tagged(project, stack),
    },
    {
      sid: "ImageOfBastion",
      actions: ["ssm:GetParameter"],
      resources: [`arn:${scope.partition}:ssm:${scope.region}::parameter/aws/service/*`],
    },
  ];
}

function watching(scope: CiScope): Statement[] {
  const { base, partition, account } = scope;
  const logs = [`/switchyard/${base}/*`, `/aws/rds/instance/${base}/*`];
  return [
    {
      sid: "Logs",
      actions: ["logs:*"],
      resources: logs.map((name) => arnIn(scope, "logs", `log-group:${name}`)),
    },
    {
      sid: "Alarms",
      actions: ["cloudwatch:*Alarm*", "cloudwatch:*Tag*"],
      resources: [arnIn(scope, "cloudwatch", `alarm:${base}-*`)],
    },
    {
      sid: "Dashboard",
      actions: ["cloudwatch:*Dashboard*"],
      resources: [`arn:${partition}:cloudwatch::${account}:dashboard/${base}`],
    },
    // The heartbeat of a walk, and no other figure.
    {
      sid: "Heartbeat",
      actions: ["cloudwatch:PutMetricData"],
      resources: ["*"],
      condition: { StringEquals: { "cloudwatch:namespace": heartbeat.namespace } },
    },
    {
      sid: "Topics",
      actions: ["sns:*"],
      resources: [arnIn(scope, "sns", `${base}-*`)],
    },
    {
      sid: "Slack",
      actions: ["chatbot:*SlackChannelConfiguration*", "chatbot:*Tag*"],
      resources: [`arn:${partition}:chatbot::${account}:chat-configuration/slack-channel/${base}-*`],
    },
  ];
}

/**
 * Roles of the stack, each within its boundary; none can be handed to anything that is not here, and the pipeline's own can't
 * be changed by it: who could write the deployer's policy could give himself the account.
 */
function roles({ base, partition, account }: CiScope): Statement[] {
  const iam = (rest: string): string => `arn:${partition}:iam::${account}:${rest}`;
  const { previewer, deployer, boundary } = ciNames(base);
  const own = iam(`role/${base}-*`);
  const bound = { StringEquals: { "iam:PermissionsBoundary": iam(`policy/${boundary}`) } };
  return [
    {
      sid: "SeeRoles",
      actions: ["iam:Get*", "iam:List*"],
      resources: [own, iam(`instance-profile/${base}-*`), iam(`policy/${boundary}`)],
    },
    {
      sid: "Roles",
      actions: ["CreateRole", "PutRolePolicy", "DeleteRolePolicy", "AttachRolePolicy", "DetachRolePolicy", "PutRolePermissionsBoundary"].map((each) => `iam:${each}`), // prettier-ignore
      resources: [own],
      condition: bound,
    },
    {
      sid: "RolesThemselves",
      actions: ["DeleteRole", "TagRole", "UntagRole", "UpdateAssumeRolePolicy", "UpdateRole", "UpdateRoleDescription"].map((each) => `iam:${each}`), // prettier-ignore
      resources: [own],
    },
    {
      sid: "Profiles",
      actions: ["CreateInstanceProfile", "DeleteInstanceProfile", "AddRoleToInstanceProfile", "RemoveRoleFromInstanceProfile", "TagInstanceProfile", "UntagInstanceProfile"].map((each) => `iam:${each}`), // prettier-ignore
      resources: [iam(`instance-profile/${base}-*`), own],
    },
    {
      sid: "HandOver",
      actions: ["iam:PassRole"],
      resources: [own],
      condition: { StringEquals: { "iam:PassedToService": handedTo } },
    },
    {
      sid: "RolesOfServices",
      actions: ["iam:CreateServiceLinkedRole"],
      resources: [iam("role/aws-service-role/*")],
      condition: { StringEquals: { "iam:AWSServiceName": ownRoles } },
    },
    {
      sid: "NotItsOwn",
      effect: "Deny",
      actions: ["iam:Add*", "iam:Attach*", "iam:Create*", "iam:Delete*", "iam:Detach*", "iam:PassRole", "iam:Put*", "iam:Set*", "iam:Tag*", "iam:Untag*", "iam:Update*"], // prettier-ignore
      resources: [iam(`role/${previewer}`), iam(`role/${deployer}`), iam(`policy/${boundary}`)],
    },
  ];
}

/** The most that any role of the stack may do, whoever writes its policies: what they do here, and nothing of IAM. */
export function boundaryStatements(scope: CiScope): Statement[] {
  const { base, partition, region } = scope;
  const ownedBy = (service: string, ...rests: string[]) => rests.map((rest) => arnIn(scope, service, rest));
  return [
    {
      sid: "Secrets",
      actions: ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"],
      resources: ownedBy("secretsmanager", `secret:${base}-*`, "secret:rds!db-*"),
    },
    { sid: "Keys", actions: ["kms:Decrypt"], resources: ownedBy("kms", "key/*") },
    {
      sid: "Logs",
      actions: ["logs:CreateLog*", "logs:PutLogEvents", "logs:PutRetentionPolicy", "logs:DescribeLog*", "logs:GetLogEvents"], // prettier-ignore
      resources: ownedBy("logs", `log-group:/switchyard/${base}/*`, "log-group:RDS*"),
    },
    {
      sid: "Images",
      actions: ["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"],
      resources: [`arn:${partition}:ecr:*:*:repository/*`],
    },
    { sid: "Collector", actions: ["lambda:InvokeFunction"], resources: ownedBy("lambda", `function:${base}-*`) },
    {
      sid: "NoResource",
      // Of the registry, the session manager of the bastion, and the network interfaces of a function.
      actions: [
        ...["ecr:GetAuthorizationToken", "ssm:UpdateInstanceInformation", "ssmmessages:*", "ec2messages:*"],
        ...["ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"],
        ...["ec2:DeleteNetworkInterface", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"],
      ],
      resources: ["*"],
      condition: { StringEquals: { "aws:RequestedRegion": region } },
    },
  ];
}

const requested = (project: string, stack: string) => ({
  StringEquals: { "aws:RequestTag/Project": project, "aws:RequestTag/Stack": stack },
});
const tagged = (project: string, stack: string) => ({
  StringEquals: { "aws:ResourceTag/Project": project, "aws:ResourceTag/Stack": stack },
});
