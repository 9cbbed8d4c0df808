import { arnIn, tagged, type CiScope } from "./ci-policies";
import { joiningNetwork, type Statement } from "./policy";

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
  "management.chatbot.amazonaws.com",
];

/** Names of the roles that are for a pipeline, and of the limit of all others: an administrator's to change. */
export const ciNames = (base: string) => ({
  previewer: `${base}-previewer`,
  deployer: `${base}-deployer`,
  boundary: `${base}-boundary`,
});

/**
 * Roles of the stack, each within its boundary; none can be handed to anything that is not here, and the pipeline's own can't
 * be changed by it: who could write the deployer's policy could give himself the account.
 */
export function roleStatements({ base, partition, account }: CiScope): Statement[] {
  const iam = (rest: string): string => `arn:${partition}:iam::${account}:${rest}`;
  const { previewer, deployer, boundary } = ciNames(base);
  const own = iam(`role/${base}-*`);
  const bound = { StringEquals: { "iam:PermissionsBoundary": iam(`policy/${boundary}`) } };
  return [
    {
      sid: "SeeRoles",
      actions: ["iam:Get*", "iam:List*"],
      resources: [own, iam(`instance-profile/${base}-*`), iam(`policy/${base}-*`)],
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
      resources: [
        iam(`role/${previewer}`),
        iam(`role/${deployer}`),
        iam(`policy/${boundary}`),
        iam(`policy/${deployer}-*`),
      ],
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
      resources: ownedBy("secretsmanager", `secret:${base}-*`),
    },
    {
      sid: "Keys",
      // A message is encrypted in the name of who publishes it.
      actions: ["kms:Decrypt", "kms:GenerateDataKey"],
      resources: ownedBy("kms", "key/*"),
      condition: tagged(scope),
    },
    {
      sid: "Logs",
      actions: ["logs:CreateLog*", "logs:PutLogEvents", "logs:PutRetentionPolicy", "logs:DescribeLog*", "logs:GetLogEvents", "logs:FilterLogEvents"], // prettier-ignore
      resources: ownedBy("logs", `log-group:/switchyard/${base}/*`, "log-group:RDS*"),
    },
    {
      sid: "Images",
      actions: ["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"],
      resources: [`arn:${partition}:ecr:*:*:repository/*`],
    },
    {
      sid: "History",
      actions: ["cloudwatch:DescribeAlarms", "cloudwatch:DescribeAlarmHistory"],
      resources: ownedBy("cloudwatch", "alarm:*"),
    },
    { sid: "Digest", actions: ["sns:Publish"], resources: ownedBy("sns", `${base}-digest`) },
    { sid: "Collector", actions: ["lambda:InvokeFunction"], resources: ownedBy("lambda", `function:${base}-*`) },
    {
      sid: "NoResource",
      // Of the registry, the session manager of the bastion, and the network interfaces of a function.
      actions: [
        ...["ecr:GetAuthorizationToken", "ssm:UpdateInstanceInformation", "ssmmessages:*", "ec2messages:*"],
        ...joiningNetwork,
      ],
      resources: ["*"],
      condition: { StringEquals: { "aws:RequestedRegion": region } },
    },
  ];
}
