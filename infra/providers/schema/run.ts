import type { Client } from "pg";
import type { Direction, Impact, Phase, Section, Sync, Verify } from "../../schema";
import type { Migration as Summary } from "../../rollout/types";
import type { Connection } from "../connection";

/** Who changes a schema, and what with; handed to everything that runs a part of a migration. */
export interface Run {
  /** Works as the owner role, with its own statement, lock and idle timeouts set. Not the session that holds the lock. */
  readonly client: Client;
  readonly connection: Connection;
  readonly password: string;
  readonly owner: string;
  /** Before each statement. @throws when the schema lock is lost: nothing further may run. */
  assertHeld: () => Promise<void>;
  /** The same as one statement for the client's own session, in a transaction: it raises when the schema lock is lost. */
  readonly proof: string;
  /** One line for the operator, without a line end. */
  readonly say: (line: string) => void;
}

/** One migration in one direction, as the runner is given it: from its file, or as it was recorded. */
export interface RunStep {
  readonly version: string;
  readonly name: string;
  readonly phase: Phase;
  readonly direction: Direction;
  readonly impact: Impact;
  readonly section: Section;
  readonly syncs: readonly Sync[];
  readonly verify: readonly Verify[];
  readonly source: "file" | "recorded";
  /** What goes on record with an up; only where there is a file. */
  readonly file?: FileRecord;
}

/** What the history keeps of a migration's file, so that it can be taken back when the file is gone. */
export interface FileRecord {
  /** Without folder. */
  readonly fileName: string;
  /** SHA-256 of the file. */
  readonly checksum: string;
  /** `Section.text` of both directions. */
  readonly up: string;
  readonly down: string;
  /** What the transition rules need to know. */
  readonly summary: Summary;
  readonly directives: Directives;
}

/** Of the file as a whole, not of one of its statements. */
export interface Directives {
  readonly impact: Impact;
  readonly syncs: readonly Sync[];
  readonly verify: readonly Verify[];
  readonly irreversible?: string;
  /** That its file is gone was accepted (`overrides.acceptEdited`). Never of a file itself. */
  readonly deleted?: true;
}
