import type { Migration as Summary } from "../../rollout/types";
import type { Connection } from "../connection";
import type { SchemaFacts } from "./history";
import type { WatchInputs } from "./live-watch";

/** A migration as preview shows it when it is new. */
export interface DeclaredMigration {
  version: string;
  name: string;
  phase: "expand" | "contract";
  checksum: string;
  /** Each on one line, cut short. */
  statements: string[];
  /** Such as "SHARE ROW EXCLUSIVE on pages": of tables that are there before. */
  locks: string[];
  /** What the transition rules know of it. */
  summary: Summary;
}

/** What SchemaWiden and SchemaNarrow are given, both alike. */
export interface StageInputs {
  /** Folder of the migrations, relative to the project. */
  folder: string;
  /** "latest", or the version up to which the schema is brought; all zeros for none. */
  migrateTo: string;
  /** Every migration up to `migrateTo`, in order. */
  migrations: DeclaredMigration[];
  /** Versions that are settled as applied: their files are judged no more. */
  applied: string[];
  /** What the plan lets this `up` do: steps that narrow and run early, and steps that wait, such as "0004 up". */
  plan: { early: string[]; waits: string[] };
  /** Why nothing may begin; empty where it may. */
  hold: string[];
  /** Versions whose edited file is accepted, for the history to take over. */
  acceptEdited: string[];
  /** Versions whose loss of data is accepted. */
  acceptLoss: string[];
  /** Which releases are declared, for the record. */
  release: string;
  /** The backup that was taken before, for the record. */
  backup?: string;
  /** How the live colour is watched after each migration; left out where it is not. Of SchemaWiden alone. */
  watch?: WatchInputs;
  /** As the migrator, who works as `owner`. */
  connection: Connection;
  password: string;
  owner: string;
}

/** What both leave. */
export interface StageOutputs {
  facts: SchemaFacts;
  /** The newest migration that is applied; empty when there is none. */
  schemaVersion: string;
}

export type StageState<I extends StageInputs = StageInputs> = I & StageOutputs;
