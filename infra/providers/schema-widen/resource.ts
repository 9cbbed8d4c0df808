import type * as pulumi from "@pulumi/pulumi";
import { DynamicResource } from "../dynamic";
import type { InputsOf } from "../inputs";
import type { SchemaFacts } from "../schema/history";
import type { StageInputs } from "../schema/stage-inputs";

export type { DeclaredMigration } from "../schema/stage-inputs";

export type SchemaWidenInputs = StageInputs;

/** Brings the schema so far as releases need it, one migration at a time, before the colours change. */
export class SchemaWiden extends DynamicResource {
  declare readonly facts: pulumi.Output<SchemaFacts>;
  declare readonly schemaVersion: pulumi.Output<string>;

  constructor(name: string, inputs: InputsOf<SchemaWidenInputs>, options?: pulumi.CustomResourceOptions) {
    super("SchemaWiden", name, { ...inputs, facts: undefined, schemaVersion: undefined }, options);
  }
}
