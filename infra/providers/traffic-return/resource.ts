import * as pulumi from "@pulumi/pulumi";
import type { TrafficAddress } from "../../platform/traffic";
import type { Attempt, Declared, Settled } from "../../rollout/types";
import type { InputsOf } from "../inputs";
import type { StoreAddress } from "../store/store";
import { DynamicResource } from "../dynamic";

export interface TrafficReturnInputs {
  declared: Declared;
  settled?: Settled;
  attempts: Attempt[];
  /** Where the listener was when something settled last; left out before. */
  traffic?: TrafficAddress;
  /** Where a return is recorded; left out with `traffic`, as there is nothing to return to. */
  store?: StoreAddress;
  /** Why the `up` stops once the traffic is back; empty where it goes on. */
  hold: string[];
}

export interface TrafficReturnState extends TrafficReturnInputs {
  /** Percent that green gets, as this resource has last seen or set it; left out while there is no listener. */
  greenWeight?: number;
}

/** Takes traffic back to where it was settled, before anything that may be broken is touched. */
export class TrafficReturn extends DynamicResource {
  constructor(name: string, inputs: InputsOf<TrafficReturnInputs>, options?: pulumi.CustomResourceOptions) {
    super("TrafficReturn", name, { ...inputs, greenWeight: undefined }, options);
  }
}
