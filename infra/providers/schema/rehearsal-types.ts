import type { Migration } from "../../schema";
import type { Connection } from "../connection";

/** The database whose migrations are rehearsed, and how to make a copy beside it. Nothing of it is ever changed. */
export interface RehearsalTarget {
  /** As the administrator of the server: it may create databases, and is a member of the owner. */
  readonly connection: Connection;
  /** Secret. */
  readonly password: string;
  /** The role that owns the database, and works in the migrations. */
  readonly owner: string;
  /** Who runs migrations, here as there. */
  readonly migrator: Login;
  /** What databases are created from. @default "template0" */
  readonly template?: string;
  /** As whom the smoke of the current release connects. @default the migrator */
  readonly service?: Login;
}

export interface Login {
  readonly user: string;
  /** Secret. */
  readonly password: string;
}

/** A scratch copy as a smoke is given it. */
export interface ScratchDatabase {
  readonly connection: Connection;
  /** Secret; of `connection.user`. */
  readonly password: string;
}

export interface RehearsalOptions {
  /** Every declared migration up to `migrateTo`, from its file. Those that the database has are not rehearsed. */
  readonly migrations: readonly Migration[];
  /** Absolute path of a dump in custom format to restore the copy from. @default none: the structure alone */
  readonly from?: string;
  /** What a database does that is not as its recorded migrations made it. @default "warn" */
  readonly drift?: "warn" | "refuse";
  /** Checksums that were rehearsed before: they run, so that what comes after them finds them, and no more. */
  readonly known?: readonly string[];
  /**
   * The current release's smoke: run once before the first migration, after each down, and after each up that stays.
   * It must be gone from the copy when it is over, and may leave rows. @throws what is wrong
   */
  readonly smoke?: (database: ScratchDatabase) => Promise<void>;
  /**
   * The migration that the current release was built against: it serves no more after a contract that breaks it.
   * @default unknown, and any contract is taken to break it
   */
  readonly releaseSchema?: string;
}

/** `structure`: on a copy of the schema. `restored`: on a restored dump. `dump`: not at all, since the dump has it applied. */
export type RehearsedOn = "structure" | "restored" | "dump";

/** One migration that was rehearsed; plain data, as kept in state and read by other stacks. */
export interface Rehearsed {
  readonly version: string;
  /** SHA-256 of the file. */
  readonly checksum: string;
  readonly on: RehearsedOn;
  /** The dump, as config names it; only where there is one. */
  readonly from?: string;
  /** ISO 8601, UTC. */
  readonly at: string;
}

export interface RehearsalReport {
  readonly on: "structure" | "restored";
  readonly rehearsed: readonly Rehearsed[];
  /** Checksums of the declared migrations that the database has. */
  readonly applied: readonly string[];
  /** How the database differs from what its recorded migrations make; empty on restored data, where it isn't asked. */
  readonly drift: readonly string[];
}

/** A migration failed its rehearsal; the message says which, in which direction, and how the catalogues differ. */
export class RehearsalFailure extends Error {
  constructor(
    message: string,
    /** What was rehearsed before it. */
    readonly report: RehearsalReport,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
