import type { Client, DatabaseError } from "pg";
import type { Migration, Statement } from "../../schema/types";
import { enter, finish, noteFailure, noteProgress, type HistoryRow } from "./history";

/** How long a statement may wait for a lock, in ms: everything that comes after it in the queue waits as long. */
const lockTimeoutMs = 5_000;

/**
 * Runs the up of one migration: in one transaction, its record included, or statement by statement where the file says
 * `transaction:false`, going on after the last statement on record.
 * @param assertHeld throws when the schema lock is lost; asked before each statement.
 * @throws with file, line, the statement, and PostgreSQL's code, detail and hint; the failure is on record too.
 */
export async function runUp(
  client: Client,
  migration: Migration,
  row: HistoryRow | undefined,
  assertHeld: () => Promise<void>,
): Promise<void> {
  const { statements, transaction } = migration.up;
  await client.query(`SET lock_timeout = ${lockTimeoutMs}`);
  await enter(client, migration);
  let at: Statement | undefined;
  try {
    if (transaction) await client.query("BEGIN");
    for (const [index, statement] of statements.entries()) {
      if (!transaction && index < (row?.statementsApplied ?? 0)) continue;
      at = statement;
      await assertHeld();
      // A run that was killed may have built an index without its record, or left one that is INVALID.
      const built = row !== undefined && !transaction && (await isBuilt(client, statement));
      if (!built) await client.query(statement.text);
      if (!transaction) await noteProgress(client, migration.version, index + 1);
    }
    at = undefined;
    await finish(client, migration.version, statements.length);
    if (transaction) await client.query("COMMIT");
  } catch (error) {
    const message = explain(error as DatabaseError, migration, at);
    // When the session itself is gone there is nobody to tell; what was found is thrown either way.
    await client.query("ROLLBACK").catch(() => undefined);
    await noteFailure(client, migration.version, message, at?.text ?? "").catch(() => undefined);
    throw new Error(message, { cause: error });
  }
}

/**
 * Whether a CREATE INDEX of a run before this one is done. What a broken concurrent build left behind is dropped: it
 * serves no query, is kept up to date by every write, and `IF NOT EXISTS` would take it for the index.
 */
async function isBuilt(client: Client, { kind, objects }: Statement): Promise<boolean> {
  const index = kind.startsWith("CREATE")
    ? objects.find((name) => name.startsWith("index "))?.slice("index ".length)
    : undefined;
  if (index === undefined) return false;
  const { rows } = await client.query<{ name: string; valid: boolean }>(
    "SELECT indexrelid::regclass::text AS name, indisvalid AS valid FROM pg_index WHERE indexrelid = to_regclass($1)",
    [index],
  );
  const [found] = rows;
  if (found?.valid === false) await client.query(`DROP INDEX CONCURRENTLY ${found.name}`);
  return found?.valid === true;
}

function explain(error: DatabaseError, { fileName, up }: Migration, at: Statement | undefined): string {
  const first = at?.text.split("\n")[0];
  const rolledBack = up.transaction
    ? "its transaction was rolled back"
    : "the statements before it stay applied, and the next up goes on with this one";
  return [
    `migrations/${fileName}${at === undefined ? "" : `:${at.line}`}: ${error.message}${error.code === undefined ? "" : ` (${error.code})`}`,
    ...(first === undefined ? [] : [`  statement: ${first}`]),
    ...(error.detail === undefined ? [] : [`  detail: ${error.detail}`]),
    ...(error.hint === undefined ? [] : [`  hint: ${error.hint}`]),
    `  ${rolledBack}; mend the file and run pulumi up again`,
  ].join("\n");
}
