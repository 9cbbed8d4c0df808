import type { Facts } from "../draft";
import { section } from "../key";
import { flag, integer, oneOf, text } from "../kinds";
import { texts } from "../lists";
import { remove, set, type Problem } from "../problem";

declare const kind: unique symbol;
/** An IPv4 network, such as "10.40.0.0/16". */
export type Cidr = string & { readonly [kind]: "cidr" };
/** The id of a resource of AWS, such as "vpc-0a1b2c3d". */
export type AwsId = string & { readonly [kind]: "aws id" };

/** The network that a stack on AWS lives in: one of its own, or one that is there already. */
export interface NetworkSettings {
  /** A VPC that is there already. Default: none, and the stack makes its own. */
  readonly vpcId?: AwsId | undefined;
  /** Its public subnets, for the load balancer, in 2 or 3 zones. Given exactly when `vpcId` is. */
  readonly publicSubnetIds: readonly AwsId[];
  /** Its private subnets with a way out, for copies and database, in 2 or 3 zones. Given exactly when `vpcId` is. */
  readonly privateSubnetIds: readonly AwsId[];
  /** Addresses of the own VPC, a /16 to /20. Default: 10.40.0.0/16. */
  readonly cidr: Cidr;
  /** Availability zones of the own VPC, 2..3. Default: 2, the fewest that RDS and ALB accept. */
  readonly zones: number;
  /** NAT gateways of the own VPC: one for all zones, or one each. Default: "one". */
  readonly natGateways: "one" | "each";
  /** Interface endpoints for what copies ask of AWS, beside the free one for S3. Default: false. */
  readonly endpoints: boolean;
}

const octet = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
export const address = `${octet}(\\.${octet}){3}`;

const subnetId = /^subnet-[0-9a-f]{8,17}$/;
const subnetForm = "ids of subnets, none twice, such as subnet-0a1b2c3d";

export const networkKeys = {
  network: section(
    {
      vpcId: text<AwsId>(/^vpc-[0-9a-f]{8,17}$/, "VPC id", "the id of a VPC, such as vpc-0a1b2c3d", {
        meaning: "A VPC that is there already; without one the stack makes its own.",
        example: "vpc-0a1b2c3d",
        unset: "none",
      }).optional(),
      publicSubnetIds: texts<AwsId>(subnetId, "list of subnet ids", `a list of ${subnetForm}`, {
        meaning: "Public subnets of `vpcId`, for the load balancer.",
        examples: ["subnet-0a1b2c3d", "subnet-1a1b2c3d"],
      }).default([]),
      privateSubnetIds: texts<AwsId>(subnetId, "list of subnet ids", `a list of ${subnetForm}`, {
        meaning: "Private subnets of `vpcId` with a way out, for copies and database.",
        examples: ["subnet-2a1b2c3d", "subnet-3a1b2c3d"],
      }).default([]),
      cidr: text<Cidr>(
        new RegExp(`^${octet}\\.${octet}\\.(0|16|32|48|64|80|96|112|128|144|160|176|192|208|224|240)\\.0/(1[6-9]|20)$`),
        "CIDR",
        "an IPv4 network from /16 to /20, such as 10.40.0.0/16",
        { meaning: "Addresses of the stack's own VPC.", example: "10.40.0.0/16" },
      ).default("10.40.0.0/16" as Cidr),
      zones: integer(2, 3, "availability zones", {
        meaning: "Availability zones of the stack's own VPC.",
        example: "2",
      }).default(2),
      natGateways: oneOf(["one", "each"], {
        meaning: "NAT gateways: one for all zones, or one in each, so that no zone's failure cuts off another.",
      }).default("one"),
      endpoints: flag({
        meaning: "Are there interface endpoints for ECR, logs, Secrets Manager and KMS, beside the free one for S3?",
      }).default(false),
    },
    "The network of a stack on AWS; refused on any other platform.",
  ).prefault({}),
};

/** Ids come together, or not at all; two zones at the least. */
export function networkRules({ draft: { network = {} }, has }: Facts): Problem[] {
  const lists = ["publicSubnetIds", "privateSubnetIds"] as const;
  const given = has(["network", "vpcId"]);
  return lists.flatMap((name): Problem[] => {
    const ids = network[name];
    if (ids === undefined) return [];
    const examples = networkExamples[name];
    if (given && (ids.length < 2 || ids.length > 3))
      return [
        {
          path: ["network", name],
          found: `${ids.length} subnets`,
          allowed: "2 or 3 subnets beside network.vpcId, each in a zone of its own",
          ways: [[remove(["network", name]), ...examples.map((id, at) => set(["network", name, String(at)], id))]],
        },
      ];
    if (!given && ids.length > 0)
      return [
        {
          path: ["network", name],
          found: `${ids.length} subnets, and no network.vpcId that they are in`,
          allowed: "nothing without network.vpcId: the stack makes its own",
          ways: [[remove(["network", name])]],
        },
      ];
    return [];
  });
}

const networkExamples = {
  publicSubnetIds: ["subnet-0a1b2c3d", "subnet-1a1b2c3d"],
  privateSubnetIds: ["subnet-2a1b2c3d", "subnet-3a1b2c3d"],
} as const;
