import * as vpc from "@pulumi/aws/vpc";
import * as ec2 from "@pulumi/aws/ec2";
import * as pulumi from "@pulumi/pulumi";

/** The other end of a connection: who is in a group, or a network. */
export type Peer = { readonly group: pulumi.Input<string> } | { readonly cidr: pulumi.Input<string> };

interface Opening {
  /** Why, for whoever reads the group. At most 255 of the characters that EC2 takes: letters, digits, ` ._-:/()#,@[]+=&;{}!$*`. */
  readonly description: string;
  /** A TCP port. */
  readonly port: number;
}

/** A security group to which nobody may speak, and which speaks to nobody, before rules say so. */
export function securityGroup(
  name: string,
  { base, vpcId, description }: { base: string; vpcId: pulumi.Input<string>; description: string },
  parent: pulumi.Resource,
): ec2.SecurityGroup {
  return new ec2.SecurityGroup(
    name,
    // The name and description of a group can't be changed in place, and one in use can't be deleted. EC2 takes no other
    // characters in it than in a rule's.
    { name: `${base}-${name}`, description, vpcId, tags: { Name: `${base}-${name}` }, revokeRulesOnDelete: true },
    { parent },
  );
}

/** Lets a peer in. */
export function letIn(
  name: string,
  group: ec2.SecurityGroup,
  from: Peer,
  { description, port }: Opening,
): vpc.SecurityGroupIngressRule {
  return new vpc.SecurityGroupIngressRule(
    name,
    { securityGroupId: group.id, description, ipProtocol: "tcp", fromPort: port, toPort: port, ...peer(from) },
    { parent: group },
  );
}

/** Lets the members of a group ask a peer. */
export function letOut(
  name: string,
  group: ec2.SecurityGroup,
  to: Peer,
  { description, port }: Opening,
): vpc.SecurityGroupEgressRule {
  return new vpc.SecurityGroupEgressRule(
    name,
    { securityGroupId: group.id, description, ipProtocol: "tcp", fromPort: port, toPort: port, ...peer(to) },
    { parent: group },
  );
}

/** Both sides of one connection between two groups of the stack. */
export function connect(
  name: string,
  from: ec2.SecurityGroup,
  to: ec2.SecurityGroup,
  opening: Opening,
): pulumi.Resource[] {
  return [letOut(`${name}-out`, from, { group: to.id }, opening), letIn(`${name}-in`, to, { group: from.id }, opening)];
}

const peer = (other: Peer) =>
  "group" in other ? { referencedSecurityGroupId: other.group } : { cidrIpv4: other.cidr };
