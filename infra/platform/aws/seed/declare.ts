import * as pulumi from "@pulumi/pulumi";
import type { RdsSettings } from "../../../config";
import type { Access } from "../../../database/access";
import type { ExpectedAccess } from "../../../database/expectations";
import type { Address } from "../..";
import type { RdsAdministrator } from "../administrator/resource";
import { administrator } from "../administrator/declare";
import type { Database } from "../database";
import { RdsSeedAside, RdsSeedTakeOver } from "./resource";

interface SeedArgs {
  readonly database: string;
  readonly rds: RdsSettings;
  readonly server: Database;
  readonly address: Address;
  readonly login: RdsAdministrator;
}

/** The two steps of an instance that is made from another stack's snapshot, around Access. */
export class Seed {
  /** The administrator's; known once what the snapshot brought is out of the way. */
  readonly password: pulumi.Output<string>;
  readonly #seeded;

  constructor(
    private readonly args: SeedArgs,
    options: pulumi.CustomResourceOptions,
  ) {
    const { address, login, server, database } = args;
    this.#seeded = {
      connection: { ...address, database: "postgres", user: administrator },
      password: login.password,
      instance: server.instance.resourceId,
    };
    const snapshot = server.instance.snapshotIdentifier.apply((found?: string) => found ?? "");
    const aside = new RdsSeedAside("seed-aside", { ...this.#seeded, database, snapshot }, options);
    this.password = pulumi.secret(pulumi.all([login.password, aside.id]).apply(([password]) => password));
  }

  takeOver({ owner, resources }: Access, expected: ExpectedAccess): pulumi.Resource {
    const { mask } = this.args.rds;
    return new RdsSeedTakeOver(
      "seed-take-over",
      { ...this.#seeded, owner, expected, ...(mask !== undefined && { mask }) },
      { dependsOn: resources },
    );
  }
}
