import type { Migration as Summary, SchemaStep } from "../../rollout/types";
import { compareVersions, versionKey, type Migration } from "../../schema";
import type { HistoryRow } from "./history";
import type { Run } from "./run";
import { logRun, type RunLogEntry } from "./run-log";
import { recordOf } from "./step";

/** A migration that is applied, and whose file says something else now. */
export interface Edited {
  readonly declared: Summary;
  readonly recorded: HistoryRow;
}

/** @param declared what the files are @param history what was applied */
export function editedFiles(declared: readonly Summary[], history: readonly HistoryRow[]): Edited[] {
  return declared.flatMap((each) => {
    const recorded = history.find(({ version }) => compareVersions(version, each.version) === 0);
    return recorded?.state === "applied" && recorded.checksum !== each.checksum ? [{ declared: each, recorded }] : [];
  });
}

/**
 * Has the history take over what edited files say: nothing runs, and its down is theirs from now on.
 * @throws where one is not accepted, before anything is taken over
 */
export async function acceptFiles(
  run: Run,
  edited: readonly Edited[],
  files: ReadonlyMap<string, Migration>,
  { acceptEdited, release, backup }: { acceptEdited: readonly string[]; release?: string; backup?: string },
): Promise<void> {
  const refused = edited.filter(
    ({ declared }) => !acceptEdited.some((version) => compareVersions(version, declared.version) === 0),
  );
  if (refused.length > 0)
    throw new Error(
      `the database has other contents on record for ${refused.map(({ declared: { version, name } }) => `${version}_${name}`).join(", ")}; ` +
        "applied migrations are never edited: put the files back, and write a new migration; or, where the difference " +
        `does nothing, name them in overrides.acceptEdited (${refused.map(({ declared }) => declared.version).join(", ")})`,
    );
  for (const { declared, recorded } of edited) {
    const file = files.get(versionKey(declared.version));
    if (file === undefined) throw new Error(`${declared.version}_${declared.name} has no file to accept`);
    await acceptFile(run, recorded, file, declared, { release, backup });
  }
}

async function acceptFile(
  run: Run,
  before: HistoryRow,
  file: Migration,
  summary: Summary,
  { release, backup }: { release?: string; backup?: string },
): Promise<void> {
  const { checksum, up, down, directives } = recordOf(file, summary);
  const { name, phase } = file;
  await recordOnce(run, {
    change: `UPDATE switchyard.migrations SET name = $2, phase = $3, checksum = $4, up = $5, down = $6, summary = $7,
       directives = $8 WHERE version = $1`,
    values: [before.version, name, phase, checksum, up, down, JSON.stringify(summary), JSON.stringify(directives)],
    entry: { version: before.version, name, checksum, release, backup, figures: { acceptedEdit: saidOf(before) } },
  });
  run.say(`${file.version}_${name}: its edited file is accepted and on record; nothing of it was run`);
}

/**
 * Applied migrations whose file is gone, which is accepted and not on record yet.
 * @param steps what is to be done: what is taken back needs no file
 */
export function deletedFiles(
  { migrations, acceptEdited }: { migrations: readonly Summary[]; acceptEdited: readonly string[] },
  steps: readonly SchemaStep[],
  history: readonly HistoryRow[],
): HistoryRow[] {
  return history.filter(({ version, state, directives }) => {
    const is = (other: string): boolean => compareVersions(other, version) === 0;
    if (state !== "applied" || directives.deleted === true || !acceptEdited.some(is)) return false;
    return !migrations.some((each) => is(each.version)) && !steps.some(({ migration }) => is(migration.version));
  });
}

/** Has the history say of each that its file is gone: nothing runs, and its recorded down is the only one from now on. */
export async function acceptDeleted(
  run: Run,
  deleted: readonly HistoryRow[],
  { release, backup }: { release?: string; backup?: string },
): Promise<void> {
  for (const row of deleted) {
    const { version, name, checksum } = row;
    await recordOnce(run, {
      change: `UPDATE switchyard.migrations SET directives = directives || '{"deleted": true}' WHERE version = $1`,
      values: [version],
      entry: { version, name, checksum, release, backup, figures: { acceptedDeletion: saidOf(row) } },
    });
    run.say(`${version}_${name}: that its file is gone is accepted and on record; what it did stays`);
  }
}

const saidOf = ({ checksum, up, down }: HistoryRow) => ({ checksum, up, down });

/** The change of the history and the record of who made it, both or neither. */
async function recordOnce(
  { client, assertHeld }: Run,
  {
    change,
    values,
    entry,
  }: {
    change: string;
    values: unknown[];
    entry: Pick<RunLogEntry, "version" | "name" | "checksum" | "release" | "backup" | "figures">;
  },
): Promise<void> {
  await assertHeld();
  await client.query("BEGIN");
  try {
    await client.query(change, values);
    await logRun(client, { ...entry, direction: "accept", statementsApplied: 0, startedAt: new Date() });
    await client.query("COMMIT");
  } catch (error) {
    // Where the session is gone, so is the transaction; what was found is thrown either way.
    await client.query("ROLLBACK").catch(() => undefined);
    throw error;
  }
}
