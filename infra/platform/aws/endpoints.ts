import * as ec2 from "@pulumi/aws/ec2";
import type * as pulumi from "@pulumi/pulumi";
import { letIn, securityGroup } from "./rules";

/** What copies ask of AWS: images, logs, secrets and the keys of both. */
const services = ["ecr.api", "ecr.dkr", "logs", "secretsmanager", "kms"] as const;

/**
 * Ways to AWS that don't leave the VPC. The one to S3, where images' layers are, costs nothing and is always there; the
 * others cost something an hour and zone, and are there when config asks for them.
 * @returns all that these ways are made of
 */
export function endpoints(
  name: string,
  all: boolean,
  vpc: ec2.Vpc,
  { region, base }: { region: string; base: string },
  tables: ec2.RouteTable[],
  subnets: ec2.Subnet[],
): pulumi.Resource[] {
  const s3 = new ec2.VpcEndpoint(
    `${name}-s3`,
    {
      ...{ vpcId: vpc.id, serviceName: `com.amazonaws.${region}.s3`, vpcEndpointType: "Gateway" },
      routeTableIds: tables.map(({ id }) => id),
      tags: { Name: `${base}-s3` },
    },
    { parent: vpc },
  );
  if (!all) return [s3];
  const group = securityGroup(
    `${name}-endpoints`,
    { base, vpcId: vpc.id, description: "Endpoints of AWS inside the VPC" },
    vpc,
  );
  const rule = letIn(
    `${name}-endpoints`,
    group,
    { cidr: vpc.cidrBlock },
    { description: "Everybody in the VPC", port: 443 },
  );
  const others = services.map(
    (service) =>
      new ec2.VpcEndpoint(
        `${name}-${service.replace(".", "-")}`,
        {
          ...{ vpcId: vpc.id, serviceName: `com.amazonaws.${region}.${service}`, vpcEndpointType: "Interface" },
          ...{ privateDnsEnabled: true, subnetIds: subnets.map(({ id }) => id), securityGroupIds: [group.id] },
          tags: { Name: `${base}-${service}` },
        },
        { parent: vpc },
      ),
  );
  return [s3, rule, ...others];
}
