import { roleStatements } from "./ci-boundary";
import { arnIn, inRegion, requested, stateStatements, tagged, type CiScope } from "./ci-policies";
import type { Statement } from "./policy";
import { heartbeat } from "./traffic-heartbeat";

/** A policy takes 6,144 characters, so what a deployer needs is said in three: what serves, what keeps data, who may do what. */
export type DeployerPart = "service" | "data" | "roles";

/**
 * What `pulumi up` of the stack needs: everything about what bears its name or its tags, and about nothing else. Calls that AWS
 * takes for no resource can only be held to the region.
 */
export const deployerStatements = (scope: CiScope): Record<DeployerPart, Statement[]> => ({
  service: [...reads(scope), ...traffic(scope), ...copies(scope), ...watching(scope)],
  data: [...data(scope), ...network(scope)],
  roles: [...roleStatements(scope), ...stateStatements(scope, true)],
});

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
  // By the machines of the cluster AWS takes a list of tasks, though it has none.
  own.push(`container-instance/${base}/*`);
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
  const { base, partition, masterSecret, seedInstance } = scope;
  const own = ["db", "subgrp", "pg", "es", "snapshot"].map((of) => arnIn(scope, "rds", `${of}:${base}*`));
  const secrets = (names: string) => [arnIn(scope, "secretsmanager", `secret:${names}`)];
  return [
    // With an instance its group of options is named, which is AWS's own.
    { sid: "Database", actions: ["rds:*"], resources: [...own, arnIn(scope, "rds", "og:default:*")] },
    { sid: "Proxy", actions: ["rds:*"], resources: [arnIn(scope, "rds", "db-proxy:*")], condition: tagged(scope) },
    {
      sid: "NewProxy",
      actions: ["rds:CreateDBProxy", "rds:AddTagsToResource"],
      resources: [arnIn(scope, "rds", "db-proxy:*")],
      condition: requested(scope),
    },
    {
      sid: "ProxyTargets",
      actions: ["rds:RegisterDBProxyTargets", "rds:DeregisterDBProxyTargets", "rds:ModifyDBProxyTargetGroup"],
      resources: [arnIn(scope, "rds", "target-group:*")],
    },
    ...(seedInstance === undefined
      ? []
      : [
          {
            sid: "Seed",
            actions: ["rds:CopyDBSnapshot"],
            resources: [arnIn(scope, "rds", `snapshot:rds:${seedInstance}-*`)],
          },
        ]),
    {
      sid: "Store",
      actions: ["s3:*"],
      resources: ["store", "logs"].flatMap((of) => {
        const bucket = `arn:${partition}:s3:::${base}-${of}-*`;
        return [bucket, `${bucket}/*`];
      }),
    },
    { sid: "Secrets", actions: ["secretsmanager:*"], resources: secrets(`${base}-*`) },
    // RDS makes it in the name of whoever makes the instance.
    {
      sid: "NewMasterUser",
      actions: ["secretsmanager:CreateSecret", "secretsmanager:TagResource"],
      resources: secrets("rds!db-*"),
    },
    {
      sid: "MasterUser",
      actions: ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"],
      resources: [masterSecret],
    },
    // A key has no name before it is there: it is known by its tags.
    { sid: "NewKey", actions: ["kms:CreateKey", "kms:TagResource"], resources: ["*"], condition: requested(scope) },
    { sid: "Keys", actions: ["kms:*"], resources: [arnIn(scope, "kms", "key/*")], condition: tagged(scope) },
    { sid: "KeyNames", actions: ["kms:*Alias"], resources: [arnIn(scope, "kms", `alias/${base}-*`)] },
    // Else a key of another stack could be made to look like one of this.
    {
      sid: "NoOthersKeys",
      effect: "Deny",
      actions: ["kms:TagResource", "kms:UntagResource"],
      resources: [arnIn(scope, "kms", "key/*")],
      condition: {
        Null: { "aws:ResourceTag/Stack": "false" },
        StringNotEquals: { "aws:ResourceTag/Stack": scope.stack },
      },
    },
  ];
}

/** What is made bears the stack's tags from the start, and what bears them may be changed. */
function network(scope: CiScope): Statement[] {
  const all = [arnIn(scope, "ec2", "*/*")];
  const ec2 = (...actions: string[]) => actions.map((action) => `ec2:${action}`);
  return [
    {
      sid: "NewNetwork",
      actions: [
        ...ec2("CreateVpc", "CreateSubnet", "CreateInternetGateway", "CreateNatGateway", "CreateRouteTable"),
        ...ec2(
          "CreateSecurityGroup",
          "CreateVpcEndpoint",
          "CreateFlowLogs",
          "AllocateAddress",
          "RunInstances",
          "CreateTags",
        ),
      ],
      resources: all,
    },
    // A rule has no tags yet when its group, which must be the stack's, is asked for it.
    {
      sid: "NewRules",
      actions: ec2("AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress"),
      resources: [arnIn(scope, "ec2", "security-group-rule/*")],
      condition: requested(scope),
    },
    // Whatever is tagged as the stack's may be changed by it: so nothing is tagged but what is made, or is the stack's.
    {
      sid: "NoOthersTags",
      effect: "Deny",
      actions: ec2("CreateTags", "DeleteTags"),
      resources: all,
      condition: { Null: { "ec2:CreateAction": "true" }, StringNotEquals: { "aws:ResourceTag/Stack": scope.stack } },
    },
    {
      sid: "Image",
      actions: ec2("RunInstances"),
      resources: [`arn:${scope.partition}:ec2:${scope.region}::image/*`],
    },
    {
      sid: "Network",
      actions: [
        ...ec2("Associate*", "Attach*", "Authorize*", "CreateRoute", "Delete*", "Detach*", "Disassociate*", "Modify*"),
        ...ec2("Release*", "Replace*", "Revoke*", "StartInstances", "StopInstances", "TerminateInstances", "Update*"),
      ],
      resources: all,
      condition: tagged(scope),
    },
    // An endpoint has its name in a zone of Route 53's own, of which nothing is known beforehand.
    {
      sid: "NamesOfEndpoints",
      actions: ["route53:AssociateVPCWithHostedZone"],
      resources: [`arn:${scope.partition}:route53:::hostedzone/*`],
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
    // A flow log is no log group: EC2 asks for the delivery in the name of whoever makes it.
    {
      sid: "FlowLogs",
      actions: ["logs:CreateLogDelivery", "logs:DeleteLogDelivery"],
      resources: ["*"],
      condition: inRegion(scope),
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
