import * as pulumi from "@pulumi/pulumi";
import type { Config, LocalRelease } from "../config";

/** Where the database server is, and the role that administers it: no superuser, on any platform. */
export interface DatabaseServer {
  host: pulumi.Output<string>;
  port: pulumi.Output<number>;
  administrator: string;
  /** Secret. */
  password: pulumi.Output<string>;
  sslmode: "disable" | "verify-full";
  /** What new databases are created from. @default PostgreSQL's template1 */
  template?: pulumi.Output<string>;
}

/** What Access has made, and what comes after it may rely on. */
export interface DatabaseAccess {
  database: pulumi.Output<string>;
  owner: pulumi.Output<string>;
  resources: pulumi.Resource[];
}

/** How a colour's copies reach the database: as their own role, from a pool of their own. */
export interface ServiceDatabase {
  host: pulumi.Output<string>;
  port: pulumi.Output<number>;
  name: pulumi.Output<string>;
  user: pulumi.Output<string>;
  /** Secret. */
  password: pulumi.Output<string>;
}

export type ColourName = "blue" | "green";

/** The way in before a colour has traffic: a header picks the colour. */
export interface PreviewListener {
  url: pulumi.Output<string>;
  header: string;
}

/** What a stack runs on. Everything above it is written once. */
export interface Platform {
  database(): DatabaseServer;
  /** What the platform does between access and schema; what needs the schema depends on it. */
  afterAccess(access: DatabaseAccess): pulumi.Resource[];
  /** Target groups and the preview listener; before the colours, which register with them. */
  previewListener(): PreviewListener;
  /** One colour's release, running. `after` is what it needs: its schema and its access to it. */
  colour(name: ColourName, release: LocalRelease, database: ServiceDatabase, after: pulumi.Resource[]): pulumi.Resource;
  /** The production listener with the declared weights; after the colours. */
  listener(greenWeight: number, after: pulumi.Resource[]): { url: pulumi.Output<string> };
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
