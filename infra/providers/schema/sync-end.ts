import type { Client } from "pg";
import { parseSql } from "../../schema/parser";
import { newNames, oldNames, quotedTable, syncNames, syncTable, tableLabel, sidesOf } from "../../schema/sync";
import { quoted, unquoted } from "../../schema/sync-expression";
import type { Repair, SyncSql } from "../../schema/sync-sql";
import { relationsIn } from "../../schema/tree";
import type { Run, RunStep } from "./run";
import { describe } from "./sync-checks";
import { comparing, differingRows, missingOf, sqlOf } from "./sync-differing";
import { dropSync } from "./sync-install";
import { counts, repair, sampleKeys, triggerState } from "./sync-repair";
import { endSync, type RecordedSync } from "./sync-record";
import { inTransaction, lockTables, withOwnSettings, withSideSession } from "./sync-session";

/** `forward`: the old shape goes (a contract). `backward`: the new one does (the down of the sync's own migration). */
export type Way = "forward" | "backward";

/** A sync that is about to end, and what must hold before it does. */
interface Ending {
  readonly one: RecordedSync;
  readonly sql: SyncSql | undefined;
  readonly repairs: readonly Repair[];
  /** Which rows stand against it; undefined for `manual`, which counts them itself. */
  readonly condition: string | undefined;
  /** Rows whose going side holds more than the other one tells. */
  readonly richer: string | undefined;
  readonly going: readonly string[];
  /** Tables to lock, quoted. */
  readonly tables: readonly string[];
  /** As the catalogue has them. */
  readonly triggers: readonly string[];
}

/** Ends syncs: brings in step what differs, proves that nothing does, and drops their triggers, all or none of them. */
export async function endAll(run: Run, step: RunStep, syncs: readonly RecordedSync[], way: Way): Promise<void> {
  if (syncs.length === 0) return;
  await run.assertHeld();
  const proven: { ending: Ending; state: string }[] = [];
  for (const one of syncs) {
    const gone = await missingOf(run.client, one.sync);
    if (gone !== undefined) {
      run.say(`${describe(one)}: ${gone} is gone already; what is left of its triggers is dropped`);
      await inTransaction(run, step, () => forget(run.client, one, step.version));
      continue;
    }
    const ending = await withOwnSettings(run.client, () => plan(run.client, one, way));
    if (way === "forward") assertNoGap(step, ending);
    proven.push({ ending, state: await bringInStep(run, step, ending) });
  }
  if (proven.length === 0) return;
  await inTransaction(run, step, async () => {
    await lockTables(run, step, [...new Set(proven.flatMap(({ ending }) => ending.tables))].sort());
    for (const { ending, state } of proven) await drop(run, step, ending, state);
  });
}

async function plan(client: Client, one: RecordedSync, way: Way): Promise<Ending> {
  const table = syncTable(one.sync);
  const sql = await sqlOf(client, one.id, one.sync);
  if (sql !== undefined) {
    const { insert, update } = syncNames(one.id, table);
    const [repairs, condition] = way === "forward" ? [sql.fill, sql.differs] : [sql.save, sql.newerOnly];
    const [richer, going] =
      way === "forward" ? [sql.richer?.old, oldNames(one.sync)] : [sql.richer?.new, newNames(one.sync)];
    const triggers = [insert, update];
    return { one, sql, repairs, condition, richer, going, tables: [quotedTable(table)], triggers };
  }
  const parsed = parseSql(one.sync.differing ?? "SELECT 0");
  const read = relationsIn(parsed.ok ? parsed.statements : []).map((name) => name.split(".").map(quoted).join("."));
  const named = [quotedTable(table), ...read.map((name) => (name.includes('"."') ? name : `"public".${name}`))];
  const { rows } = await client.query<{ name: string }>(
    "SELECT DISTINCT name FROM unnest($1::text[]) AS name WHERE to_regclass(name) IS NOT NULL",
    [named],
  );
  const tables = rows.map(({ name }) => name);
  const triggers = one.sync.triggers.map(unquoted);
  return { one, sql, repairs: [], condition: undefined, richer: undefined, going: [], tables, triggers };
}

/** Between the triggers and the column, a release's insert would be refused for what the triggers filled in. */
function assertNoGap(step: RunStep, { one, sql }: Ending): void {
  if (step.section.transaction || sql === undefined || !sql.oldRequired) return;
  throw new Error(
    `${step.version}_${step.name} ends ${describe(one)} with transaction:false, and ${one.sync.old.join(", ")} is NOT ` +
      "NULL: until it is dropped, no release could insert a row; drop it in a migration that runs in a transaction",
  );
}

/**
 * Mends in batches, then counts what is left in one snapshot, all in a session beside the section's transaction.
 * @returns the state of the triggers before the count: as long as it lasts, the count holds
 */
async function bringInStep(run: Run, step: RunStep, ending: Ending): Promise<string> {
  return withSideSession(run, (side) => comparing(describe(ending.one), () => mendAndCount(run, step, ending, side)));
}

async function mendAndCount(run: Run, step: RunStep, ending: Ending, side: Client): Promise<string> {
  const { one, repairs } = ending;
  let total = 0;
  for (let before = Infinity; ;) {
    const written = await repair(side, one.sync, repairs, {
      assertHeld: () => run.assertHeld(),
      inTransaction: false,
    });
    total += written;
    await run.assertHeld();
    const { state } = await triggerState(side, ending.tables, ending.triggers);
    const { left, richer } = await remaining(side, ending);
    // Writers may have moved rows past the walk. It goes on as long as there are fewer, and ends where another trigger undoes it.
    if (left > 0 && written > 0 && left < before) {
      before = left;
      continue;
    }
    if (total > 0) run.say(`${describe(one)}: ${total} rows were brought in step`);
    if (left > 0) throw await refusal(side, step, ending, left);
    if (richer > 0)
      run.say(
        `${describe(one)}: ${richer} ${richer === 1 ? "row holds" : "rows hold"} more in ${ending.going.join(", ")} than ` +
          "the other shape tells; that goes, and no way back brings it again",
      );
    return state;
  }
}

/** Counted in one snapshot. */
async function remaining(
  client: Client,
  { one, condition, richer }: Ending,
): Promise<{ left: number; richer: number }> {
  if (condition === undefined) return { left: await differingRows(client, one.sync), richer: 0 };
  const [left = 0, more = 0] = await counts(client, one.sync, [condition, richer ?? "false"]);
  return { left, richer: more };
}

/** Under the table's lock: nobody writes any more, so what was counted is true, or is counted again. */
async function drop(run: Run, step: RunStep, ending: Ending, counted: string): Promise<void> {
  const { client } = run;
  const { one, tables, triggers, sql } = ending;
  await withOwnSettings(client, async () => {
    const { state, missing, on } = await triggerState(client, tables, triggers);
    const allOn = sql === undefined ? on > 0 : missing === 0 && on === state.split(",").length;
    if (state === counted && allOn) return;
    run.say(`${describe(one)}: its triggers were changed or off, so its rows are counted once more under the lock`);
    const { left } = await remaining(client, ending);
    if (left > 0) throw await refusal(client, step, ending, left);
  });
  await forget(client, one, step.version);
}

async function forget(client: Client, one: RecordedSync, endedBy: string): Promise<void> {
  // The triggers of a manual sync are dropped by the statements that end it.
  if (one.sync.shape !== "manual") await dropSync(client, one);
  await endSync(client, one.id, endedBy);
}

async function refusal(client: Client, step: RunStep, ending: Ending, left: number): Promise<Error> {
  const { one, sql, condition } = ending;
  const label = tableLabel(syncTable(one.sync));
  const head = `${step.version}_${step.name} (${step.direction}): ${left} ${left === 1 ? "row" : "rows"} of ${label}`;
  if (sql === undefined || condition === undefined)
    return new Error(
      `${head} differ between both shapes (${describe(one)}), counted by: ${one.sync.differing ?? ""}. Nothing was ` +
        "changed; bring them in step by hand, then run pulumi up again",
    );
  const sample = await sampleKeys(client, one.sync, condition);
  const lines = [
    `${head} differ in ${sidesOf(one.sync)} (${describe(one)}), so nothing was dropped: ${sample}${left > 5 ? "; …" : ""}`,
    ...(sql.decide === undefined
      ? []
      : [
          `  what older releases wrote is right: ${oneLine(sql.decide.oldIsRight)}`,
          `  what newer releases wrote is right: ${oneLine(sql.decide.newIsRight)}`,
        ]),
    "  decide, then run pulumi up again",
  ];
  return new Error(lines.join("\n"));
}

const oneLine = (sql: string): string => sql.replace(/\s*\n\s*/g, " ");
