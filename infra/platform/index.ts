import type * as pulumi from "@pulumi/pulumi";
import type { Colour, Config } from "../config";
import type { Access } from "../database/access";
import type { ExpectedAccess } from "../database/expectations";
import type { Release, Wiring } from "../rollout/types";
import type { InputsOf } from "../providers/inputs";
import type { RdsAddress } from "./aws/snapshot";
import type { MomentWork } from "./moment";
import type { CopySettings } from "./local/colour/resource";
import type { StoreAddress } from "../providers/store/store";
import type { TelemetryAddress } from "./telemetry";
import type { ListenerPlace, TrafficAddress } from "./traffic";

/** Where a server is reached, and how the connection is secured. */
export interface Address {
  host: pulumi.Output<string>;
  port: pulumi.Output<number>;
  /** `verify-ca` is for the near end of a tunnel, whose name is in no certificate. */
  sslmode: "disable" | "verify-ca" | "verify-full";
  /** File with the certificates that are trusted, absolute or relative to the project. @default those of the machine */
  sslrootcert?: string;
}

/** The database server, and the role that administers it: no superuser, on any platform. */
export interface DatabaseServer {
  resource: pulumi.Resource;
  address: Address;
  administrator: string;
  /** Secret. */
  password: pulumi.Output<string>;
  /** What new databases are created from. @default PostgreSQL's template0 */
  template?: pulumi.Output<string>;
  /** The instance, where the server is one of RDS. */
  rds?: pulumi.Output<RdsAddress>;
  /** What a destroy does to a database in it. */
  holdsData: { protect: boolean; retainOnDelete: boolean };
}

/** How a colour's copies reach the database: as their own role, from a pool of their own. */
export interface ServiceDatabase extends Address {
  name: pulumi.Output<string>;
  user: pulumi.Input<string>;
  /** Secret. */
  password: pulumi.Output<string>;
  /** The migration that has to be applied for the release: the newest expand at or below its `schema`. */
  needs: string;
}

/** The way in before a colour has traffic: a header picks the colour. */
export interface PreviewListener {
  url: pulumi.Output<string>;
  header: string;
}

/** One colour as it runs. */
export interface RunningColour {
  resources: pulumi.Resource[];
  /** What it really runs; null where nothing is declared. */
  release: pulumi.Output<Release> | null;
}

/** A release as a rehearsal starts it: its own inputs, but for the database. */
export interface RehearsedRelease {
  folder: string;
  colour: Colour;
  copy: InputsOf<CopySettings>;
}

/** The production listener as it stands. */
export interface ProductionListener {
  resource: pulumi.Resource;
  url: pulumi.Output<string>;
  /** Percent of new requests that green gets. */
  weight: pulumi.Output<number>;
}

/** What a stack runs on. Everything above it is written once. */
export interface Platform {
  /** What a native update would replace, as declared; known before anything is. */
  readonly wiring: Wiring;
  /** The same as it really is, once it is there. */
  wired(): pulumi.Output<Wiring>;
  /** Where records are kept: where it was when something settled last, so that a return of traffic waits for nothing. */
  readonly store: pulumi.Input<StoreAddress>;
  /** The same as this `up` has it. */
  storeHere(): pulumi.Output<StoreAddress>;
  /** The way to weights that are live already, from where the listener was when something settled last. */
  trafficAt(place: ListenerPlace): pulumi.Output<TrafficAddress>;
  /** Where the figures of a listener there are read. */
  telemetryAt(place: ListenerPlace): TelemetryAddress;
  /** `after`: what must be over before anything of the platform changes. */
  database(after: pulumi.Resource[]): DatabaseServer;
  /** What the platform does between access and schema. @returns what everything that uses the database depends on. */
  afterAccess(access: Access, expected: ExpectedAccess): pulumi.Resource[];
  /**
   * A backup of the database as it was at the moment that config asks for; left out by a platform that knows no moments.
   * @returns its id; undefined where config asks for none
   */
  atMoment?(work: MomentWork, after: pulumi.Resource[]): pulumi.Output<string> | undefined;
  /** Target groups and the preview listener; before the colours, which register with them. */
  previewListener(after: pulumi.Resource[]): PreviewListener;
  /** Where the production listener is, or will be, and where its figures are read. */
  listenerPlace(): pulumi.Output<ListenerPlace>;
  telemetry(): pulumi.Output<TelemetryAddress>;
  /** One colour's release, running; nothing when none is declared. `after`: what it needs, its schema above all. */
  colour(name: Colour, release: Release | null, database: ServiceDatabase, after: pulumi.Resource[]): RunningColour;
  /** How the release that has traffic is started on a scratch copy; undefined where the platform can't. */
  rehearsed(name: Colour, database: ServiceDatabase): RehearsedRelease | undefined;
  /** The production listener with the declared weights; after the colours, and after the walk to those weights. */
  listener(after: pulumi.Resource[]): ProductionListener;
  /** What a stack on this platform tells besides, by the name of the output; once all of it is declared. */
  outputs(): Readonly<Record<string, pulumi.Output<string>>>;
}

/**
 * Loads a platform only when it is used: the SDK of AWS alone takes longer to load than a weight takes to change.
 * @param store where records were kept when something settled last; undefined before that.
 */
export function createPlatform(config: Config, store: StoreAddress | undefined): Platform {
  /* eslint-disable @typescript-eslint/no-require-imports -- loaded when used */
  if (config.platform === "aws") return (require("./aws") as typeof import("./aws")).createAwsPlatform(config, store);
  return (require("./local") as typeof import("./local")).createLocalPlatform(config);
  /* eslint-enable @typescript-eslint/no-require-imports */
}
