import type * as pulumi from "@pulumi/pulumi";
import { DynamicResource } from "../../../providers/dynamic";
import type { InputsOf } from "../../../providers/inputs";
import type { Release } from "../../../rollout/types";
import type { AwsConnection } from "../sdk";

export interface EcsSteadyInputs {
  connection: AwsConnection;
  cluster: string;
  service: string;
  /** ARN of the revision that is to run. */
  taskDefinition: string;
  /** Copies, at the least and at the most; 0 and 0 for a retired colour. */
  minimum: number;
  maximum: number;
  release: Release;
  /** The colour's share of new requests, in percent, as declared: where it grows, the colour is brought to `other`'s size. */
  weight: number;
  /** Name of the other colour's service. */
  other: string;
  /** Where copies write what they print, for messages. */
  logGroup: string;
}

export interface EcsSteadyState extends EcsSteadyInputs {
  /** ARN of the revision that was seen to run, and alone. */
  runs: string;
}

/**
 * Waits until a service runs what was declared, and nothing else. ECS's circuit breaker puts an old revision back when a new
 * one doesn't start, and the update of the service has long been a success by then: only a look at what runs tells.
 */
export class EcsSteady extends DynamicResource {
  declare readonly release: pulumi.Output<Release>;
  declare readonly runs: pulumi.Output<string>;

  constructor(name: string, inputs: InputsOf<EcsSteadyInputs>, options?: pulumi.CustomResourceOptions) {
    super("EcsSteady", `${name}-steady`, { ...inputs, runs: undefined }, options);
  }
}
