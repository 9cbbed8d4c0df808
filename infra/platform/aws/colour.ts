import * as ecs from "@pulumi/aws/ecs";
import * as pulumi from "@pulumi/pulumi";
import { maximumPercent, type AwsConfig, type Colour } from "../../config";
import { fitPool } from "../../database/budget";
import type { Release } from "../../rollout/types";
import type { ServiceDatabase } from "..";
import type { Account } from "./account";
import type { Balancer } from "./balancer";
import { EcsSteady } from "./ecs-steady/resource";
import type { Groups } from "./groups";
import type { Keys } from "./keys";
import { logGroup, type Logs } from "./logs";
import type { Network } from "./network";
import { scaling, type Bounds } from "./scaling";
import { Secret } from "./secret";
import { taskDefinition } from "./task";
import { taskRoles } from "./task-roles";

export interface ColourArgs {
  readonly colour: Colour;
  readonly config: AwsConfig;
  /** As the rules know it: kept in state, to say what runs. */
  readonly release: Release;
  readonly database: Pick<ServiceDatabase, "name" | "user" | "needs"> & {
    readonly host: pulumi.Input<string>;
    readonly port: number;
  };
  /** Username and password of the colour's role. */
  readonly login: Secret;
  readonly account: Account;
  readonly network: Network;
  readonly groups: Groups;
  readonly keys: Keys;
  readonly logs: Logs;
  readonly balancer: Balancer;
  readonly cluster: ecs.Cluster;
  /** Name of the other colour's service: this one is scaled by the load of both, and brought to as many copies. */
  readonly other: string;
  /** What has to be there before a copy runs. */
  readonly after: pulumi.Resource[];
}

/** The name of a colour's service, and of its composite alarm in CloudWatch. */
export const serviceName = (base: string, colour: Colour): string => `${base}-${colour}`;

/** One running release: an ECS service behind its own target group, and the proof that it runs what was declared. */
export class AwsColour extends pulumi.ComponentResource {
  readonly steady: EcsSteady;

  constructor(name: string, args: ColourArgs, options: pulumi.ComponentResourceOptions) {
    super("switchyard:aws:Colour", name, {}, options);
    const { colour, config, account, release } = args;
    const definition = this.#task(name, args);
    const service = this.#service(name, args, definition);
    const bounds = boundsOf(release.count, config.service);
    const own = serviceName(account.base, colour);
    const scaled = scaling(name, {
      ...{ policy: `${account.base}-${colour}-cpu`, cluster: account.base, service, own, other: args.other },
      ...{ bounds, targetCpu: config.service.targetCpu },
    });
    this.steady = new EcsSteady(
      name,
      {
        connection: account.connection,
        cluster: account.base,
        service: own,
        taskDefinition: definition.arn,
        ...bounds,
        release,
        weight: colour === "green" ? config.greenWeight : 100 - config.greenWeight,
        other: args.other,
        logGroup: `/switchyard/${account.base}/${colour}`,
      },
      { parent: this, dependsOn: scaled },
    );
    this.registerOutputs({});
  }

  #task(name: string, args: ColourArgs): ecs.TaskDefinition {
    const { account, colour, config, keys, login, database } = args;
    const release = config[colour];
    if (release === undefined) throw new Error(`there is no release of ${colour} to run`);
    const log = logGroup(name, `/switchyard/${account.base}/${colour}`, args.logs, this);
    // One secret value makes all of a release's variables secret: Pulumi keeps no track of which one it was.
    const isSecret = config.secretKeys.includes(colour) && Object.keys(release.env).length > 0;
    const own = isSecret
      ? new Secret(
          `${name}-env`,
          {
            name: `${account.base}-${colour}-env`,
            description: `Variables of ${colour}'s release`,
            ...{ key: keys.of.secrets, values: pulumi.secret({ ...release.env }) },
          },
          { parent: this },
        )
      : undefined;
    const { execution, task, policy } = taskRoles(
      name,
      account,
      {
        ...{ colour, image: release.image, logGroup: log.arn },
        ...{ secrets: [login.arn, ...(own === undefined ? [] : [own.arn])], secretsKey: keys.of.secrets },
      },
      this,
    );
    const { pool, colourConnectionLimit } = config.database;
    const demand = { key: "service.maximum", copies: config.service.maximum, maximumPercent };
    const fitted = fitPool(pool, colourConnectionLimit, demand);
    if (fitted === undefined) throw new Error("the config rules let a budget of connections through that doesn't hold");
    return taskDefinition(
      name,
      {
        ...{ account, colour, release, service: config.service, database },
        pool: { ...pool, ...fitted },
        secrets: {
          PGPASSWORD: login.valueFrom("password"),
          ...(own && Object.fromEntries(Object.keys(release.env).map((key) => [key, own.valueFrom(key)]))),
        },
        env: own === undefined ? release.env : {},
        ...{ logGroup: log.name, executionRole: execution.arn, taskRole: task.arn },
      },
      // No copy is started before its role may read what it is started with.
      { parent: this, dependsOn: policy },
    );
  }

  #service(name: string, args: ColourArgs, definition: ecs.TaskDefinition): ecs.Service {
    const { account, colour, config, network, groups, balancer, release } = args;
    return new ecs.Service(
      name,
      {
        ...{ name: serviceName(account.base, colour), cluster: args.cluster.arn, taskDefinition: definition.arn },
        ...{ launchType: "FARGATE", platformVersion: "LATEST", desiredCount: release.count },
        ...{ deploymentMinimumHealthyPercent: 100, deploymentMaximumPercent: maximumPercent },
        deploymentCircuitBreaker: { enable: true, rollback: true },
        // Seconds until the load balancer's word counts: as long as a copy may take until it is ready (smoke.healthWait).
        healthCheckGracePeriodSeconds: Math.ceil(config.smoke.healthWait / 1000),
        networkConfiguration: {
          ...{ subnets: network.privateSubnetIds, securityGroups: [groups.copies.id], assignPublicIp: false },
        },
        loadBalancers: [
          { targetGroupArn: balancer.targets[colour].arn, containerName: colour, containerPort: config.service.port },
        ],
        // Copies are spread anew over the zones when one of them comes back.
        availabilityZoneRebalancing: "ENABLED",
        ...{ enableEcsManagedTags: true, propagateTags: "SERVICE" },
        // EcsSteady waits, and knows what to look for.
        waitForSteadyState: false,
      },
      {
        parent: this,
        // A service is refused whose target group no listener uses.
        dependsOn: [balancer.previews[colour], ...groups.rules, ...args.after],
        // From then on it is autoscaling's.
        ignoreChanges: ["desiredCount"],
      },
    );
  }
}

/** A colour never has fewer copies than its release asks for; a retired one has none. */
const boundsOf = (count: number, service: AwsConfig["service"]): Bounds =>
  count === 0 ? { minimum: 0, maximum: 0 } : { minimum: count, maximum: service.maximum };
