import type * as pulumi from "@pulumi/pulumi";
import type { Connection } from "../../../providers/connection";
import { DynamicResource } from "../../../providers/dynamic";
import type { InputsOf } from "../../../providers/inputs";
import type { StoreAddress } from "../../../providers/store/store";
import type { RdsAddress } from "../snapshot";

/** As the administrator of a server. */
export interface Administered {
  connection: Connection;
  /** Secret. */
  password: string;
}

export interface RdsMomentInputs {
  /** The moment, ISO 8601 in UTC. */
  at: string;
  /** The instance that is gone back with. */
  rds: RdsAddress;
  /** The database that serves, beside which another one is to have room; left out once nobody needs an instance of the moment. */
  serves?: Administered;
  /** Why nothing may begin; empty where it may. */
  hold: string[];
}

/**
 * Sees to it that RDS can go back to a moment, that there is room for what comes back, and that anything may begin at all, before
 * another instance is made of it.
 */
export class RdsMoment extends DynamicResource {
  constructor(name: string, inputs: InputsOf<RdsMomentInputs>, options?: pulumi.CustomResourceOptions) {
    super("RdsMoment", name, inputs, options);
  }
}

export interface RdsMomentBackupInputs {
  /** The moment, ISO 8601 in UTC. */
  at: string;
  /** The database in the instance that was made of that moment; left out once nobody needs the instance any more. */
  copy?: Administered;
  /** The database that serves. */
  connection: Connection;
  owner: string;
  migrator: string;
  /** Secret. */
  migratorPassword: string;
  /** Which releases are declared, for the record. */
  release: string;
  store: StoreAddress;
}

export interface RdsMomentBackupState extends RdsMomentBackupInputs {
  /** Id of the backup. */
  backup: string;
}

/** A verified backup of the database as it was at a moment, in the stack's own store: from there on it is one like any other. */
export class RdsMomentBackup extends DynamicResource {
  declare readonly backup: pulumi.Output<string>;

  constructor(name: string, inputs: InputsOf<RdsMomentBackupInputs>, options?: pulumi.CustomResourceOptions) {
    super("RdsMomentBackup", name, { ...inputs, backup: undefined }, options);
  }
}
