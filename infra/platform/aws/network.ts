import * as ec2 from "@pulumi/aws/ec2";
import { getAvailabilityZonesOutput } from "@pulumi/aws/getAvailabilityZones";
import * as pulumi from "@pulumi/pulumi";
import type { NetworkSettings } from "../../config";
import type { Account } from "./account";
import { endpoints } from "./endpoints";
import { flowLog } from "./flow-log";
import type { Logs } from "./logs";
import { cutNetwork } from "./subnets";

/** Where a stack lives: a VPC of its own, or one that is there. */
export class Network extends pulumi.ComponentResource {
  readonly vpcId: pulumi.Output<string>;
  /** For the load balancer: one a zone. */
  readonly publicSubnetIds: pulumi.Output<string[]>;
  /** For copies and database: one a zone, with a way out and none in. */
  readonly privateSubnetIds: pulumi.Output<string[]>;
  /** Addresses that what is in the private subnets has outside; none in a VPC that isn't the stack's. */
  readonly exits: pulumi.Output<string>[] = [];
  /**
   * Every way in and out, none in a VPC that isn't the stack's. AWS makes no load balancer where there is no internet, and none that
   * is there may lose it: it depends on these.
   */
  readonly ready: pulumi.Resource[] = [];

  constructor(
    name: string,
    readonly settings: NetworkSettings,
    readonly account: Account,
    logs: Logs,
    options: pulumi.ComponentResourceOptions,
  ) {
    super("switchyard:aws:Network", name, {}, options);
    if (settings.vpcId === undefined) {
      const own = this.#own(name, logs);
      this.vpcId = own.vpcId;
      this.publicSubnetIds = pulumi.output(own.public.map(({ id }) => id));
      this.privateSubnetIds = pulumi.output(own.private.map(({ id }) => id));
    } else {
      this.vpcId = pulumi.output(settings.vpcId);
      this.publicSubnetIds = pulumi.output([...settings.publicSubnetIds]);
      this.privateSubnetIds = pulumi.output([...settings.privateSubnetIds]);
    }
    this.registerOutputs({ vpcId: this.vpcId });
  }

  /** What a resource is named in the console, where a VPC's parts have ids alone. */
  #named = (name: string) => ({ tags: { Name: `${this.account.base}-${name}` } });

  #own(name: string, logs: Logs) {
    const { cidr, zones } = this.settings;
    const vpc = new ec2.Vpc(
      name,
      { cidrBlock: cidr, enableDnsHostnames: true, enableDnsSupport: true, ...this.#named("vpc") },
      { parent: this },
    );
    const inVpc = { parent: vpc };
    // EC2.2: whatever is put into the default group, by mistake, can speak to nobody.
    new ec2.DefaultSecurityGroup(`${name}-default`, { vpcId: vpc.id, ...this.#named("unused") }, inVpc);
    const gateway = new ec2.InternetGateway(name, { vpcId: vpc.id, ...this.#named("internet") }, inVpc);
    // An account that has let in a local zone gets it listed too, and neither RDS nor Fargate is in all of those.
    const whole = [{ name: "zone-type", values: ["availability-zone"] }];
    const available = getAvailabilityZonesOutput({ state: "available", filters: whole }, { parent: this });
    const subnets = cutNetwork(cidr, zones).map((cidrs, at) => {
      const zone = available.names.apply((names) => zoneOf(names, at));
      const subnet = (kind: "public" | "private") =>
        new ec2.Subnet(
          `${name}-${kind}-${at}`,
          {
            ...{ vpcId: vpc.id, cidrBlock: cidrs[kind], availabilityZone: zone, mapPublicIpOnLaunch: false },
            ...this.#named(`${kind}-${at}`),
          },
          // In which zone a subnet is decided once: a new zone of the region must not move it.
          { ...inVpc, ignoreChanges: ["availabilityZone"] },
        );
      return { public: subnet("public"), private: subnet("private") };
    });
    const open = this.#table(
      `${name}-public`,
      vpc,
      subnets.map((each) => each.public),
    );
    this.ready.push(
      new ec2.Route(
        `${name}-public`,
        { routeTableId: open.id, destinationCidrBlock: "0.0.0.0/0", gatewayId: gateway.id },
        { parent: open },
      ),
    );
    const tables = this.#waysOut(name, vpc, subnets, gateway);
    flowLog(name, vpc, this.account, logs);
    const ours = { region: this.account.region, base: this.account.base };
    const inside = subnets.map((each) => each.private);
    this.ready.push(...endpoints(name, this.settings.endpoints, vpc, ours, tables, inside));
    return { vpcId: vpc.id, public: subnets.map((each) => each.public), private: inside };
  }

  #table(name: string, vpc: ec2.Vpc, subnets: ec2.Subnet[]): ec2.RouteTable {
    const table = new ec2.RouteTable(name, { vpcId: vpc.id, ...this.#named(name) }, { parent: vpc });
    const associations = subnets.map(
      (subnet, at) =>
        new ec2.RouteTableAssociation(
          `${name}-${at}`,
          { routeTableId: table.id, subnetId: subnet.id },
          { parent: table },
        ),
    );
    this.ready.push(...associations);
    return table;
  }

  /** NAT: out of the private subnets, and nothing in. */
  #waysOut(
    name: string,
    vpc: ec2.Vpc,
    subnets: { public: ec2.Subnet; private: ec2.Subnet }[],
    gateway: ec2.InternetGateway,
  ): ec2.RouteTable[] {
    const shared = this.settings.natGateways === "one";
    const nats = subnets.slice(0, shared ? 1 : undefined).map((zone, at) => {
      const exit = new ec2.Eip(`${name}-nat-${at}`, { domain: "vpc", ...this.#named(`nat-${at}`) }, { parent: vpc });
      this.exits.push(exit.publicIp);
      return new ec2.NatGateway(
        `${name}-${at}`,
        { allocationId: exit.id, subnetId: zone.public.id, ...this.#named(`nat-${at}`) },
        { parent: vpc, dependsOn: gateway },
      );
    });
    const behind = shared ? [subnets.map((each) => each.private)] : subnets.map((each) => [each.private]);
    return behind.map((ofNat, at) => {
      const table = this.#table(`${name}-private-${at}`, vpc, ofNat);
      this.ready.push(
        new ec2.Route(
          `${name}-private-${at}`,
          { routeTableId: table.id, destinationCidrBlock: "0.0.0.0/0", natGatewayId: nats[at]?.id },
          { parent: table },
        ),
      );
      return table;
    });
  }
}

function zoneOf(names: string[], at: number): string {
  const name = names[at];
  if (name === undefined)
    throw new pulumi.RunError(
      `switchyard:network.zones asks for ${at + 1} availability zones or more, and this region offers ${names.length}: ` +
        `pulumi config set --path switchyard:network.zones ${Math.max(2, names.length)}, or another aws:region`,
    );
  return name;
}
