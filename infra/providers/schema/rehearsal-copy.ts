import type { Client } from "pg";
import { parseSection, type Migration, type Section } from "../../schema";
import { withConnection } from "../connection";
import { enter, finish } from "./history";
import type { Recorded } from "./rehearsal-history";
import type { Scratch } from "./rehearsal-scratch";
import type { RehearsalTarget, ScratchDatabase } from "./rehearsal-types";
import { prepareHistory } from "./history";

/** A scratch copy at work: who runs migrations in it, and a session that looks at what they did. */
export interface Copy {
  /** Works as the owner, with no timeout and no open transaction between two calls. */
  readonly reader: Client;
  /** Runs a section of a migration as an `up` would, its record included. */
  step(migration: Migration, direction: "up" | "down"): Promise<void>;
  /** Runs the up of a migration as another database has it on record. */
  replay(recorded: Recorded, file: Migration | undefined): Promise<void>;
  /** What a smoke is given. */
  readonly database: ScratchDatabase;
  assertKept(): Promise<void>;
}

export async function withCopy<T>(
  target: RehearsalTarget,
  scratch: Scratch,
  work: (copy: Copy) => Promise<T>,
): Promise<T> {
  const { owner, migrator, service = migrator } = target;
  const connection = { ...scratch.connection, user: migrator.user };
  return withConnection(connection, migrator.password, "switchyard-rehearsal", (reader) =>
    withConnection(connection, migrator.password, "switchyard-rehearsal", async (runner) => {
      for (const client of [reader, runner]) await client.query(`SET ROLE ${client.escapeIdentifier(owner)}`);
      await prepareHistory(runner);
      const run = async (section: Section) => {
        if (section.transaction) await runner.query("BEGIN");
        try {
          for (const { text } of section.statements) await runner.query(text);
          if (section.transaction) await runner.query("COMMIT");
        } catch (error) {
          await runner.query("ROLLBACK");
          throw error;
        }
      };
      return work({
        reader,
        async step(migration, direction) {
          await run(migration[direction]);
          if (direction === "up") {
            await enter(runner, migration);
            await finish(runner, migration.version, 1);
          } else await runner.query("DELETE FROM switchyard.migrations WHERE version = $1", [migration.version]);
        },
        async replay(recorded, file) {
          if (file !== undefined) return this.step(file, "up");
          await run(parseSection(recorded.version, recorded.up));
        },
        database: { connection: { ...scratch.connection, user: service.user }, password: service.password },
        assertKept: () => scratch.assertKept(),
      });
    }),
  );
}
