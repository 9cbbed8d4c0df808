import type * as pulumi from "@pulumi/pulumi";
import type { Colour } from "../../rollout/types";
import type { SmokeFigures } from "../../smoke/run";
import type { InputsOf } from "../inputs";
import { DynamicResource } from "../dynamic";

export interface SmokeTestInputs {
  /** Id of the attempt that this `up` is. */
  attempt: string;
  /** The colour that gains traffic in it by an advance; "none" where nothing does, or where traffic returns. */
  colour: Colour | "none";
  /** What that colour runs; left out with "none". */
  release?: { version: string; fingerprint: string };
  previewUrl: string;
  /** The header that picks a colour on the preview listener. */
  header: string;
  /**
   * JSON text of SmokeRequest[]: the engine leaves out what is null, also in the midst of a body. A secret where the key
   * `smoke` is one.
   */
  requests: string;
  /** How long the colour may take to be healthy, in ms. */
  healthWait: number;
}

/** What a colour has shown. */
export interface Smoked {
  attempt: string;
  colour: Colour;
  version: string;
  fingerprint: string;
  /** ISO 8601. */
  at: string;
  figures: SmokeFigures[];
}

export interface SmokeTestState extends SmokeTestInputs {
  /** The last smoke test that was passed; left out before the first. */
  smoked?: Smoked;
}

/** Sends the declared requests to the colour that is about to gain traffic, before any weight moves. */
export class SmokeTest extends DynamicResource {
  declare readonly smoked: pulumi.Output<Smoked | undefined>;

  constructor(name: string, inputs: InputsOf<SmokeTestInputs>, options?: pulumi.CustomResourceOptions) {
    super("SmokeTest", name, { ...inputs, smoked: undefined }, options);
  }
}
