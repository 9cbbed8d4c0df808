import type { Situation } from "../definition";
import { changes, type Refusal } from "../refusals";
import { subnetsOf, usersOf } from "../resources/balancer";
import { number, text, textsAt, valuesAt } from "../values";

const balancer = "aws:lb/loadBalancer:LoadBalancer";
const targetGroup = "aws:lb/targetGroup:TargetGroup";
const listener = "aws:lb/listener:Listener";
const rule = "aws:lb/listenerRule:ListenerRule";

const zonesOf = ({ rows }: Situation, subnets: readonly string[]): Set<string> =>
  new Set(subnets.map((subnet) => text(rows.get("aws:ec2/subnet:Subnet", subnet)?.outs ?? {}, "availabilityZone")));

/** The target groups that actions forward to. */
const groupsIn = (actions: string, outs: Situation["outs"]): string[] => [
  ...textsAt(outs, `${actions}.targetGroupArn`),
  ...textsAt(outs, `${actions}.forward.targetGroups.arn`),
];

const weightRefusal = (token: string, actions: string): Refusal => ({
  token,
  on: ["create", "update"],
  code: "ValidationError",
  when: "a weight is outside of 0 to 999",
  says: ({ outs }) => {
    const wrong = valuesAt(outs, `${actions}.forward.targetGroups.weight`).find(
      (weight) => !Number.isInteger(weight) || Number(weight) < 0 || Number(weight) > 999,
    );
    return wrong === undefined ? undefined : `Weight '${JSON.stringify(wrong)}' must be between 0 and 999`;
  },
});

const sharedRefusal = (token: string, actions: string): Refusal => ({
  token,
  on: ["create", "update"],
  code: "TargetGroupAssociationLimit",
  when: "a target group serves another load balancer already",
  says: ({ outs, rows }) => {
    const own = (outsOf: Situation["outs"]) =>
      text(outsOf, "loadBalancerArn") ||
      text(rows.get(listener, text(outsOf, "listenerArn"))?.outs ?? {}, "loadBalancerArn");
    const shared = groupsIn(actions, outs).find((group) =>
      usersOf(rows, group).some((user) => own(user.outs) !== own(outs)),
    );
    return shared && `The following target groups cannot be associated with more than one load balancer: ${shared}`;
  },
});

const compositionRefusal = (token: string, actions: string): Refusal => ({
  token,
  on: ["create", "update"],
  code: "ValidationError",
  when: "a forward action has no group, more than five, or the same one twice",
  says: ({ outs }) => {
    for (const forward of valuesAt(outs, `${actions}.forward`)) {
      const groups = textsAt(forward, "targetGroups.arn");
      if (groups.length < 1 || groups.length > 5) return "A forward action must have 1 to 5 target groups";
      if (new Set(groups).size < groups.length) return "Target groups in a forward action must be unique";
    }
    return undefined;
  },
});

export const balancerRefusals: readonly Refusal[] = [
  {
    token: balancer,
    on: ["create", "update"],
    code: "ValidationError",
    when: "a load balancer's subnets are in one zone",
    says: (situation) => {
      return zonesOf(situation, subnetsOf(situation.outs)).size < 2
        ? "At least two subnets in two different Availability Zones must be specified"
        : undefined;
    },
  },
  {
    token: balancer,
    on: ["create"],
    code: "InvalidSubnet",
    when: "a load balancer is to face the internet, and its network has no internet gateway",
    says: ({ outs, rows }) => {
      if (outs["internal"] === true) return undefined;
      const networks = new Set(
        subnetsOf(outs).map((each) => text(rows.get("aws:ec2/subnet:Subnet", each)?.outs ?? {}, "vpcId")),
      );
      const gateways = rows.all("aws:ec2/internetGateway:InternetGateway").map((gateway) => gateway.outs["vpcId"]);
      // A network that isn't in the account is somebody else's, who sees to its gateway.
      const closed = [...networks].find(
        (vpc) => rows.get("aws:ec2/vpc:Vpc", vpc) !== undefined && !gateways.includes(vpc),
      );
      return closed && `VPC ${closed} has no internet gateway`;
    },
  },
  {
    token: balancer,
    on: ["create", "update"],
    code: "InvalidConfigurationRequest",
    when: "access logs go to a bucket whose policy doesn't let them in",
    says: ({ outs, rows }) => {
      const logs = outs["accessLogs"] as { bucket?: string; enabled?: boolean } | undefined;
      if (logs?.enabled !== true || logs.bucket === undefined) return undefined;
      const policy = text(rows.get("aws:s3/bucketPolicy:BucketPolicy", logs.bucket)?.outs ?? {}, "policy");
      return policy.includes("s3:PutObject") && /logdelivery|elasticloadbalancing|arn:aws:iam::\d{12}:root/.test(policy)
        ? undefined
        : `Access Denied for bucket: ${logs.bucket}. Please check S3bucket permission`;
    },
  },
  {
    token: balancer,
    on: ["delete"],
    code: "OperationNotPermitted",
    when: "a load balancer with deletion protection is deleted",
    says: ({ outs, id }) =>
      outs["enableDeletionProtection"] === true
        ? `Load balancer '${id ?? ""}' cannot be deleted because deletion protection is enabled`
        : undefined,
  },
  {
    token: targetGroup,
    on: ["create", "update"],
    code: "ValidationError",
    when: "a health check's timeout isn't shorter than its interval",
    says: ({ outs }) => {
      const check = (outs["healthCheck"] ?? {}) as Record<string, unknown>;
      return (number(check, "timeout") ?? 5) >= (number(check, "interval") ?? 30)
        ? "Health check interval must be greater than the timeout."
        : undefined;
    },
  },
  {
    token: targetGroup,
    on: ["create"],
    code: "ValidationError",
    when: "a target group has no protocol, port or network",
    says: ({ outs }) =>
      outs["targetType"] !== "lambda" && ["protocol", "port", "vpcId"].some((key) => text(outs, key) === "")
        ? "A protocol, a port and a VPC must be specified"
        : undefined,
  },
  {
    token: listener,
    on: ["create", "update"],
    code: "ValidationError",
    when: "a TLS listener has no certificate",
    says: ({ outs }) =>
      outs["protocol"] === "HTTPS" && text(outs, "certificateArn") === ""
        ? "A certificate must be specified for HTTPS listeners"
        : undefined,
  },
  ...(
    [
      [listener, "defaultActions"],
      [rule, "actions"],
    ] as const
  ).flatMap(([token, actions]) => [
    weightRefusal(token, actions),
    compositionRefusal(token, actions),
    sharedRefusal(token, actions),
  ]),
  {
    token: targetGroup,
    on: ["update"],
    code: "ResourceInUse",
    when: "a target group that is in use becomes another one",
    says: (situation) =>
      ["port", "protocol", "vpcId", "targetType"].some((key) => changes(situation, key)) &&
      usersOf(situation.rows, situation.id ?? "").length > 0
        ? `Target group '${situation.id ?? ""}' is currently in use by a listener or a rule`
        : undefined,
  },
];
