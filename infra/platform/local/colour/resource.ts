import * as pulumi from "@pulumi/pulumi";
import type { Colour } from "../balancer/api";
import type { InputsOf } from "../../../providers/inputs";
import { DynamicResource } from "../../../providers/dynamic";
import type { Release } from "../../../rollout/types";
import type { ProcessRef } from "../process/identity";

/** What a copy is started with; any difference in it means new copies. */
export interface CopySettings {
  version: string;
  /** The migration that the release was built against. */
  schema: string;
  /** The newest expand at or below that: what has to be applied for it. */
  needs: string;
  /** Path of a Node.js file, relative to the project. */
  entry: string;
  env: Record<string, string>;
  database: { host: string; port: number; name: string; user: string };
  /** Milliseconds where it is a time. */
  pool: { max: number; min: number; idle: number; connect: number; statement: number };
}

export interface LocalColourInputs {
  folder: string;
  colour: Colour;
  /** How many copies run; 0 retires the colour. */
  count: number;
  /** The same as the rules know it: kept in state, to say what runs. */
  release: Release;
  copy: CopySettings;
  /** How long a copy may take until it is ready to serve, and again until the balancer finds it so, in ms. */
  readyWithin: number;
  databasePassword: string;
  adminPort: number;
  token: string;
}

export interface Copy {
  /** Its name in the balancer's target group. */
  id: string;
  port: number;
  process: ProcessRef;
}

export interface LocalColourState extends LocalColourInputs {
  copies: Copy[];
}

/** One running release: its copies as processes of this machine, registered with the balancer. */
export class LocalColour extends DynamicResource {
  declare readonly copies: pulumi.Output<Copy[]>;
  declare readonly copy: pulumi.Output<CopySettings>;
  declare readonly release: pulumi.Output<Release>;

  constructor(name: string, inputs: InputsOf<LocalColourInputs>, options?: pulumi.CustomResourceOptions) {
    super("LocalColour", name, { ...inputs, copies: undefined }, options);
  }
}
