import type { Client } from "pg";
import { parseSection, type Direction, type Migration } from "../../schema";
import { withConnection } from "../connection";
import { prepareHistory, type HistoryRow } from "./history";
import type { Scratch } from "./rehearsal-scratch";
import type { RehearsalTarget, ScratchDatabase } from "./rehearsal-types";
import type { RunStep } from "./run";
import { runStep, stepFromFile } from "./run-step";
import { withRun } from "./session";

/** A scratch copy at work: the runner itself, and a session that looks at what it did. */
export interface Copy {
  /** Works as the owner, with no timeout and no open transaction between two calls. */
  readonly reader: Client;
  /** Runs a migration as an `up` would, its record included. @throws as `runStep` does */
  step(migration: Migration, direction: Direction): Promise<void>;
  /** Runs the up of a migration as another database has it on record. */
  replay(row: HistoryRow): Promise<void>;
  /** What a smoke is given. */
  readonly database: ScratchDatabase;
  /** @throws when another run may drop the copy: nothing may go on. */
  assertKept(): Promise<void>;
}

/** Opens the sessions of a copy for `work`, with the runner's own timeouts, lock and role. */
export function withCopy<T>(
  target: RehearsalTarget,
  scratch: Scratch,
  say: (line: string) => void,
  work: (copy: Copy) => Promise<T>,
): Promise<T> {
  const { owner, migrator, service = migrator } = target;
  const { user, password } = migrator;
  const connection = { ...scratch.connection, user };
  const application = "switchyard-rehearsal";
  return withConnection(connection, password, application, async (reader) => {
    await reader.query(`SET ROLE ${reader.escapeIdentifier(owner)}; SET statement_timeout = 0`);
    return withRun({ connection, password, owner }, { application, say }, async (run) => {
      await prepareHistory(run.client);
      return work({
        reader,
        step: (migration, direction) => runStep(run, stepFromFile(migration, direction)),
        replay: (row) => runStep(run, upFromRecord(row)),
        database: { connection: { ...scratch.connection, user: service.user }, password: service.password },
        assertKept: () => scratch.assertKept(),
      });
    });
  });
}

/** What it verified held when it was applied; a copy without the rows of that day may say otherwise. */
function upFromRecord({ version, name, phase, checksum, up, down, summary, directives }: HistoryRow): RunStep {
  const section = parseSection(`${version}_${name}, recorded up`, up);
  const { impact, syncs } = directives;
  const file = { fileName: `${version}_${name}.sql`, checksum, up, down, summary, directives };
  return { version, name, phase, direction: "up", impact, section, syncs, verify: [], source: "recorded", file };
}
