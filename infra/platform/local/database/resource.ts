import * as pulumi from "@pulumi/pulumi";
import type { InputsOf } from "../../../providers/inputs";
import { DynamicResource } from "../../../providers/dynamic";
import type { EmbeddedMajor } from "../postgres/binaries";
import type { ProcessRef } from "../process/identity";

export interface LocalDatabaseInputs {
  /** The stack's own folder, relative to the project. */
  folder: string;
  /** Of the database that will be created in it. */
  name: string;
  majorVersion: EmbeddedMajor;
  maxConnections: number;
  /** Fixed by config (`local.databasePort`); else one is chosen, and kept. */
  port?: number;
  /** The account to run as when root starts it (`local.postgresUser`). */
  account?: string;
  deleteDataOnDestroy: boolean;
  /** Of the bootstrap superuser; only the local platform itself uses it. */
  superuserPassword: string;
  /** The role that Access works as, modelled on the master user of RDS. */
  administrator: string;
  administratorPassword: string;
}

export interface LocalDatabaseState extends LocalDatabaseInputs {
  host: string;
  chosenPort: number;
  /** Version of the embedded package, such as 15.18.0-beta.17. */
  version: string;
  server: ProcessRef;
  /** What the database is created from: PostgreSQL's template1, or the kept data of a stack that was destroyed. */
  template: string;
}

/** An embedded PostgreSQL, as a process of this machine that outlives `pulumi up`. */
export class LocalDatabase extends DynamicResource {
  declare readonly host: pulumi.Output<string>;
  declare readonly chosenPort: pulumi.Output<number>;
  declare readonly template: pulumi.Output<string>;
  declare readonly version: pulumi.Output<string>;

  constructor(name: string, inputs: InputsOf<LocalDatabaseInputs>, options?: pulumi.CustomResourceOptions) {
    super(
      "LocalDatabase",
      name,
      { ...inputs, host: undefined, chosenPort: undefined, version: undefined, server: undefined, template: undefined },
      options,
    );
  }
}
