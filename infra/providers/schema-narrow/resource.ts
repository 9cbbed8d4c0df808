import type * as pulumi from "@pulumi/pulumi";
import { DynamicResource } from "../dynamic";
import type { InputsOf } from "../inputs";
import type { SchemaFacts } from "../schema/history";
import type { StageInputs } from "../schema/stage-inputs";

export interface SchemaNarrowInputs extends StageInputs {
  /** Changes whenever SchemaWiden has done something: the facts are those after it. */
  widened: string;
}

/** Takes away what no release needs any more, after the traffic is where it was declared to be. */
export class SchemaNarrow extends DynamicResource {
  declare readonly facts: pulumi.Output<SchemaFacts>;
  declare readonly schemaVersion: pulumi.Output<string>;

  constructor(name: string, inputs: InputsOf<SchemaNarrowInputs>, options?: pulumi.CustomResourceOptions) {
    super("SchemaNarrow", name, { ...inputs, facts: undefined, schemaVersion: undefined }, options);
  }
}
