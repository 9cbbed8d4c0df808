import * as pulumi from "@pulumi/pulumi";
import type { ExpectedAccess } from "../../database/expectations";
import type { RdsAddress } from "../../platform/aws/snapshot";
import type { Attempt, Declared, Settled } from "../../rollout/types";
import type { AdministeredInputs } from "../administered";
import { DynamicResource } from "../dynamic";
import type { InputsOf } from "../inputs";
import type { StoreAddress } from "../store/store";

export interface RestoreInputs extends AdministeredInputs {
  /** Id of the backup that is to serve; left out where none is asked for. */
  from?: string;
  /** What config calls it, such as a moment. @default its id */
  named?: string;
  /** Name of the database that is made from it. */
  into: string;
  /** Id of the backup since which every write may be lost. @default none, and nothing may */
  acceptLossSince?: string;
  /** Name of what a restore has kept, which is to be dropped for good; left out where nothing is. */
  retire?: string;
  /** As RolloutPlan is given them: its rules say whether what runs can run on the schema that comes. */
  declared: Declared;
  /** Left out before the first `up` that finished. */
  settled?: Settled;
  /** What the plan remembers, this `up` last. */
  attempts: Attempt[];
  plan: { early: string[]; waits: string[] };
  /** Why nothing may begin; empty where it may. */
  hold: string[];
  /** Which releases are declared, for the record. */
  release: string;
  platform: "local" | "aws";
  /** The instance that the server is; left out where it is none of RDS's. */
  rds?: RdsAddress;
  store: StoreAddress;
  /** Who may do what with the database, whichever it is. */
  expected: ExpectedAccess;
}

/** The last exchange of the database for another one. */
export interface RestoreDone {
  /** Id of the backup that serves; empty where what had been kept came back. */
  from: string;
  /** Id of the backup of what was replaced; empty where it held nothing. */
  backup: string;
  /** Name under which that is kept; empty where it is not there any more. */
  kept: string;
  /** Unix time in ms. */
  at: number;
  /** For how long there was no database, in ms; left out where that run was killed before it could say. */
  downtimeMs?: number;
  /** What is in the kept one alone, a line each. */
  written: string[];
}

export interface RestoreState extends RestoreInputs {
  /** Left out while there was none. */
  done?: RestoreDone;
}

/** The declared backup, in the place of the database; or what it has replaced, once config doesn't ask for it any more. */
export class Restore extends DynamicResource {
  declare readonly done: pulumi.Output<RestoreDone | undefined>;
  declare private readonly from: pulumi.Output<string | undefined>;
  declare private readonly named: pulumi.Output<string | undefined>;

  constructor(name: string, inputs: InputsOf<RestoreInputs>, options?: pulumi.CustomResourceOptions) {
    // An input is an output, too, where it has a key.
    super("Restore", name, { from: undefined, named: undefined, ...inputs, done: undefined }, options);
  }

  /** What really serves, as config calls that backup; empty where none does. */
  get serving(): pulumi.Output<string> {
    return pulumi
      .all([this.done, this.from, this.named])
      .apply(([done, from, named]) =>
        done === undefined ? "" : done.from === from ? (named ?? done.from) : done.from,
      );
  }
}
