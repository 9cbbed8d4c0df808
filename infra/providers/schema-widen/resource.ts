import * as pulumi from "@pulumi/pulumi";
import type { Connection } from "../connection";
import type { InputsOf } from "../inputs";
import { shell } from "../shell";

/** A migration as preview shows it when it is new. */
export interface DeclaredMigration {
  version: string;
  name: string;
  phase: "expand" | "contract";
  checksum: string;
  /** Each on one line, cut short. */
  statements: string[];
  /** Such as "SHARE ROW EXCLUSIVE on pages": of tables that are there before. */
  locks: string[];
}

export interface SchemaWidenInputs {
  /** Folder of the migrations, relative to the project. */
  folder: string;
  /** Every migration up to `migrateTo`, in order. */
  migrations: DeclaredMigration[];
  /** As the migrator, who works as `owner`. */
  connection: Connection;
  password: string;
  owner: string;
}

export interface SchemaWidenState extends SchemaWidenInputs {
  /** The newest migration that is applied; empty when there is none. */
  schemaVersion: string;
  applied: number;
}

/** Brings the schema up, one migration at a time, before anything needs it. */
export class SchemaWiden extends pulumi.dynamic.Resource {
  declare readonly schemaVersion: pulumi.Output<string>;

  constructor(name: string, inputs: InputsOf<SchemaWidenInputs>, options?: pulumi.CustomResourceOptions) {
    super(
      shell("SchemaWiden"),
      name,
      { ...inputs, schemaVersion: undefined, applied: undefined },
      options,
      "switchyard",
      "SchemaWiden",
    );
  }
}
