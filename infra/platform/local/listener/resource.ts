import * as pulumi from "@pulumi/pulumi";
import type { InputsOf } from "../../../providers/inputs";
import { DynamicResource } from "../../../providers/dynamic";

export interface LocalListenerInputs {
  adminPort: number;
  token: string;
  /** Fixed by config (`local.port`); else one is chosen, and kept. */
  port?: number;
  /** Percent of new requests that green gets, 0..100; blue gets the rest. */
  greenWeight: number;
}

export interface LocalListenerState extends LocalListenerInputs {
  chosenPort: number;
}

/** The production listener: its weights are declared, and what is declared is what is live after an `up`. */
export class LocalListener extends DynamicResource {
  declare readonly chosenPort: pulumi.Output<number>;
  declare readonly greenWeight: pulumi.Output<number>;

  constructor(name: string, inputs: InputsOf<LocalListenerInputs>, options?: pulumi.CustomResourceOptions) {
    super("LocalListener", name, { ...inputs, chosenPort: undefined }, options);
  }
}
