import * as pulumi from "@pulumi/pulumi";
import type {
  DatabaseServer,
  Platform,
  PreviewListener,
  RehearsedRelease,
  ProductionListener,
  RunningColour,
  ServiceDatabase,
} from "..";
import type { Colour, LocalConfig } from "../../config";
import type { Access, Login } from "../../database/access";
import type { ExpectedAccess } from "../../database/expectations";
import { Passwords } from "../../providers/passwords/resource";
import type { Release, Wiring } from "../../rollout/types";
import type { StoreAddress } from "../../providers/store/store";
import type { TelemetryAddress } from "../telemetry";
import type { ListenerPlace, TrafficAddress } from "../traffic";
import { previewHeader } from "./balancer/api";
import { LocalBalancer } from "./balancer/resource";
import { LocalCollector } from "./collector/resource";
import { readyWithin } from "./colour/ready";
import { LocalColour } from "./colour/resource";
import { LocalDatabase } from "./database/resource";
import { LocalListener } from "./listener/resource";
import type { EmbeddedMajor } from "./postgres/binaries";
import { LocalTakeOver } from "./take-over/resource";

/** The administrator of the local cluster, no superuser, as the master user of RDS is none. */
const administrator = "switchyard";

/** One machine, no account: embedded PostgreSQL, colours as processes, a weighted listener. */
export function createLocalPlatform(config: LocalConfig): Platform {
  return new LocalPlatform(config);
}

class LocalPlatform implements Platform {
  /** Balancer and target groups keep their identity through every change: nothing here is ever replaced. */
  readonly wiring: Wiring = { listener: "local", targets: { blue: "local/blue", green: "local/green" } };
  /** Everything of this stack on this machine: data, logs, the balancer's state. Relative to the project. */
  readonly #folder = `.switchyard/${pulumi.getStack()}`;
  readonly store: StoreAddress = { kind: "local", folder: `${this.#folder}/store` };
  readonly #passwords = new Passwords("local-passwords", { names: ["superuser", "administrator", "balancer"] });
  #server: LocalDatabase | undefined;
  #balancer: LocalBalancer | undefined;
  #monitoring: Login | undefined;

  constructor(readonly config: LocalConfig) {}

  wired(): pulumi.Output<Wiring> {
    return pulumi.output(this.wiring);
  }

  storeHere(): pulumi.Output<StoreAddress> {
    return pulumi.output(this.store);
  }

  trafficAt(place: ListenerPlace): pulumi.Output<TrafficAddress> {
    const here = localPlace(place);
    return this.#passwords.of("balancer").apply((token) => ({ ...here, token }));
  }

  telemetryAt(place: ListenerPlace): TelemetryAddress {
    return localPlace(place);
  }

  database(after: pulumi.Resource[]): DatabaseServer {
    const { database, local } = this.config;
    const password = this.#passwords.of("administrator");
    const server = new LocalDatabase(
      "database",
      {
        folder: this.#folder,
        name: database.name,
        majorVersion: database.majorVersion as EmbeddedMajor,
        maxConnections: database.maxConnections,
        port: local.databasePort,
        account: local.postgresUser,
        deleteDataOnDestroy: local.deleteDataOnDestroy,
        superuserPassword: this.#passwords.of("superuser"),
        administrator,
        administratorPassword: password,
      },
      { dependsOn: after },
    );
    this.#server = server;
    return {
      resource: server,
      address: { host: server.host, port: server.chosenPort, sslmode: "disable" },
      administrator,
      password,
      template: server.template,
      // A destroy stops the whole cluster, and keeps or deletes its data as config says: nothing in it is dropped before.
      holdsData: { protect: false, retainOnDelete: true },
    };
  }

  afterAccess({ owner, resources, logins }: Access, expected: ExpectedAccess): pulumi.Resource[] {
    this.#monitoring = logins.monitoring;
    const takeOver = new LocalTakeOver(
      "take-over",
      {
        port: this.#theDatabase().chosenPort,
        superuserPassword: this.#passwords.of("superuser"),
        owner,
        expected,
      },
      { dependsOn: resources },
    );
    return [takeOver];
  }

  previewListener(after: pulumi.Resource[]): PreviewListener {
    this.#balancer = new LocalBalancer(
      "balancer",
      {
        folder: this.#folder,
        previewPort: this.config.local.previewPort,
        token: this.#passwords.of("balancer"),
      },
      { dependsOn: after },
    );
    this.#collect(this.#balancer);
    return {
      url: pulumi.interpolate`http://127.0.0.1:${this.#balancer.chosenPreviewPort}`,
      header: previewHeader,
    };
  }

  #collect({ adminPort }: LocalBalancer): void {
    const { host, chosenPort } = this.#theDatabase();
    if (this.#monitoring === undefined)
      throw new Error("access to the database is declared before who reads its figures");
    new LocalCollector("collector", {
      folder: this.#folder,
      database: { host, port: chosenPort, name: this.config.database.name },
      monitoringPassword: this.#monitoring.password,
      limits: this.config.alarms,
      ...{ adminPort, token: this.#passwords.of("balancer") },
    });
  }

  listenerPlace(): pulumi.Output<ListenerPlace> {
    return this.#theBalancer().adminPort.apply((adminPort): ListenerPlace => ({ kind: "local", adminPort }));
  }

  telemetry(): pulumi.Output<TelemetryAddress> {
    return this.listenerPlace().apply((place) => this.telemetryAt(place));
  }

  colour(name: Colour, declared: Release | null, database: ServiceDatabase, after: pulumi.Resource[]): RunningColour {
    const copy = this.#copyOf(name, database);
    if (copy === undefined || declared === null) return { resources: [], release: null };
    const colour = new LocalColour(
      name,
      {
        folder: this.#folder,
        colour: name,
        count: declared.count,
        release: declared,
        copy,
        readyWithin: readyWithin(this.config.smoke.healthWait),
        databasePassword: database.password,
        adminPort: this.#theBalancer().adminPort,
        token: this.#passwords.of("balancer"),
      },
      { dependsOn: after },
    );
    return { resources: [colour], release: colour.release };
  }

  rehearsed(name: Colour, database: ServiceDatabase): RehearsedRelease | undefined {
    const copy = this.#copyOf(name, database);
    return copy && { folder: this.#folder, colour: name, copy };
  }

  /** What a colour's copies are started with; undefined where no release is declared. */
  #copyOf(name: Colour, { host, port, name: databaseName, user, needs }: ServiceDatabase) {
    const release = this.config[name];
    if (release === undefined) return undefined;
    const env = { ...release.env };
    return {
      version: release.version,
      schema: release.schema,
      needs,
      entry: release.entry,
      env: this.config.secretKeys.includes(name) ? pulumi.secret(env) : env,
      database: { host, port, name: databaseName, user },
      pool: { ...this.config.database.pool },
    };
  }

  listener(after: pulumi.Resource[]): ProductionListener {
    const listener = new LocalListener(
      "listener",
      {
        adminPort: this.#theBalancer().adminPort,
        token: this.#passwords.of("balancer"),
        port: this.config.local.port,
        greenWeight: this.config.greenWeight,
      },
      { dependsOn: after },
    );
    return {
      resource: listener,
      url: pulumi.interpolate`http://127.0.0.1:${listener.chosenPort}`,
      weight: listener.greenWeight,
    };
  }

  outputs(): Readonly<Record<string, pulumi.Output<string>>> {
    return {};
  }

  #theDatabase(): LocalDatabase {
    if (this.#server === undefined) throw new Error("the database is declared before access to it");
    return this.#server;
  }

  #theBalancer(): LocalBalancer {
    if (this.#balancer === undefined) throw new Error("the preview listener is declared before colours and listener");
    return this.#balancer;
  }
}

/** @throws pulumi.RunError when the stack has run on another platform. */
function localPlace(place: ListenerPlace): Extract<ListenerPlace, { kind: "local" }> {
  if (place.kind === "local") return place;
  throw new pulumi.RunError(
    `this stack's traffic is at ${place.loadBalancer}, and switchyard:platform is local: a stack stays on its platform; use another stack`,
  );
}
