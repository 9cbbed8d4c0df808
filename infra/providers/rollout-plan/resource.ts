import * as pulumi from "@pulumi/pulumi";
import type { Decision } from "../../rollout/rules";
import type { Attempt, Declared, Settled } from "../../rollout/types";
import type { InputsOf } from "../inputs";
import { DynamicResource } from "../dynamic";

export interface RolloutPlanInputs {
  declared: Declared;
  /** What the last `up` that finished left; left out before the first. */
  settled?: Settled;
}

/** The rest follows from the inputs and from what was remembered, so `check` adds it: preview knows it too. */
export interface RolloutPlanState extends RolloutPlanInputs {
  /** Every `up` since the settled one, oldest first, this one last. */
  attempts: Attempt[];
  decision: Decision;
}

/** Judges the declared rollout from everything that may be true now; what is refused never begins. */
export class RolloutPlan extends DynamicResource {
  declare readonly attempts: pulumi.Output<Attempt[]>;
  declare readonly decision: pulumi.Output<Decision>;

  constructor(name: string, inputs: InputsOf<RolloutPlanInputs>, options?: pulumi.CustomResourceOptions) {
    super("RolloutPlan", name, { ...inputs, attempts: undefined, decision: undefined }, options);
  }
}
