import type { Backfill, Sync, Verify, Waiver } from "./directive-kinds";

/** `expand`: old code survives it. `contract`: old code does not. */
export type Phase = "expand" | "contract";
export type Direction = "up" | "down";
/** `widen` enlarges what releases can run (expand up, contract down); `narrow` reduces it. */
export type Effect = "widen" | "narrow";
/** How much of the database's work a migration may disturb; the runner stops between impacts. */
export type Impact = "low" | "medium" | "high";

/**
 * PostgreSQL's table-level lock modes, weakest first.
 * Source: https://www.postgresql.org/docs/18/explicit-locking.html#LOCKING-TABLES
 */
export const LOCK_MODES = [
  "ACCESS SHARE",
  "ROW SHARE",
  "ROW EXCLUSIVE",
  "SHARE UPDATE EXCLUSIVE",
  "SHARE",
  "SHARE ROW EXCLUSIVE",
  "EXCLUSIVE",
  "ACCESS EXCLUSIVE",
] as const;
export type LockMode = (typeof LOCK_MODES)[number];

export interface Lock {
  /** Table as written, without the schema `public`; `index i` where only an index's name is known. */
  readonly table: string;
  readonly mode: LockMode;
}

/**
 * How a runner that was killed between a statement and its record learns whether the statement was done:
 * `catalogue`: by looking; `repeatable`: it need not, a second run changes nothing; `unseen`: it can't.
 */
export type Completion = "catalogue" | "repeatable" | "unseen";

/** One SQL statement. Plain data; its parse tree is kept aside (`treeOf`). */
export interface Statement {
  /** From its first word to before its semicolon. */
  readonly text: string;
  /** UTF-16 units from the start of the migration's text. */
  readonly offset: number;
  /** 1-based, in the file. */
  readonly line: number;
  /** As a person would name it: "ALTER TABLE ADD COLUMN". */
  readonly kind: string;
  /** Tables read, written or altered, without the schema `public`. */
  readonly tables: readonly string[];
  /** Other things it names ("type mood", "index pages_slug_idx"), or "*" where that can't be known (DO, CALL). */
  readonly objects: readonly string[];
  /** Locks on tables that were there before this section began, strongest for each table. */
  readonly locks: readonly Lock[];
  /** `outside`: PostgreSQL refuses it inside a transaction block. */
  readonly transaction: "any" | "outside";
  readonly completion: Completion;
  readonly waivers: readonly Waiver[];
  readonly backfill?: Backfill;
}

/** What runs in one direction. */
export interface Section {
  readonly direction: Direction;
  /** False after `transaction:false`: statement by statement, each committed on its own. */
  readonly transaction: boolean;
  /** With its marker line, so that a recorded section can be read again (`parseSection`). */
  readonly text: string;
  readonly statements: readonly Statement[];
}

/** One file of the migrations folder, read and understood. */
export interface Migration {
  /** The digits as the file name has them, leading zeros included. Compare with `compareVersions`. */
  readonly version: string;
  readonly name: string;
  readonly fileName: string;
  readonly phase: Phase;
  /**
   * A contract breaks the releases whose `schema` is below this version, which is its own or an earlier one. Digits as
   * written. Default: its own version.
   */
  readonly breaksBelow?: string;
  /** Default `low`. */
  readonly impact: Impact;
  /** SHA-256 of `text`, 64 hexadecimal digits. */
  readonly checksum: string;
  /** The whole file with LF line ends and no byte order mark. */
  readonly text: string;
  readonly up: Section;
  readonly down: Section;
  readonly verify: readonly Verify[];
  readonly syncs: readonly Sync[];
  /** Why there is no way down, where the file says so; `down` is then empty and planning a down past it is refused. */
  readonly irreversible?: string;
}

export { compareVersions, versionKey } from "../config/version";

/** What running a migration's `direction` does to the set of releases that can run. */
export function effectOf(phase: Phase, direction: Direction): Effect {
  return (phase === "expand") === (direction === "up") ? "widen" : "narrow";
}
