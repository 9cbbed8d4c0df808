import type * as pulumi from "@pulumi/pulumi";
import type { ExpectedAccess } from "../../../database/expectations";
import type { Connection } from "../../../providers/connection";
import { DynamicResource } from "../../../providers/dynamic";
import type { InputsOf } from "../../../providers/inputs";

/** How the instance is reached that was made from a snapshot. */
interface Seeded {
  /** To the database `postgres`, as the administrator of the server. */
  connection: Connection;
  password: string;
  /** RDS's own id of the instance. */
  instance: string;
}

export interface RdsSeedAsideInputs extends Seeded {
  /** The stack's database. */
  database: string;
  /** What the instance was made from; empty where it was there before `rds.seedFrom`, and is left alone. */
  snapshot: string;
}

/** Before Access: what the snapshot brought frees the names of database and roles; see aside.ts. */
export class RdsSeedAside extends DynamicResource {
  constructor(name: string, inputs: InputsOf<RdsSeedAsideInputs>, options?: pulumi.CustomResourceOptions) {
    super("RdsSeedAside", name, inputs, options);
  }
}

export interface RdsSeedTakeOverInputs extends Seeded {
  /** The role that owns the database and everything in it. */
  owner: string;
  /** Who may do what with what is taken over. */
  expected: ExpectedAccess;
  /** File with SQL, absolute or relative to the project, that runs once as the owner before anybody else gets in. */
  mask?: string;
}

/** After Access: what stepped aside takes the place of the empty database. */
export class RdsSeedTakeOver extends DynamicResource {
  constructor(name: string, inputs: InputsOf<RdsSeedTakeOverInputs>, options?: pulumi.CustomResourceOptions) {
    super("RdsSeedTakeOver", name, inputs, options);
  }
}
