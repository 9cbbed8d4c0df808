import { accountId } from "../account";
import type { Definition, Making } from "../definition";
import { arn, ec2Id } from "../identifiers";
import { text } from "../values";

const ec2 = (noun: string, update = `Modify${noun}Attribute`): Pick<Definition, "service" | "operations"> => ({
  service: "EC2",
  operations: [`Create${noun}`, update, `Delete${noun}`],
});

/** What most things of EC2 have: an id, an ARN made of it, and an owner. */
const identified = ({ here }: Making, prefix: string, path: string) => {
  const id = ec2Id(prefix);
  return { id, arn: arn(here, "ec2", `${path}/${id}`), ownerId: accountId };
};

const rule = (operation: string): Definition => ({
  service: "EC2",
  operations: [`AuthorizeSecurityGroup${operation}`, "ModifySecurityGroupRules", `RevokeSecurityGroup${operation}`],
  id: "securityGroupRuleId",
  make: ({ here }) => {
    const id = ec2Id("sgr");
    return { securityGroupRuleId: id, arn: arn(here, "ec2", `security-group-rule/${id}`) };
  },
});

export const network: Record<string, Definition> = {
  "aws:ec2/vpc:Vpc": {
    ...ec2("Vpc"),
    id: "id",
    make: (making) => ({
      ...identified(making, "vpc", "vpc"),
      defaultNetworkAclId: ec2Id("acl"),
      defaultRouteTableId: ec2Id("rtb"),
      defaultSecurityGroupId: ec2Id("sg"),
      dhcpOptionsId: ec2Id("dopt"),
      ipv6AssociationId: "",
      mainRouteTableId: ec2Id("rtb"),
      enableDnsHostnames: false,
    }),
  },
  "aws:ec2/subnet:Subnet": {
    ...ec2("Subnet"),
    id: "id",
    make: (making) => ({
      ...identified(making, "subnet", "subnet"),
      availabilityZone: `${making.here.region}a`,
      ipv6CidrBlockAssociationId: "",
    }),
  },
  "aws:ec2/internetGateway:InternetGateway": {
    ...ec2("InternetGateway", "AttachInternetGateway"),
    id: "id",
    make: (making) => identified(making, "igw", "internet-gateway"),
  },
  "aws:ec2/natGateway:NatGateway": {
    ...ec2("NatGateway"),
    id: "id",
    make: ({ inputs, rows }) => ({
      id: ec2Id("nat"),
      associationId: ec2Id("eipassoc"),
      autoProvisionZones: "",
      autoScalingIps: "",
      networkInterfaceId: ec2Id("eni"),
      privateIp: "10.0.0.10",
      publicIp: text(rows.get("aws:ec2/eip:Eip", text(inputs, "allocationId"))?.outs ?? {}, "publicIp"),
      regionalNatGatewayAddresses: [],
      regionalNatGatewayAutoMode: "",
      routeTableId: "",
    }),
  },
  "aws:ec2/eip:Eip": {
    service: "EC2",
    operations: ["AllocateAddress", "AssociateAddress", "ReleaseAddress"],
    id: "allocationId",
    make: ({ here, rows }) => {
      const id = ec2Id("eipalloc");
      // TEST-NET-3 (RFC 5737): addresses that nobody has.
      const ip = `203.0.113.${rows.next("address") % 256}`;
      const dns = (kind: string) => `ec2-${ip.replaceAll(".", "-")}.${here.region}.${kind}.amazonaws.com`;
      return {
        allocationId: id,
        arn: arn(here, "ec2", `elastic-ip/${id}`),
        associationId: "",
        carrierIp: "",
        customerOwnedIp: "",
        domain: "vpc",
        privateDns: "",
        privateIp: "",
        ptrRecord: "",
        publicDns: dns("compute"),
        publicIp: ip,
      };
    },
  },
  "aws:ec2/routeTable:RouteTable": {
    ...ec2("RouteTable", "ReplaceRoute"),
    id: "id",
    make: (making) => identified(making, "rtb", "route-table"),
  },
  "aws:ec2/route:Route": {
    ...ec2("Route", "ReplaceRoute"),
    id: (outs) =>
      `r-${text(outs, "routeTableId")}${text(outs, "destinationCidrBlock")}${text(outs, "destinationIpv6CidrBlock")}`,
    make: () => ({ instanceId: "", instanceOwnerId: "", origin: "CreateRoute", state: "active" }),
  },
  "aws:ec2/routeTableAssociation:RouteTableAssociation": {
    service: "EC2",
    operations: ["AssociateRouteTable", "ReplaceRouteTableAssociation", "DisassociateRouteTable"],
    id: "id",
    make: () => ({ id: ec2Id("rtbassoc") }),
  },
  "aws:ec2/securityGroup:SecurityGroup": {
    ...ec2("SecurityGroup"),
    autoName: { property: "name", maximum: 255 },
    id: "id",
    make: (making) => identified(making, "sg", "security-group"),
  },
  "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": {
    ...ec2("SecurityGroup"),
    id: "id",
    make: ({ inputs, here, rows }) => {
      // Adopted, not made: it came with the network.
      const vpc = rows.get("aws:ec2/vpc:Vpc", text(inputs, "vpcId"))?.outs ?? {};
      const id = text(vpc, "defaultSecurityGroupId") || ec2Id("sg");
      return {
        id,
        arn: arn(here, "ec2", `security-group/${id}`),
        ownerId: accountId,
        description: "default VPC security group",
        name: "default",
        namePrefix: "",
      };
    },
  },
  "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": rule("Ingress"),
  "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": rule("Egress"),
  "aws:ec2/securityGroupRule:SecurityGroupRule": {
    service: "EC2",
    operations: ["AuthorizeSecurityGroupIngress", "ModifySecurityGroupRules", "RevokeSecurityGroupIngress"],
    id: "securityGroupRuleId",
    make: () => ({ securityGroupRuleId: ec2Id("sgr") }),
  },
  "aws:ec2/vpcEndpoint:VpcEndpoint": {
    service: "EC2",
    operations: ["CreateVpcEndpoint", "ModifyVpcEndpoint", "DeleteVpcEndpoints"],
    id: "id",
    make: (making) => ({
      ...identified(making, "vpce", "vpc-endpoint"),
      cidrBlocks: [],
      dnsEntries: [
        { dnsName: `${ec2Id("vpce")}.${text(making.inputs, "serviceName")}`, hostedZoneId: "Z38GZ743OKFT7T" },
      ],
      networkInterfaceIds: [],
      prefixListId: text(making.inputs, "vpcEndpointType") === "Gateway" ? ec2Id("pl") : "",
      requesterManaged: false,
      state: "available",
    }),
  },
  "aws:ec2/flowLog:FlowLog": {
    ...ec2("FlowLogs"),
    id: "id",
    make: (making) => {
      const { id, arn: own } = identified(making, "fl", "vpc-flow-log");
      return { id, arn: own };
    },
  },
  "aws:ec2/instance:Instance": {
    service: "EC2",
    operations: ["RunInstances", "ModifyInstanceAttribute", "TerminateInstances"],
    id: "id",
    make: (making) => {
      const { id, arn: own } = identified(making, "i", "instance");
      return {
        id,
        arn: own,
        instanceLifecycle: "",
        instanceState: "running",
        outpostArn: "",
        passwordData: "",
        primaryNetworkInterfaceId: ec2Id("eni"),
        privateDns: `ip-10-0-0-20.${making.here.region}.compute.internal`,
        privateIp: "10.0.0.20",
        publicDns: "",
        publicIp: "",
        spotInstanceRequestId: "",
      };
    },
  },
};
