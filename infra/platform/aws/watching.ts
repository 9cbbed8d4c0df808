import type { CompositeAlarm } from "@pulumi/aws/cloudwatch/compositeAlarm";
import * as pulumi from "@pulumi/pulumi";
import { colours, weightOf, type AwsConfig, type Colour } from "../../config";
import { memoryOf } from "../../config/sections/rds";
import { roleNames } from "../../database/names";
import type { PerColour, Release } from "../../rollout/types";
import type { Account } from "./account";
import { ColourAlarms, ownNamespace, SharedAlarms } from "./alarms";
import type { Balancer } from "./balancer";
import { serviceName } from "./colour";
import { dashboard } from "./dashboards";
import { Digest } from "./digest";
import type { Keys } from "./keys";
import type { Logs } from "./logs";
import { Notify } from "./notify";
import { balancerDimension, groupDimension } from "./sdk";

interface WatchingArgs {
  readonly config: AwsConfig;
  readonly account: Account;
  readonly keys: Keys;
  readonly logs: Logs;
  readonly balancer: Balancer;
  /** What has to be there first: the database, whose log is counted, and what reads its figures. */
  readonly after: pulumi.Resource[];
  readonly options: pulumi.ComponentResourceOptions;
}

const gibibyte = 2 ** 30;

/** Who is told of what, by which alarms, and what there is to look at. */
export class Watching {
  readonly #notify: Notify;
  readonly #alarms = new Map<Colour, CompositeAlarm>();

  constructor(private readonly args: WatchingArgs) {
    const { config, account, keys, options } = args;
    const isSecret = config.secretKeys.includes("notify");
    this.#notify = new Notify("notify", { notify: config.notify, isSecret, account, key: keys.of.alarms }, options);
    this.#shared();
    this.#digest();
  }

  /** Where somebody is named for it. */
  #digest(): void {
    const { config, account, keys, logs, options } = this.args;
    const { digest, topics, ready } = this.#notify;
    if (digest === undefined) return;
    new Digest(
      "digest",
      { ...{ account, logs, topics, key: keys.of.alarms, to: digest, at: config.notify.low.digest } },
      { ...options, dependsOn: ready },
    );
  }

  #shared(): void {
    const { config, account, balancer, options } = this.args;
    const { instanceClass, storage, proxy } = config.rds;
    const memory = memoryOf(instanceClass);
    new SharedAlarms(
      "alarms",
      {
        ...{ base: account.base, topics: this.#notify.topics, limits: config.alarms },
        roles: roleNames(config.database.name),
        log: this.#log,
        watched: {
          loadBalancer: balancer.loadBalancer.arn.apply(balancerDimension),
          instance: account.base,
          ...{ memory: memory && memory * gibibyte, storage: storage * gibibyte },
          maxConnections: config.database.maxConnections,
          ...(proxy && { proxy: account.base }),
        },
      },
      { ...options, dependsOn: [...this.#notify.ready, ...this.args.after] },
    );
  }

  /**
   * The alarms of a colour; the composite one is there whether a release is or not, as a walk asks for both.
   * @param after that it runs: until then it has no healthy copy, and nothing is wrong by that.
   */
  colour(name: Colour, release: Release | null, after: pulumi.Resource[]): CompositeAlarm {
    const { config, account, balancer, options } = this.args;
    const runs = release !== null && release.count > 0;
    const { composite } = new ColourAlarms(
      name,
      {
        ...{ base: account.base, topics: this.#notify.topics, limits: config.alarms },
        composite: serviceName(account.base, name),
        ...(runs && { log: `/switchyard/${account.base}/${name}` }),
        watched: {
          ...{ colour: name, runs, live: weightOf(name, config.greenWeight) > 0 },
          loadBalancer: balancer.loadBalancer.arn.apply(balancerDimension),
          targetGroup: balancer.targets[name].arn.apply(groupDimension),
          ...{ cluster: account.base, service: serviceName(account.base, name) },
          namespace: ownNamespace(account.base),
        },
      },
      { ...options, dependsOn: [...this.#notify.ready, ...after] },
    );
    this.#alarms.set(name, composite);
    return composite;
  }

  /** Once both colours have their alarms. */
  dashboard(): void {
    const { config, account, balancer } = this.args;
    const { base, region } = account;
    const each = <T>(of: (colour: Colour) => T): PerColour<T> => ({ blue: of("blue"), green: of("green") });
    const arns = colours.map((colour) => this.#alarms.get(colour)?.arn ?? "");
    const shown = pulumi
      .all([balancer.loadBalancer.arn, balancer.targets.blue.arn, balancer.targets.green.arn, pulumi.all(arns)])
      .apply(([loadBalancer, blue, green, [ofBlue = "", ofGreen = ""]]) => ({
        ...{ base, region, loadBalancer: balancerDimension(loadBalancer) },
        targetGroups: { blue: groupDimension(blue), green: groupDimension(green) },
        services: each((colour) => serviceName(base, colour)),
        weights: each((colour) => weightOf(colour, config.greenWeight)),
        versions: each((colour) => config[colour]?.version),
        alarms: { blue: ofBlue, green: ofGreen },
        roles: roleNames(config.database.name),
        ...{ log: this.#log, namespace: ownNamespace(base) },
      }));
    dashboard("dashboard", shown, base, { provider: account.provider });
  }

  /** What RDS hands on of PostgreSQL's log. */
  get #log(): string {
    return `/aws/rds/instance/${this.args.account.base}/postgresql`;
  }
}
