import * as pulumi from "@pulumi/pulumi";
import type { InputsOf } from "../../../providers/inputs";
import { DynamicResource } from "../../../providers/dynamic";
import type { ProcessRef } from "../process/identity";

export interface LocalBalancerInputs {
  /** The stack's own folder, relative to the project. */
  folder: string;
  /** Of the preview listener, fixed by config (`local.previewPort`); else one is chosen, and kept. */
  previewPort?: number;
  /** What every change through the admin port needs. */
  token: string;
}

export interface LocalBalancerState extends LocalBalancerInputs {
  adminPort: number;
  chosenPreviewPort: number;
  process: ProcessRef;
}

/** The load balancer of the local platform: target groups blue and green, and the preview listener. */
export class LocalBalancer extends DynamicResource {
  declare readonly adminPort: pulumi.Output<number>;
  declare readonly chosenPreviewPort: pulumi.Output<number>;

  constructor(name: string, inputs: InputsOf<LocalBalancerInputs>, options?: pulumi.CustomResourceOptions) {
    super(
      "LocalBalancer",
      name,
      { ...inputs, adminPort: undefined, chosenPreviewPort: undefined, process: undefined },
      options,
    );
  }
}
