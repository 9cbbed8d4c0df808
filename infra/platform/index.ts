import * as pulumi from "@pulumi/pulumi";
import type { Colour, Config } from "../config";
import type { Access } from "../database/access";
import type { ExpectedAccess } from "../database/expectations";

/** Where a server is reached, and how the connection is secured. */
export interface Address {
  host: pulumi.Output<string>;
  port: pulumi.Output<number>;
  sslmode: "disable" | "verify-full";
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
  /** What a destroy does to a database in it. */
  holdsData: { protect: boolean; retainOnDelete: boolean };
}

/** How a colour's copies reach the database: as their own role, from a pool of their own. */
export interface ServiceDatabase extends Address {
  name: pulumi.Output<string>;
  user: pulumi.Input<string>;
  /** Secret. */
  password: pulumi.Output<string>;
}

/** The way in before a colour has traffic: a header picks the colour. */
export interface PreviewListener {
  url: pulumi.Output<string>;
  header: string;
}

/** What a stack runs on. Everything above it is written once. */
export interface Platform {
  database(): DatabaseServer;
  /** What the platform does between access and schema. @returns what everything that uses the database depends on. */
  afterAccess(access: Access, expected: ExpectedAccess): pulumi.Resource[];
  /** Target groups and the preview listener; before the colours, which register with them. */
  previewListener(): PreviewListener;
  /** One colour's release, running; nothing when none is declared. `after`: what it needs, its schema above all. */
  colour(name: Colour, database: ServiceDatabase, after: pulumi.Resource[]): pulumi.Resource[];
  /** The production listener with the declared weights; after the colours. */
  listener(after: pulumi.Resource[]): { url: pulumi.Output<string> };
}

/** Loads a platform only when it is used: the SDK of AWS alone takes longer to load than a weight takes to change. */
export function createPlatform(config: Config): Platform {
  if (config.platform === "aws")
    throw new pulumi.RunError(
      "switchyard:platform is aws, which this version of Switchyard does not have yet; use: pulumi config set switchyard:platform local",
    );
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- loaded when used
  const local = require("./local") as typeof import("./local");
  return local.createLocalPlatform(config);
}
