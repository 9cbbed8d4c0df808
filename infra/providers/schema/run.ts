import type { Client } from "pg";
import type { Direction, Impact, Phase, Section, Sync, Verify } from "../../schema";
import type { Connection } from "../connection";

/** Who changes a schema, and what with; handed to everything that runs a part of a migration. */
export interface Run {
  /** Works as the owner role, with its own statement, lock and idle timeouts set. Not the session that holds the lock. */
  readonly client: Client;
  readonly connection: Connection;
  readonly password: string;
  readonly owner: string;
  /** Before each statement. @throws when the schema lock is lost: nothing further may run. */
  assertHeld(): Promise<void>;
  /** One line for the operator, without a line end. */
  say(line: string): void;
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
}
