import * as ec2 from "@pulumi/aws/ec2";
import * as iam from "@pulumi/aws/iam";
import { getParameterOutput } from "@pulumi/aws/ssm";
import * as pulumi from "@pulumi/pulumi";
import type { Account } from "./account";
import type { Groups } from "./groups";
import type { Keys } from "./keys";
import type { Network } from "./network";
import { trust } from "./policy";

/** Amazon Linux, the newest when the bastion is made: it has the agent of Session Manager. */
const image = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64";

/**
 * The far end of a tunnel to the database (docs/aws.md). Nothing can reach it: Session Manager's agent in it asks AWS
 * whether anybody wants in, and AWS asks IAM.
 */
export class Bastion extends pulumi.ComponentResource {
  readonly id: pulumi.Output<string>;

  constructor(
    name: string,
    { account, network, groups, keys }: { account: Account; network: Network; groups: Groups; keys: Keys },
    options: pulumi.ComponentResourceOptions,
  ) {
    super("switchyard:aws:Bastion", name, {}, options);
    const { base, partition } = account;
    const role = new iam.Role(
      name,
      {
        name: `${base}-bastion`,
        description: "Lets Session Manager reach the bastion",
        assumeRolePolicy: trust("ec2.amazonaws.com"),
      },
      { parent: this },
    );
    const managed = new iam.RolePolicyAttachment(
      name,
      { role: role.name, policyArn: pulumi.interpolate`arn:${partition}:iam::aws:policy/AmazonSSMManagedInstanceCore` },
      { parent: role },
    );
    const profile = new iam.InstanceProfile(
      name,
      { name: `${base}-bastion`, role: role.name },
      { parent: role, dependsOn: managed },
    );
    const bastion = new ec2.Instance(
      name,
      {
        ami: getParameterOutput({ name: image }, { parent: this }).value,
        ...{ instanceType: "t4g.nano", iamInstanceProfile: profile.name, monitoring: true, ebsOptimized: true },
        ...{ associatePublicIpAddress: false, vpcSecurityGroupIds: [groups.deployer.id] },
        subnetId: network.privateSubnetIds.apply(([first = ""]) => first),
        metadataOptions: { httpTokens: "required", httpEndpoint: "enabled", httpPutResponseHopLimit: 1 },
        // GiB: what the image needs.
        rootBlockDevice: { encrypted: true, kmsKeyId: keys.of.database, volumeSize: 8, volumeType: "gp3" },
        tags: { Name: `${base}-bastion` },
      },
      // A newer image is no reason to make it anew in the midst of a release.
      { parent: this, ignoreChanges: ["ami"] },
    );
    this.id = bastion.id;
    this.registerOutputs({});
  }
}
