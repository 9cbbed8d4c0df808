import type { Migration as Summary } from "../../rollout/types";
import { compareVersions, type Migration } from "../../schema";
import type { HistoryRow } from "./history";
import type { Run } from "./run";
import { logRun } from "./run-log";
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
  files: ReadonlyMap<number, Migration>,
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
    const file = files.get(Number(declared.version));
    if (file === undefined) throw new Error(`${declared.version}_${declared.name} has no file to accept`);
    await acceptFile(run, recorded, file, declared, { release, backup });
  }
}

async function acceptFile(
  { client, say, assertHeld }: Run,
  before: HistoryRow,
  file: Migration,
  summary: Summary,
  { release, backup }: { release?: string; backup?: string },
): Promise<void> {
  const { checksum, up, down, directives } = recordOf(file, summary);
  const { version, name, phase } = file;
  await assertHeld();
  await client.query("BEGIN");
  try {
    await client.query(
      `UPDATE switchyard.migrations SET name = $2, phase = $3, checksum = $4, up = $5, down = $6, summary = $7,
         directives = $8 WHERE version = $1`,
      [before.version, name, phase, checksum, up, down, JSON.stringify(summary), JSON.stringify(directives)],
    );
    await logRun(client, {
      ...{ version: before.version, name, direction: "accept", checksum, release, backup },
      ...{ statementsApplied: 0, startedAt: new Date() },
      figures: { acceptedEdit: { checksum: before.checksum, up: before.up, down: before.down } },
    });
    await client.query("COMMIT");
  } catch (error) {
    // Where the session is gone, so is the transaction; what was found is thrown either way.
    await client.query("ROLLBACK").catch(() => undefined);
    throw error;
  }
  say(`${version}_${name}: its edited file is accepted and on record; nothing of it was run`);
}
