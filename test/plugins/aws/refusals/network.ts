import type { Rows } from "../account";
import { changes, type Refusal } from "../refusals";
import { subnetsOf } from "../resources/balancer";
import { text } from "../values";

/** First address and size of an IPv4 network. */
function block(cidr: string): { from: number; to: number } | undefined {
  const [address = "", length = ""] = cidr.split("/");
  const parts = address.split(".").map(Number);
  if (parts.length !== 4 || parts.some((part) => !(part >= 0 && part < 256)) || !/^\d+$/.test(length)) return undefined;
  const from = parts.reduce((sum, part) => sum * 256 + part, 0);
  return { from, to: from + 2 ** (32 - Number(length)) - 1 };
}

const subnet = "aws:ec2/subnet:Subnet";
const gateway = "aws:ec2/internetGateway:InternetGateway";

/** What has public addresses in a network: load balancers that face the internet, and NAT gateways with an address. */
function hasAddresses(vpc: string, rows: Rows): boolean {
  const isIn = (id: string) => rows.get(subnet, id)?.outs["vpcId"] === vpc;
  const balancer = rows
    .all("aws:lb/loadBalancer:LoadBalancer")
    .some(({ outs }) => outs["internal"] !== true && subnetsOf(outs).some(isIn));
  const nat = rows
    .all("aws:ec2/natGateway:NatGateway")
    .some(({ outs }) => text(outs, "allocationId") !== "" && isIn(text(outs, "subnetId")));
  return balancer || nat;
}

/** EC2's own words for what it takes. */
const characters = "a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*";

/** @param on what, as EC2 names it. The official plugin hands the text on as it is. */
const badlyDescribed = (token: string, what: string): Refusal => ({
  token,
  on: ["create", "update"],
  code: "InvalidParameterValue",
  when: `the description of a ${what} has other characters than EC2 takes, an apostrophe for one`,
  says: ({ outs }) =>
    /^[a-zA-Z0-9. _:/()#,@[\]+=&;{}!$*-]{0,255}$/.test(text(outs, "description"))
      ? undefined
      : `Invalid ${what} description. Valid descriptions are strings less than 256 characters from the following set: ${characters}`,
});

export const networkRefusals: readonly Refusal[] = [
  badlyDescribed("aws:ec2/securityGroup:SecurityGroup", "security group"),
  badlyDescribed("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "rule"),
  badlyDescribed("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule", "rule"),
  {
    token: subnet,
    on: ["create"],
    code: "InvalidSubnet.Range",
    when: "a subnet's addresses are outside of its network",
    says: ({ outs, rows }) => {
      const own = block(text(outs, "cidrBlock"));
      const around = block(text(rows.get("aws:ec2/vpc:Vpc", text(outs, "vpcId"))?.outs ?? {}, "cidrBlock"));
      if (own === undefined || around === undefined) return undefined;
      return own.from >= around.from && own.to <= around.to
        ? undefined
        : `The CIDR '${text(outs, "cidrBlock")}' is invalid.`;
    },
  },
  {
    token: subnet,
    on: ["create"],
    code: "InvalidSubnet.Conflict",
    when: "a subnet's addresses are another's",
    says: ({ outs, rows }) => {
      const own = block(text(outs, "cidrBlock"));
      const other = rows.all(subnet).find((row) => {
        const its = block(text(row.outs, "cidrBlock"));
        if (row.outs["vpcId"] !== outs["vpcId"] || own === undefined || its === undefined) return false;
        return own.from <= its.to && its.from <= own.to;
      });
      return other && `The CIDR '${text(outs, "cidrBlock")}' conflicts with another subnet`;
    },
  },
  {
    token: gateway,
    on: ["update", "delete"],
    code: "DependencyViolation",
    when: "an internet gateway leaves a network in which something has public addresses",
    says: (situation) => {
      const { on, before = {}, rows } = situation;
      if (on === "update" && !changes(situation, "vpcId")) return undefined;
      const vpc = text(before, "vpcId");
      return vpc !== "" && hasAddresses(vpc, rows)
        ? `Network ${vpc} has some mapped public address(es). Please unmap those public address(es) before detaching the gateway.`
        : undefined;
    },
  },
  {
    token: "aws:ec2/vpc:Vpc",
    on: ["create"],
    code: "InvalidVpc.Range",
    when: "a network is larger than /16 or smaller than /28",
    says: ({ outs }) => {
      const length = Number(text(outs, "cidrBlock").split("/")[1] ?? 16);
      return length < 16 || length > 28 ? `The CIDR '${text(outs, "cidrBlock")}' is invalid.` : undefined;
    },
  },
];
