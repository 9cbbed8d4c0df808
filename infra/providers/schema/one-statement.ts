import type { DatabaseError } from "pg";
import type { Statement } from "../../schema";
import { treeOf } from "../../schema/statement";
import { all, as, tagOf } from "../../schema/tree";
import { isDone, outsideOf, sweep } from "./concurrent";
import { noteBegun } from "./history";
import type { Run } from "./run";
import { applySettings } from "./session";
import { withTries } from "./tries";
import { watched } from "./watch";

/**
 * How long a statement that PostgreSQL runs in no transaction waits for a lock, in ms: CREATE INDEX CONCURRENTLY waits for
 * every older snapshot, keeps nobody from reading or writing meanwhile, and has to begin anew where it gives up.
 */
export const concurrentLockTimeoutMs = 10 * 60_000;

/** How long it may take in all, in ms: an index on a table of some terabytes. */
export const concurrentStatementTimeoutMs = 24 * 3_600_000;

/** Runs a statement in the transaction that is open, or as one of its own. @returns how many rows it wrote */
export async function runPlain(run: Run, what: string, statement: Statement): Promise<number> {
  await run.assertHeld();
  const { rowCount } = await watched(run, what, () => run.client.query(statement.text));
  return rowCount ?? 0;
}

/** A SET outside of a transaction holds for what comes after it, and so is said again where a run goes on behind it. */
export const isSetting = (statement: Statement): boolean => tagOf(treeOf(statement).node) === "VariableSetStmt";

/**
 * Runs a statement that PostgreSQL runs in no transaction, unless it is done already. What a broken build has left is
 * dropped before it, and after it where it fails.
 * @param at the statement's number in its section, from 1: on record before it begins
 * @param maybeDone did an earlier run begin it? What nobody of ours has begun is run, and says itself what is in its way.
 * @throws what the server says; `nothingLeft` is set on the error where nothing of the statement is left
 */
export async function runOutside(
  run: Run,
  what: string,
  statement: Statement,
  { version, at, maybeDone }: { version: string; at: number; maybeDone: boolean },
): Promise<void> {
  const { client } = run;
  const outside = outsideOf(client, statement);
  if (maybeDone && (await isDone(run, outside))) {
    run.say(`${what} was done by an earlier run`);
    return;
  }
  await sweep(run, outside);
  await noteBegun(client, version, at);
  await withTries(run, what, async () => {
    await run.assertHeld();
    await client.query(
      `SET lock_timeout = ${concurrentLockTimeoutMs}; SET statement_timeout = ${concurrentStatementTimeoutMs}`,
    );
    try {
      await watched(run, what, () => client.query(statement.text));
    } catch (error) {
      await sweepAfter(run, what, outside, error as LeftNothing);
      throw error;
    }
  });
  await applySettings(client);
}

/** What an error says beside the server's words: nothing of the statement is left. */
export type LeftNothing = DatabaseError & { nothingLeft?: boolean };

async function sweepAfter(
  run: Run,
  what: string,
  outside: ReturnType<typeof outsideOf>,
  error: LeftNothing,
): Promise<void> {
  try {
    await run.assertHeld();
  } catch {
    // Without the lock nothing further runs; whoever holds it next finds what is left.
    return;
  }
  try {
    await sweep(run, outside);
    error.nothingLeft = outside.does === "create index";
  } catch (left) {
    run.say(
      `${what} has left an INVALID index that could not be dropped (${(left as Error).message}); the next up does`,
    );
  }
  // A session that is gone has no settings; the failure itself is thrown either way.
  await applySettings(run.client).catch(() => undefined);
}

/** What the server says where a statement's one object is not there, or is there already. */
const nothingToDo = new Set([
  // undefined_table, _column, _object, _function; invalid_schema_name
  ...["42P01", "42703", "42704", "42883", "3F000"],
  // duplicate_table, _column, _object, _function, _schema
  ...["42P07", "42701", "42710", "42723", "42P06"],
]);

/**
 * Whether an error means, while a migration that broke off is run in its other direction, that there is nothing to do for
 * this statement. Only where it is about one thing: of two, one may be there and the other not.
 */
export function isNothingToDo(statement: Statement, error: unknown): boolean {
  if (!nothingToDo.has((error as DatabaseError).code ?? "")) return false;
  const { node } = treeOf(statement);
  const things = [...all(as(node, "AlterTableStmt")?.cmds, "AlterTableCmd"), ...(as(node, "DropStmt")?.objects ?? [])]
    .length;
  return things <= 1;
}
