import * as pulumi from "@pulumi/pulumi";
import type { TelemetryAddress } from "../../platform/telemetry";
import type { TrafficAddress } from "../../platform/traffic";
import type { Attempt, Declared, Settled } from "../../rollout/types";
import type { Verdict } from "../../rollout/verdict";
import { DynamicResource } from "../dynamic";
import type { InputsOf } from "../inputs";
import type { StoreAddress } from "../store/store";

export interface TrafficAdvanceInputs {
  /** Id of the plan's attempt that this `up` is. */
  attempt: string;
  /** Percent that green is declared to get, 0..100. */
  greenWeight: number;
  /** What the shift is classified from, and how it walks: bake plan, steps and counts are in `declared`. */
  declared: Declared;
  settled?: Settled | null;
  attempts: Attempt[];
  traffic: TrafficAddress;
  telemetry: TelemetryAddress;
  /** Where each shift is recorded. */
  store: StoreAddress;
  /** Why the `up` stops here; empty where it goes on. */
  hold: string[];
}

/** A shift as it went. Plain data. */
export interface LastWalk {
  kind: "advance" | "return";
  from: number;
  to: number;
  /** `arrived`, or where it ended instead. */
  outcome: string;
  steps: { greenWeight: number; verdict?: Verdict }[];
  /** Key of its record in the store; left out where it could not be stored. */
  record?: string;
}

export interface TrafficAdvanceState extends TrafficAdvanceInputs {
  /** The last shift that this resource made or tried; null before the first. */
  lastWalk: LastWalk | null;
}

/**
 * Brings the live weights to the declared ones: walks and bakes, or puts the old ones back and fails. `greenWeight` and
 * `attempt` as outputs say what is live, and which attempt brought it there.
 */
export class TrafficAdvance extends DynamicResource {
  declare readonly attempt: pulumi.Output<string>;
  declare readonly greenWeight: pulumi.Output<number>;
  declare readonly lastWalk: pulumi.Output<LastWalk | null>;

  constructor(name: string, inputs: InputsOf<TrafficAdvanceInputs>, options?: pulumi.CustomResourceOptions) {
    super("TrafficAdvance", name, { ...inputs, lastWalk: undefined }, options);
  }
}
