import type { Client } from "pg";
import { quotedTable, syncNames, syncTable, tableLabel } from "../../schema/sync";
import { unquoted } from "../../schema/sync-expression";
import { syncSql, type SyncSql } from "../../schema/sync-sql";
import type { Run, RunStep } from "./run";
import { columnsOf, readTable } from "./sync-catalogue";
import { assertInstallable, describe } from "./sync-checks";
import { differingRows, isDataError, missingOf, sqlOf } from "./sync-differing";
import { count, repair, triggerState } from "./sync-repair";
import { enterSync, type RecordedSync } from "./sync-record";
import { inTransaction, withOwnSettings } from "./sync-session";

/** Makes a sync's triggers where they are not there yet, and enters it as active. In a transaction. */
export async function installSync(run: Run, one: RecordedSync, active: readonly RecordedSync[]): Promise<void> {
  await makeTriggers(run, one, active);
  await enterSync(run.client, one);
}

/** Makes a sync's triggers anew: they know the defaults of their columns from when they were made. In a transaction. */
export async function renewSync(run: Run, one: RecordedSync, active: readonly RecordedSync[]): Promise<void> {
  if (one.sync.shape !== "manual") await dropSync(run.client, one);
  await makeTriggers(run, one, active);
}

async function makeTriggers(run: Run, one: RecordedSync, active: readonly RecordedSync[]): Promise<void> {
  const { client } = run;
  const { id, sync } = one;
  if (sync.shape === "manual") return assertHandWritten(client, one);
  await withOwnSettings(client, async () => {
    const table = await readTable(client, sync);
    const columns = columnsOf(sync, table);
    const sql = syncSql(id, sync, columns);
    if (table === undefined || sql === undefined) throw new Error(`${describe(one)} has no SQL`);
    const notes = await assertInstallable(client, { id, sync, table, columns, sql }, active);
    notes.forEach((note) => run.say(note));
    const [createFunction = "", ...createTriggers] = sql.install;
    await client.query(createFunction);
    // Triggers take a lock on the table: where they are there and on, they stay.
    if (!(await areOn(client, one))) for (const statement of createTriggers) await client.query(statement);
  });
}

/** Computes the new columns of every row that is there: where that fails, the triggers would refuse its writes. */
export async function assertConvertible(client: Client, one: RecordedSync): Promise<void> {
  if (one.sync.shape === "not-null" || one.sync.shape === "manual") return;
  await withOwnSettings(client, async () => {
    const sql = await sqlOf(client, one.id, one.sync);
    const values = (sql?.made ?? []).map((value) => `count(${value})`).join(", ");
    try {
      await client.query(`SELECT ${values} FROM ${quotedTable(syncTable(one.sync))} AS r`);
    } catch (error) {
      if (!isDataError(error)) throw error;
      throw new Error(
        `${describe(one)} can't be installed: forward fails for a row that is there (${error.message}), so an old ` +
          "release could not write it any more; make it a value for every row, with CASE or coalesce",
        { cause: error },
      );
    }
  });
}

/** Whether both triggers are there and always on, on the table and each of its partitions. */
async function areOn(client: Client, { id, sync }: RecordedSync): Promise<boolean> {
  const table = syncTable(sync);
  const { insert, update } = syncNames(id, table);
  const { state, missing } = await triggerState(client, [quotedTable(table)], [insert, update]);
  return missing === 0 && state.split(",").every((trigger) => trigger.endsWith(" A"));
}

async function assertHandWritten(client: Client, one: RecordedSync): Promise<void> {
  const names = one.sync.triggers.map(unquoted);
  const { rows } = await client.query<{ name: string }>(
    `SELECT DISTINCT t.tgname AS name FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
      WHERE NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') AND t.tgname = ANY ($1)`,
    [names],
  );
  const missing = names.filter((name) => !rows.some((row) => row.name === name));
  if (missing.length === 0) return;
  throw new Error(
    `${describe(one)} names ${missing.length === 1 ? "a trigger" : "triggers"} that ${missing.length === 1 ? "is" : "are"} ` +
      `not there, or not on: ${missing.join(", ")}; create ${missing.length === 1 ? "it" : "them"} in the same section, ` +
      "before its first backfill",
  );
}

/** Takes away a sync's triggers and function, whatever is left of them. */
export async function dropSync(client: Client, { id, sync }: RecordedSync): Promise<void> {
  const table = syncTable(sync);
  const { insert, update, function: name } = syncNames(id, table);
  for (const trigger of [insert, update])
    await client.query(`DROP TRIGGER IF EXISTS ${client.escapeIdentifier(trigger)} ON ${quotedTable(table)}`);
  await client.query(`DROP FUNCTION IF EXISTS switchyard.${client.escapeIdentifier(name)}()`);
}

/**
 * Brings a sync back after the down of the contract that ended it: triggers first, so that writers stay in step, then
 * the old columns of every row from the new ones. Only then it counts as active: a kill in between begins again.
 */
export async function restoreSync(
  run: Run,
  step: RunStep,
  one: RecordedSync,
  active: readonly RecordedSync[],
): Promise<void> {
  const { client } = run;
  const missing = await missingOf(client, one.sync);
  if (missing !== undefined)
    throw new Error(
      `the down of ${step.version}_${step.name} does not bring back ${missing}, which older releases and ` +
        `${describe(one)} need; create it in the down`,
    );
  await inTransaction(run, step, () => makeTriggers(run, one, active));
  const sql = await withOwnSettings(client, () => sqlOf(client, one.id, one.sync));
  const left = await withOwnSettings(client, () =>
    sql === undefined ? differingRows(client, one.sync) : rebuild(run, step, one, sql),
  );
  if (left > 0)
    throw new Error(
      `after the down of ${step.version}_${step.name}, ${left} rows of ${tableLabel(syncTable(one.sync))} still differ ` +
        `(${describe(one)}); bring them in step in the down, then run pulumi up again`,
    );
  await inTransaction(run, step, () => enterSync(client, one));
}

/** Writers may move rows past the walk: it goes on as long as there are fewer. @returns how many are left */
async function rebuild(run: Run, step: RunStep, one: RecordedSync, sql: SyncSql): Promise<number> {
  const { client, assertHeld } = { client: run.client, assertHeld: () => run.assertHeld() };
  const options = { assertHeld, inTransaction: step.section.transaction };
  let total = 0;
  for (let before = Infinity; ;) {
    const written = await repair(client, one.sync, sql.rebuild, options);
    total += written;
    const left = await count(client, one.sync, sql.rebuild.length === 0 ? "false" : sql.differs);
    if (left > 0 && written > 0 && left < before) {
      before = left;
      continue;
    }
    if (total > 0) run.say(`${describe(one)}: ${total} rows have their old columns back`);
    return left;
  }
}
