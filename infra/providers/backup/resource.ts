import type * as pulumi from "@pulumi/pulumi";
import type { BackupMode, DrillWhen } from "../../backup/decisions";
import type { Keep } from "../../backup/retention";
import type { RdsAddress } from "../../platform/aws/snapshot";
import type { Facts, Migration as Summary } from "../../rollout/types";
import type { AdministeredInputs } from "../administered";
import { DynamicResource } from "../dynamic";
import type { InputsOf } from "../inputs";
import type { StoreAddress } from "../store/store";

export interface BackupInputs extends AdministeredInputs {
  /** What it comes before. */
  stage: "widen" | "narrow";
  platform: "local" | "aws";
  /** PostgreSQL's major, as config has it: preview looks for the pg_dump that goes with it. */
  majorVersion: number;
  /** As SchemaWiden and SchemaNarrow are given them: the same functions say what of it this `up` will run. */
  migrateTo: string;
  /** Every declared migration, as the plan has judged it. */
  migrations: Summary[];
  plan: { early: string[]; waits: string[] };
  /** Why nothing may begin; empty where it may. */
  hold: string[];
  /** What the last `up` that finished has left; asked only where the database can't be. Left out before the first. */
  settled?: Pick<Facts, "applied" | "half" | "scars">;
  /** Which releases are declared, for the record. */
  release: string;
  store: StoreAddress;
  /** Bytes that are free where the server keeps its data. @default looked up */
  freeBytes?: number;
  /** The instance that the database is in, on AWS: its snapshots, and how much room it has. */
  rds?: RdsAddress;
  mode: BackupMode;
  /** Bytes. */
  dumpUpTo: number;
  drill: DrillWhen;
  /** In ms. */
  maxAge: number;
  /** In ms; left out for never. */
  every?: number;
  keep: Keep;
  /** Changes whenever SchemaWiden has done something: before that is over, nobody knows what narrows. Of `narrow` alone. */
  widened?: string;
}

/** A backup as outputs and records name it. */
export interface BackupTaken {
  id: string;
  /** ISO 8601, UTC. */
  takenAt: string;
  /** Bytes of the dump, and its SHA-256; left out where it is a snapshot. */
  size?: number;
  sha256?: string;
  /** Name of the snapshot of RDS that it is; left out where it is a dump. */
  snapshot?: string;
  /** How long it took to restore, in ms; only where there was a drill. */
  drillMs?: number;
  /** Whether an earlier `up` took it. */
  reused: boolean;
}

export interface BackupState extends BackupInputs {
  /** What the last change of the schema could go back to; left out while there was nothing to back up. */
  latest?: BackupTaken;
}

/** A verified backup, before what is pending changes schema or data. */
export class Backup extends DynamicResource {
  declare readonly latest: pulumi.Output<BackupTaken | undefined>;

  constructor(name: string, inputs: InputsOf<BackupInputs>, options?: pulumi.CustomResourceOptions) {
    super("Backup", name, { ...inputs, latest: undefined }, options);
  }

  /** Of the latest, for the record; undefined where there was nothing to back up. */
  get backupId(): pulumi.Output<string> {
    return this.latest.apply((latest) => latest?.id) as pulumi.Output<string>;
  }
}
