import type * as pulumi from "@pulumi/pulumi";
import type { Colour } from "../../platform/local/balancer/api";
import type { CopySettings } from "../../platform/local/colour/resource";
import type { AdministeredInputs } from "../administered";
import { DynamicResource } from "../dynamic";
import type { InputsOf } from "../inputs";
import type { Rehearsed } from "../schema/rehearsal-types";
import type { RehearsableMigration } from "./required";

export interface SchemaRehearsalInputs extends AdministeredInputs {
  /** Folder of the migrations, relative to the project. */
  folder: string;
  /** Every declared migration up to `migrateTo`, in order. */
  migrations: RehearsableMigration[];
  /** Is what is pending rehearsed in this stack? */
  enabled: boolean;
  /** Dump in custom format, relative to the project or absolute. @default none: a copy of the structure */
  from?: string;
  drift: "warn" | "refuse";
  /** Checksums of what is applied, as the last `up` that finished says; left out before the first. */
  settled?: string[];
  /** The stack that must have rehearsed what runs here. @default none */
  requiredFrom?: string;
  /** That stack's output `rehearsals`; left out where it has none. */
  rehearsals?: Rehearsed[];
  /** Why that stack can't be read; left out where it was, or need not be. */
  unread?: string;
  /** Versions that may run without its rehearsal. */
  acceptUnrehearsed: string[];
  /** The release that has traffic now, on the local platform; its smoke is asked of the copy. @default no smoke */
  release?: LocalRelease;
  /** Secret; of the role that it connects as. */
  releasePassword?: string;
}

/** A release as the local platform starts it, and what it has to answer. */
export interface LocalRelease {
  /** The stack's own folder, relative to the project. */
  folder: string;
  colour: Colour;
  copy: CopySettings;
  /** JSON text of SmokeRequest[]: the engine leaves out what is null, also in the midst of a body. */
  requests: string;
  /** How long it may take to be healthy, in ms. */
  healthWait: number;
}

/** With what follows from the inputs and from those before, so that preview knows it too. */
export interface SchemaRehearsalKnown extends SchemaRehearsalInputs {
  /** Versions that run here without a rehearsal of `requiredFrom`, because config accepts it. */
  accepted?: string[];
  /** Checksums of which a rehearsal that counts was once seen: a stack that is gone must not stop a return. */
  proven?: string[];
}

export interface SchemaRehearsalState extends SchemaRehearsalKnown {
  /** Every rehearsal that went well here, the latest of each checksum on each kind of copy, oldest first. */
  rehearsed: Rehearsed[];
  /** Checksums of the declared migrations that the database had when it was last asked. */
  applied: string[];
  /** How the database differed from its recorded migrations at the last rehearsal, a line each. */
  driftFound: string[];
}

/** Tries what is pending on a scratch copy, before the database is touched. */
export class SchemaRehearsal extends DynamicResource {
  declare readonly rehearsed: pulumi.Output<Rehearsed[]>;
  declare readonly accepted: pulumi.Output<string[]>;
  declare readonly driftFound: pulumi.Output<string[]>;

  constructor(name: string, inputs: InputsOf<SchemaRehearsalInputs>, options?: pulumi.CustomResourceOptions) {
    const outputs = { rehearsed: undefined, applied: undefined, driftFound: undefined };
    super("SchemaRehearsal", name, { ...inputs, accepted: undefined, proven: undefined, ...outputs }, options);
  }
}
