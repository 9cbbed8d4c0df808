import type { DatabaseError } from "pg";
import type { Statement } from "../../schema";
import type { HistoryRow } from "./history";
import type { Run, RunStep } from "./run";
import { logRun, type Figures } from "./run-log";

/** A failure as the operator reads it. */
export function explain(error: DatabaseError, step: RunStep, at: Statement | undefined): string {
  const { version, name, direction, section, source } = step;
  const file = step.file?.fileName ?? `${version}_${name}.sql`;
  const where = source === "file" ? `migrations/${file}` : `${version}_${name}, recorded ${direction}`;
  const after = section.transaction
    ? "its transaction was rolled back"
    : "the statements before it stay, and the next up goes on with this one";
  const mend =
    source === "file" ? "mend the file and run pulumi up again" : "mend what it names and run pulumi up again";
  return [
    `${where}${at === undefined ? "" : `:${at.line}`}: ${error.message}${code(error)}`,
    ...(at === undefined ? [] : [`  statement: ${at.text.split("\n")[0] ?? ""}`]),
    ...(error.detail === undefined ? [] : [`  detail: ${error.detail}`]),
    ...(error.hint === undefined ? [] : [`  hint: ${error.hint}`]),
    `  ${after}; ${mend}`,
  ].join("\n");
}

/** SQLSTATE; the codes of Node's own errors are no news to anybody. */
const code = ({ code }: DatabaseError): string => (/^[0-9A-Z]{5}$/.test(code ?? "") ? ` (${code ?? ""})` : "");

export interface Failure {
  readonly message: string;
  readonly statement?: string;
  /** Statements that are done. */
  readonly applied: number;
  /** Everything is as it was before this direction began. */
  readonly nothingLeft: boolean;
  readonly startedAt: Date;
  readonly checksum: string;
  readonly release?: string;
  readonly backup?: string;
  readonly figures: Figures;
}

/**
 * Puts a failure on record. A migration of which nothing is left is none that broke off: it is as it was before.
 * A session that is gone can record nothing; that is said, and what was found is thrown either way.
 */
export async function noteFailure(
  { client, say }: Run,
  step: RunStep,
  before: HistoryRow | undefined,
  failure: Failure,
): Promise<void> {
  const { version, name, phase, direction, file } = step;
  const { message, statement, applied, nothingLeft, startedAt, checksum, release, backup, figures } = failure;
  try {
    await client.query("BEGIN");
    if (file !== undefined && direction === "up")
      await client.query(
        `INSERT INTO switchyard.migrations (version, name, phase, checksum, up, down, state, summary, directives)
         VALUES ($1, $2, $3, $4, $5, $6, 'taken back', $7, $8) ON CONFLICT (version) DO NOTHING`,
        [
          ...[version, name, phase, checksum, file.up, file.down],
          ...[JSON.stringify(file.summary), JSON.stringify(file.directives)],
        ],
      );
    await client.query(
      `UPDATE switchyard.migrations SET error = $2, failed_statement = $3,
         statement_begun = CASE WHEN $4 THEN 0 ELSE statement_begun END WHERE version = $1`,
      [version, message, statement, nothingLeft],
    );
    if (nothingLeft)
      await client.query(
        `UPDATE switchyard.migrations SET state = $2, finished_at = $3, statements_applied = $4
          WHERE version = $1 AND state IN ('applying', 'taking back')`,
        [version, before?.state ?? "taken back", before?.finishedAt ?? null, before?.statementsApplied ?? 0],
      );
    await logRun(client, {
      ...{ version, name, direction, checksum, startedAt, release, backup, figures },
      ...{ statementsApplied: applied, error: message, failedStatement: statement },
    });
    await client.query("COMMIT");
  } catch (error) {
    await client.query("ROLLBACK").catch(() => undefined);
    say(`the failure of ${version}_${name} could not be put on record: ${(error as Error).message}`);
  }
}
