import type { Client } from "pg";
import type { Migration } from "../../schema";
import { compareCatalogues, formatDifferences } from "../../schema/catalogue-diff";
import { withConnection } from "../connection";
import { readCatalogue } from "./catalogue";
import { withCopy, type Copy } from "./rehearsal-copy";
import { findVersion, isApplied, readRecorded, type Recorded } from "./rehearsal-history";
import { rehearseMigration, smokeOf, StepFailure, type Smoke } from "./rehearsal-migration";
import { assertThere, restoreDump } from "./rehearsal-restore";
import { withScratch } from "./rehearsal-scratch";
import {
  RehearsalFailure,
  type Rehearsed,
  type RehearsalOptions,
  type RehearsalReport,
  type RehearsalTarget,
} from "./rehearsal-types";

type Say = (line: string) => void;

/**
 * Runs each pending migration up, down and up on a scratch copy of the database, which is dropped afterwards. The database
 * itself is read and never changed. Where nothing is pending, no copy is made.
 * @param say gets one line at a time for the operator.
 * @throws RehearsalFailure when a migration fails, or when the database has drifted and `drift` is "refuse".
 */
export async function rehearse(target: RehearsalTarget, options: RehearsalOptions, say: Say): Promise<RehearsalReport> {
  const { connection, password } = target;
  const history = await withConnection(connection, password, "switchyard-rehearsal", readRecorded);
  const rehearsal = new Rehearsal(options, history, say);
  if (!rehearsal.isNeeded()) return rehearsal.report();
  if (options.from !== undefined) assertThere(options.from);
  return withScratch(target, say, async (scratch, real) => {
    if (options.from !== undefined) {
      say(`restoring ${options.from} into the scratch copy ${scratch.connection.database}`);
      await withConnection(scratch.connection, password, "switchyard-rehearsal", (inside) =>
        restoreDump(inside, {
          file: options.from ?? "",
          connection: scratch.connection,
          password,
          owner: target.owner,
        }),
      );
    }
    return withCopy(target, scratch, (copy) => rehearsal.run(copy, real));
  });
}

/** One rehearsal, and what has come of it so far. */
class Rehearsal {
  readonly #rehearsed: Rehearsed[] = [];
  #drift: string[] = [];

  constructor(
    readonly options: RehearsalOptions,
    /** Of the real database. */
    readonly history: readonly Recorded[],
    readonly say: Say,
  ) {}

  isNeeded(): boolean {
    return this.#pending().some((migration) => !this.#isKnown(migration));
  }

  report(): RehearsalReport {
    return {
      on: this.options.from === undefined ? "structure" : "restored",
      rehearsed: [...this.#rehearsed],
      applied: this.options.migrations.filter((each) => isApplied(this.history, each)).map(({ checksum }) => checksum),
      drift: this.#drift,
    };
  }

  async run(copy: Copy, real: Client): Promise<RehearsalReport> {
    try {
      await this.#fill(copy);
      if (this.options.from === undefined) await this.#findDrift(copy, real);
      await this.#smokeBefore(copy);
      await this.#rehearsePending(copy);
      return this.report();
    } catch (error) {
      if (error instanceof StepFailure)
        throw new RehearsalFailure(this.#explain(error), this.report(), { cause: error });
      throw error;
    }
  }

  #pending(): Migration[] {
    return this.options.migrations.filter((migration) => !isApplied(this.history, migration));
  }

  #isKnown({ checksum }: Migration): boolean {
    return this.options.known?.includes(checksum) === true;
  }

  /** Brings the copy to where the database is: what a dump lacks, or all of it. */
  async #fill(copy: Copy): Promise<void> {
    const there = await readRecorded(copy.reader);
    this.#refuseOther(there);
    const missing = this.history.filter((each) => each.finished && findVersion(there, each.version)?.finished !== true);
    for (const recorded of missing) {
      const file = findVersion(this.options.migrations, recorded.version);
      try {
        await copy.replay(recorded, file?.checksum === recorded.checksum ? file : undefined);
      } catch (error) {
        throw new RehearsalFailure(
          `the scratch copy can't be brought to where the database is: ${recorded.version}_${recorded.name}, as it was ` +
            `recorded, fails on it:\n${(error as Error).message}\nThe database was changed by hand, or its history is not ` +
            "its own; rehearse on a dump of it instead: pulumi config set --path rehearsal.from FILE",
          this.report(),
          { cause: error },
        );
      }
    }
    const count = missing.length;
    if (count > 0) this.say(`brought the copy to where the database is: ${count} migration${count === 1 ? "" : "s"}`);
  }

  /** A dump of another branch proves nothing of this one. */
  #refuseOther(there: readonly Recorded[]): void {
    for (const { version, name, checksum, finished } of there) {
      if (!finished) continue;
      const known = findVersion(this.options.migrations, version) ?? findVersion(this.history, version);
      if (known?.checksum === checksum) continue;
      throw new RehearsalFailure(
        `${this.options.from ?? "the copy"} has ${version}_${name} applied, which is ` +
          `${known === undefined ? "neither declared nor applied" : "another text"} here; name a dump of this database, or ` +
          "of one with the same migrations: pulumi config set --path rehearsal.from FILE",
        this.report(),
      );
    }
  }

  /** What somebody has changed by hand: the copy was made by the recorded migrations alone. */
  async #findDrift(copy: Copy, real: Client): Promise<void> {
    const found = compareCatalogues(await readCatalogue(real), await readCatalogue(copy.reader));
    const sides = { before: "in the database", after: "in a copy made by its recorded migrations" };
    this.#drift = formatDifferences(found, sides);
    if (this.#drift.length === 0) return;
    const half = this.history.filter(({ finished, statements }) => !finished && statements > 0);
    const lines = [
      "the database is not as its recorded migrations made it:",
      ...this.#drift.map((line) => `  ${line}`),
      ...half.map(
        ({ version, name }) => `  (${version}_${name} began on it and did not end: what it did is among these)`,
      ),
    ];
    if (this.options.drift !== "refuse" || half.length > 0) {
      for (const line of lines) this.say(line);
      return;
    }
    throw new RehearsalFailure(
      [
        ...lines,
        "put it back, or write a migration that says it; to go on: pulumi config set --path rehearsal.drift warn",
      ].join("\n"),
      this.report(),
    );
  }

  /** A smoke that fails here fails for reasons of its own, and would be blamed on the first migration. */
  async #smokeBefore({ database }: Copy): Promise<void> {
    try {
      await this.options.smoke?.(database);
    } catch (error) {
      throw new RehearsalFailure(
        `the smoke of the current release fails on the scratch copy before any pending migration ran: ${(error as Error).message}`,
        this.report(),
        { cause: error },
      );
    }
  }

  async #rehearsePending(copy: Copy): Promise<void> {
    const smoke = smokeOf(this.options, copy);
    const there = await readRecorded(copy.reader);
    for (const migration of this.#pending()) {
      const name = `${migration.version}_${migration.name}`;
      if (isApplied(there, migration)) {
        this.say(`${name} is not rehearsed: the dump has it applied`);
        if (!this.#isKnown(migration)) this.#note(migration, "dump");
      } else if (this.#isKnown(migration)) {
        await copy.step(migration, "up");
        await smoke(migration, "its up");
      } else await this.#rehearseOne(copy, migration, smoke);
    }
  }

  async #rehearseOne(copy: Copy, migration: Migration, smoke: Smoke): Promise<void> {
    const { on } = this.report();
    const how = migration.irreversible === undefined ? "up, down and up" : "up alone, since it is irreversible";
    this.say(`rehearsing ${migration.version}_${migration.name} ${where[on]}: ${how}`);
    await rehearseMigration(copy, migration, smoke);
    this.#note(migration, on);
  }

  #note({ version, checksum }: Migration, on: Rehearsed["on"]): void {
    this.#rehearsed.push({ version, checksum, on, at: new Date().toISOString() });
  }

  #explain({ migration, head, lines, mend }: StepFailure): string {
    return [
      `migrations/${migration.fileName} fails its rehearsal ${where[this.report().on]}: ${head}`,
      ...lines.map((line) => `  ${line}`),
      `  ${mend}, and run pulumi up again; the database itself is as it was`,
    ].join("\n");
  }
}

const where = { structure: "on a copy of the structure", restored: "on restored data" } as const;
