import type * as ecs from "@pulumi/aws/ecs";
import * as pulumi from "@pulumi/pulumi";
import type {
  Address,
  DatabaseServer,
  Platform,
  PreviewListener,
  ProductionListener,
  RunningColour,
  ServiceDatabase,
} from "..";
import { colours, otherColour, type AwsConfig, type Colour } from "../../config";
import type { Access } from "../../database/access";
import type { ExpectedAccess } from "../../database/expectations";
import type { StoreAddress } from "../../providers/store/store";
import type { PerColour, Release, Wiring } from "../../rollout/types";
import { previewHeader } from "../local/balancer/api";
import type { MomentWork } from "../moment";
import type { TelemetryAddress } from "../telemetry";
import type { ListenerPlace, TrafficAddress } from "../traffic";
import { administrator, declareAdministrator } from "./administrator/declare";
import { awsAccount, type Account } from "./account";
import { Balancer, declaredWiring, productionPort } from "./balancer";
import { Bastion } from "./bastion";
import { boundary, ciRoles } from "./ci-roles";
import { cluster } from "./cluster";
import { Collector } from "./collector";
import { AwsColour, serviceName } from "./colour";
import { Database, databasePort } from "./database";
import { Groups } from "./groups";
import { Keys } from "./keys";
import type { Logs } from "./logs";
import { Network } from "./network";
import { declareMoment } from "./point-in-time/declare";
import { productionListener } from "./production-listener";
import { Proxy } from "./proxy";
import { Secret } from "./secret";
import { Seed } from "./seed/declare";
import { Store } from "./store";
import { Watching } from "./watching";

/** An account of AWS: RDS, ECS on Fargate, an Application Load Balancer. */
export function createAwsPlatform(config: AwsConfig, knownStore: StoreAddress | undefined): Platform {
  return new AwsPlatform(config, knownStore);
}

/** What stands before anything of a rollout is decided; made when it is first asked for. */
interface Ground {
  readonly keys: Keys;
  readonly logs: Logs;
  readonly network: Network;
  readonly groups: Groups;
  readonly options: pulumi.ComponentResourceOptions;
  /** What was there before it. */
  readonly after: pulumi.Resource[];
}

class AwsPlatform implements Platform {
  readonly wiring: Wiring;
  readonly #account: Account = awsAccount();
  #store: Store | undefined;
  #ground: Ground | undefined;
  #database: Database | undefined;
  #seed: Seed | undefined;
  #logins: PerColour<Secret> | undefined;
  #collector: Collector | undefined;
  #proxy: Proxy | undefined;
  #balancer: Balancer | undefined;
  #cluster: ecs.Cluster | undefined;
  #watching: Watching | undefined;

  constructor(
    readonly config: AwsConfig,
    readonly knownStore: StoreAddress | undefined,
  ) {
    this.wiring = declaredWiring(this.#account.base, config);
  }

  wired(): pulumi.Output<Wiring> {
    return this.#theBalancer().wired();
  }

  /**
   * Known from the last `up` that finished, so that a return of traffic waits for nothing of AWS. Before there was one, there
   * is nothing to return to.
   */
  get store(): pulumi.Input<StoreAddress> {
    return this.knownStore ?? this.storeHere();
  }

  storeHere(): pulumi.Output<StoreAddress> {
    const { connection } = this.#account;
    const { keys } = this.#theGround([]);
    const store = this.#theStore();
    return pulumi
      .all([store.bucket, keys.of.store])
      .apply(([bucket, kmsKey]): StoreAddress => ({ kind: "s3", connection, bucket, prefix: "", kmsKey }));
  }

  trafficAt(place: ListenerPlace): pulumi.Output<TrafficAddress> {
    return pulumi.output(awsPlace(place));
  }

  telemetryAt(place: ListenerPlace): TelemetryAddress {
    const { connection, loadBalancer, targetGroups } = awsPlace(place);
    const alarms = { blue: serviceName(this.#account.base, "blue"), green: serviceName(this.#account.base, "green") };
    return { kind: "aws", connection, loadBalancer, targetGroups, alarms };
  }

  database(after: pulumi.Resource[]): DatabaseServer {
    const { database, rds } = this.config;
    const ground = this.#theGround(after);
    this.#database = new Database(
      "database",
      { database, rds, account: this.#account, ...ground, group: ground.groups.database },
      { ...ground.options, dependsOn: [...after, ...ground.groups.rules] },
    );
    if (rds.bastion) new Bastion("bastion", { account: this.#account, ...ground }, ground.options);
    const address = this.#reached(this.#database);
    const login = declareAdministrator("administrator", this.#database, address, { dependsOn: after });
    if (rds.seedFrom !== undefined)
      this.#seed = new Seed(
        { database: database.name, rds, server: this.#database, address, login },
        { dependsOn: after },
      );
    return {
      resource: this.#database.instance,
      address,
      administrator,
      password: this.#seed?.password ?? login.password,
      rds: this.#database.instance.identifier.apply((instance) => ({ connection: this.#account.connection, instance })),
      holdsData: { protect: true, retainOnDelete: true },
    };
  }

  /** How whoever runs `pulumi up` reaches the database: from inside its network, or through a tunnel into it. */
  #reached({ host }: Database): Address {
    const { via } = this.config.database;
    const { caBundle } = this.config.rds;
    const trusted = caBundle === undefined ? {} : { sslrootcert: caBundle };
    if (via === undefined) return { host, port: pulumi.output(databasePort), sslmode: "verify-full", ...trusted };
    const near = { host: pulumi.output<string>(via.host), port: pulumi.output(via.port), sslmode: via.sslmode };
    return via.sslmode === "disable" ? near : { ...near, ...trusted };
  }

  /** What copies log in with, and the proxy in front of the instance. */
  afterAccess(access: Access, expected: ExpectedAccess): pulumi.Resource[] {
    const { logins } = access;
    const resources = this.#seed === undefined ? access.resources : [this.#seed.takeOver(access, expected)];
    const { keys, groups, network, options } = this.#theGround([]);
    const login = (colour: Colour) =>
      new Secret(
        `${colour}-login`,
        {
          name: `${this.#account.base}-${colour}-login`,
          description: `How ${colour} logs in at the database`,
          key: keys.of.secrets,
          values: { username: logins[colour].user, password: logins[colour].password },
        },
        { ...options, dependsOn: resources },
      );
    const secrets = { blue: login("blue"), green: login("green") };
    this.#logins = secrets;
    this.#collector = new Collector(
      "collector",
      {
        config: this.config,
        account: this.#account,
        database: this.#theDatabase(),
        login: logins.monitoring,
        ...this.#theGround([]),
      },
      { ...options, dependsOn: resources },
    );
    if (this.config.rds.proxy)
      this.#proxy = new Proxy(
        "proxy",
        {
          ...{ account: this.#account, database: this.#theDatabase(), groups, network, keys },
          secrets: colours.map((colour) => secrets[colour]),
        },
        options,
      );
    return resources;
  }

  atMoment(work: MomentWork, after: pulumi.Resource[]): pulumi.Output<string> | undefined {
    const { restore: { pointInTime, retire, via } = {}, database, rds } = this.config;
    if (pointInTime === undefined) return undefined;
    const { keys } = this.#theGround([]);
    return declareMoment(
      {
        pointInTime,
        retire: retire !== undefined,
        database,
        rds,
        via,
        account: this.#account,
        keys,
        server: this.#theDatabase(),
        work,
      },
      { dependsOn: after },
    );
  }

  previewListener(after: pulumi.Resource[]): PreviewListener {
    const { keys, logs, network, groups, options } = this.#theGround(after);
    const balancer = new Balancer(
      "balancer",
      this.config,
      { account: this.#account, network, groups, store: this.#theStore(), kept: this.#theDatabase().kept },
      { ...options, dependsOn: after },
    );
    this.#balancer = balancer;
    this.#watching = new Watching({
      ...{ config: this.config, account: this.#account, keys, logs, balancer, options },
      after: [...after, this.#theDatabase(), this.#theCollector().schedule],
    });
    const { names, preview } = this.config.domain;
    const url = `https://${names[0] ?? ""}:${preview.port}`;
    return {
      // Known only once the way is there.
      url: pulumi.all(balancer.ready.map(({ urn }) => urn)).apply(() => url),
      header: previewHeader,
    };
  }

  listenerPlace(): pulumi.Output<Extract<ListenerPlace, { kind: "aws" }>> {
    const { connection } = this.#account;
    const { loadBalancer, targets } = this.#theBalancer();
    return pulumi.all([loadBalancer.arn, targets.blue.arn, targets.green.arn]).apply(([arn, blue, green]) => ({
      ...{ kind: "aws" as const, connection, loadBalancer: arn, port: productionPort },
      targetGroups: { blue, green },
    }));
  }

  telemetry(): pulumi.Output<TelemetryAddress> {
    return this.listenerPlace().apply((place) => this.telemetryAt(place));
  }

  colour(name: Colour, declared: Release | null, database: ServiceDatabase, after: pulumi.Resource[]): RunningColour {
    if (declared === null) return { resources: [this.#theWatching().colour(name, null, after)], release: null };
    const { keys, groups, network, logs, options, after: first } = this.#theGround(after);
    this.#cluster ??= cluster("cluster", this.#account, {
      provider: this.#account.provider,
      dependsOn: first,
    });
    const at = this.#proxy === undefined ? { host: this.#theDatabase().host, port: databasePort } : { host: this.#proxy.endpoint, port: 5432 }; // prettier-ignore
    const colour = new AwsColour(
      name,
      {
        ...{ colour: name, config: this.config, release: declared, login: this.#theLogins()[name] },
        database: { name: database.name, user: database.user, needs: database.needs, ...at },
        ...{ account: this.#account, keys, groups, network, logs, balancer: this.#theBalancer() },
        ...{ cluster: this.#cluster, other: serviceName(this.#account.base, otherColour(name)), after },
      },
      { ...options, dependsOn: after },
    );
    const alarm = this.#theWatching().colour(name, declared, [...after, colour.steady]);
    return { resources: [colour.steady, alarm], release: colour.steady.release };
  }

  /** A copy would have to run where the scratch copy is, which is not where copies run. */
  rehearsed(): undefined {
    return undefined;
  }

  listener(after: pulumi.Resource[]): ProductionListener {
    const { listener, weight } = productionListener("listener", this.config, this.#theBalancer(), {
      provider: this.#account.provider,
      dependsOn: after,
    });
    this.#theWatching().dashboard();
    return { resource: listener, url: pulumi.output(`https://${this.config.domain.names[0] ?? ""}`), weight };
  }

  outputs(): Readonly<Record<string, pulumi.Output<string>>> {
    const { provider } = this.#account;
    const { masterUserSecrets } = this.#theDatabase().instance;
    const masterSecret = masterUserSecrets.apply(([secret]) => secret?.secretArn ?? "");
    const { keys } = this.#theGround([]);
    return {
      ...ciRoles(
        { config: this.config, account: this.#account, masterSecret, secretsKey: keys.of.secrets },
        { provider },
      ),
    };
  }

  #theGround(after: pulumi.Resource[]): Ground {
    if (this.#ground !== undefined) return this.#ground;
    const { provider } = this.#account;
    const limits = boundary({ config: this.config, account: this.#account }, { provider, dependsOn: after });
    const options = { providers: { aws: provider }, transformations: limits };
    const first = { ...options, dependsOn: after };
    const keys = new Keys("keys", this.#account, first);
    const logs = { key: keys.of.logs, days: this.config.service.logDays };
    const network = new Network("network", this.config.network, this.#account, logs, first);
    const groups = new Groups("groups", this.config, this.#account, network, first);
    return (this.#ground = { keys, logs, network, groups, options, after });
  }

  #theStore(): Store {
    const { keys, options } = this.#theGround([]);
    return (this.#store ??= new Store(
      "store",
      { account: this.#account, keys, lockDays: this.config.backup.lockDays },
      options,
    ));
  }

  #theDatabase = (): Database => declared(this.#database, "the database");
  #theCollector = (): Collector => declared(this.#collector, "access to the database");
  #theLogins = (): PerColour<Secret> => declared(this.#logins, "access to the database");
  #theWatching = (): Watching => declared(this.#watching, "the preview listener");
  #theBalancer = (): Balancer => declared(this.#balancer, "the preview listener");
}

/** The program's order is infra/index.ts; a step that comes too early is a mistake in it. */
function declared<T>(what: T | undefined, name: string): T {
  if (what === undefined) throw new Error(`${name} is declared before what builds on it`);
  return what;
}

/** @throws pulumi.RunError when the stack has run on another platform. */
function awsPlace(place: ListenerPlace): Extract<ListenerPlace, { kind: "aws" }> {
  if (place.kind === "aws") return place;
  throw new pulumi.RunError(
    "this stack has run on platform local, and switchyard:platform says aws: a stack stays where it is; make another one with: pulumi stack init NAME",
  );
}
