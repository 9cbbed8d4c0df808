import type { Client } from "pg";
import type { Migration } from "../../schema";
import { withConnection } from "../connection";
import type { HistoryRow } from "./history";
import { withCopy, type Copy } from "./rehearsal-copy";
import { fillCopy, findDrift, UnfitCopy } from "./rehearsal-fill";
import { findVersion, isApplied, isHalf, readRecorded } from "./rehearsal-history";
import { StepFailure } from "./rehearsal-failure";
import { rehearseMigration, run } from "./rehearsal-migration";
import { assertThere, restoreDump } from "./rehearsal-restore";
import { withScratch } from "./rehearsal-scratch";
import { ReleaseSmoke } from "./rehearsal-smoke";
import {
  RehearsalFailure,
  type Rehearsed,
  type RehearsalOptions,
  type RehearsalReport,
  type RehearsalTarget,
} from "./rehearsal-types";

type Say = (line: string) => void;

const where = { structure: "on a copy of the structure", restored: "on restored data" } as const;

/**
 * Runs each pending migration up, down and up on a scratch copy of the database, which is dropped afterwards. The database
 * itself is read and never changed. Where nothing is pending, no copy is made.
 * @param say gets one line at a time for the operator.
 * @throws RehearsalFailure when a migration fails, when there is no copy to rehearse on, or when the database has drifted
 *   and `drift` is "refuse".
 */
export async function rehearse(target: RehearsalTarget, options: RehearsalOptions, say: Say): Promise<RehearsalReport> {
  const { connection, password, owner } = target;
  const { from } = options;
  const history = await withConnection(connection, password, "switchyard-rehearsal", readRecorded);
  const rehearsal = new Rehearsal(options, history, say);
  if (!rehearsal.isNeeded()) return rehearsal.report();
  if (from !== undefined) assertThere(from);
  return withScratch(target, say, async (scratch, real) => {
    if (from !== undefined) {
      say(`restoring ${from} into the scratch copy ${scratch.connection.database}`);
      await withConnection(scratch.connection, password, "switchyard-rehearsal", (inside) =>
        restoreDump(inside, { file: from, connection: scratch.connection, password, owner }),
      );
    }
    return withCopy(target, scratch, say, (copy) => rehearsal.run(copy, real));
  });
}

/** One rehearsal, and what has come of it so far. */
class Rehearsal {
  readonly #on: "structure" | "restored";
  readonly #rehearsed: Rehearsed[] = [];
  #drift: string[] = [];

  constructor(
    readonly options: RehearsalOptions,
    /** Of the real database. */
    readonly history: readonly HistoryRow[],
    readonly say: Say,
  ) {
    this.#on = options.from === undefined ? "structure" : "restored";
  }

  isNeeded(): boolean {
    return this.#pending().some((migration) => !this.#isKnown(migration));
  }

  report(): RehearsalReport {
    const applied = this.options.migrations.filter((migration) => isApplied(this.history, migration));
    return {
      on: this.#on,
      rehearsed: [...this.#rehearsed],
      applied: applied.map(({ checksum }) => checksum),
      drift: this.#drift,
    };
  }

  async run(copy: Copy, real: Client): Promise<RehearsalReport> {
    const { options, history, say } = this;
    try {
      const count = await fillCopy(copy, history, options);
      if (count > 0) say(`brought the copy to where the database is: ${count} migration${count === 1 ? "" : "s"}`);
      if (this.#on === "structure") this.#drift = await findDrift({ copy, real, history }, options, say);
      await this.#rehearsePending(copy);
      return this.report();
    } catch (error) {
      if (error instanceof StepFailure)
        throw new RehearsalFailure(this.#explain(error), this.report(), { cause: error });
      if (error instanceof UnfitCopy) throw new RehearsalFailure(error.message, this.report(), { cause: error });
      throw error;
    }
  }

  #pending(): Migration[] {
    return this.options.migrations.filter((migration) => !isApplied(this.history, migration));
  }

  #isKnown({ checksum }: Migration): boolean {
    return this.options.known?.includes(checksum) === true;
  }

  async #rehearsePending(copy: Copy): Promise<void> {
    const smoke = new ReleaseSmoke(this.options, copy.database);
    await smoke.tryOut(this.#on, this.say);
    const there = await readRecorded(copy.reader);
    for (const migration of this.#pending()) {
      const row = findVersion(there, migration.version);
      if (row?.state === "applied") {
        this.say(`${nameOf(migration)} is not rehearsed: the dump has it applied`);
        if (!this.#isKnown(migration)) this.#note(migration, "dump");
        continue;
      }
      // What broke off before the dump was taken would pass for what was there before this migration.
      if (row !== undefined && isHalf(row) && migration.irreversible === undefined)
        await run(
          copy,
          migration,
          "down",
          "it broke off before the dump was taken, and can't be taken back",
          "mend its down",
        );
      if (this.#isKnown(migration)) {
        await run(copy, migration, "up", "its up fails, though its rehearsal went well", "look what it depends on");
        await smoke.after(migration, "up");
      } else await this.#rehearseOne(copy, migration, smoke);
    }
  }

  async #rehearseOne(copy: Copy, migration: Migration, smoke: ReleaseSmoke): Promise<void> {
    const how = migration.irreversible === undefined ? "up, down and up" : "up alone, since it is irreversible";
    this.say(`rehearsing ${nameOf(migration)} ${where[this.#on]}: ${how}`);
    await rehearseMigration(copy, migration, smoke);
    this.#note(migration, this.#on);
  }

  #note({ version, checksum }: Migration, on: Rehearsed["on"]): void {
    this.#rehearsed.push({ version, checksum, on, at: new Date().toISOString() });
  }

  #explain({ migration, head, lines, mend }: StepFailure): string {
    return [
      `migrations/${migration.fileName} fails its rehearsal ${where[this.#on]}: ${head}`,
      ...lines.map((line) => `  ${line}`),
      `  ${mend}, and run pulumi up again; the database itself is as it was`,
    ].join("\n");
  }
}

const nameOf = ({ version, name }: Migration): string => `${version}_${name}`;
