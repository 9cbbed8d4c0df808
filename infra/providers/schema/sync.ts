import type { Client } from "pg";
import type { Sync } from "../../schema";
import { syncTable, tableLabel } from "../../schema/sync";
import { altersTable, backfillMismatch, endedBy } from "../../schema/sync-ends";
import type { Run, RunStep } from "./run";
import { comparing, differingRows, sqlOf } from "./sync-differing";
import { endAll } from "./sync-end";
import { describe } from "./sync-checks";
import { assertConvertible, dropSync, installSync, renewSync, restoreSync } from "./sync-install";
import { prepareRecord, readSyncs, syncId, type RecordedSync } from "./sync-record";
import { sampleKeys } from "./sync-repair";
import { inTransaction, withSideSession } from "./sync-session";

/**
 * Before a section's first statement, in its transaction if it has one: ends the syncs whose shape the section takes
 * away. What differs is brought in step in batches of their own first; where a row differs that nobody can decide but a
 * person, nothing is ended. May run again after a kill at any point. The section's transaction stands still meanwhile, so
 * it must have no idle timeout.
 *
 * @throws Error naming table, count and some keys, with the ways to decide; PostgreSQL's 55P03 where the table's lock was
 * not to be had in lock_timeout.
 */
export async function prepareSyncs(run: Run, step: RunStep): Promise<void> {
  const recorded = await readSyncs(run.client);
  const active = recorded.filter((one) => one.endedBy === undefined);
  if (step.direction === "down") {
    const own = active.filter(({ version }) => version === step.version);
    return endAll(run, step, own, "backward");
  }
  const ending = active.filter(({ version, sync }) => version !== step.version && ends(step, sync));
  const [first] = ending;
  if (first !== undefined && step.phase === "expand")
    throw new Error(
      `${step.version}_${step.name} is an expand, and its ${ends(step, first.sync) ?? ""} takes away what ` +
        `${describe(first)} keeps in step while two releases write; do it in a contract migration`,
    );
  // A down that was killed may have put triggers back without saying so; the columns can't go while they are there.
  const left = recorded.filter((one) => one.endedBy === step.version && one.sync.shape !== "manual");
  if (left.length > 0) await inTransaction(run, step, () => eachOf(left, (one) => dropSync(run.client, one)));
  await endAll(run, step, ending, "forward");
}

const ends = (step: RunStep, sync: Sync): string | undefined => endedBy(step.section, sync);

/**
 * Before a section's first backfill, or after its last statement where it has none: installs the syncs of an up, and
 * brings those back that the up of this down ended, with the data of their old columns. May run again after a kill.
 *
 * @throws Error where a sync could not keep both releases whole, with the way out.
 */
export async function completeSyncs(run: Run, step: RunStep): Promise<void> {
  const recorded = await readSyncs(run.client);
  const own = step.syncs.map((sync, index) => ({ id: syncId(step.version, index), version: step.version, sync }));
  const active = recorded.filter((one) => one.endedBy === undefined && one.version !== step.version);
  const coming = step.direction === "up" ? own : [];
  const restored =
    step.direction === "down"
      ? recorded.filter((one) => one.endedBy === step.version && one.version !== step.version)
      : [];
  assertBackfills(step, [...active, ...coming, ...restored]);
  const altered = active.filter(({ sync }) => altersTable(step.section, sync));
  if (coming.length + restored.length + altered.length === 0) return;
  await run.assertHeld();
  // In a transaction the table is locked already, and reading all of it would hold everybody up.
  if (!step.section.transaction) await eachOf(coming, (one) => assertConvertible(run.client, one));
  await inTransaction(run, step, async () => {
    await prepareRecord(run.client);
    await eachOf(altered, (one) => renewSync(run, one, active));
    const there: RecordedSync[] = [...active];
    await eachOf(coming, async (one) => {
      await installSync(run, one, there);
      there.push(one);
    });
  });
  await eachOf(restored, (one) => restoreSync(run, step, one, active));
}

/** What a backfill has left of a sync's work. */
export interface StillDiffering {
  readonly sync: string;
  readonly table: string;
  /** Rows whose shapes don't follow from each other. */
  readonly rows: number;
}

/**
 * After a section's backfills: counts, in one snapshot a sync, the rows of their tables that still differ. None should: the
 * backfill has filled what was there before, the triggers all that was written since.
 * @returns one entry for each sync of a table that a backfill has walked or written
 * @throws where a row can't be compared
 */
export async function countDiffering(run: Run, step: RunStep): Promise<StillDiffering[]> {
  const tables = step.section.statements.flatMap((each) => (each.backfill === undefined ? [] : each.tables));
  if (tables.length === 0) return [];
  const active = (await readSyncs(run.client)).filter(({ endedBy }) => endedBy === undefined);
  const found: StillDiffering[] = [];
  for (const one of active) {
    const table = tableLabel(syncTable(one.sync));
    if (!tables.includes(table)) continue;
    await run.assertHeld();
    const rows = await withSideSession(run, (side) =>
      comparing(describe(one), async () => {
        const count = await differingRows(side, one.sync);
        run.say(
          `${describe(one)}: after the backfill ${count === 0 ? "no row differs" : await ofRows(side, one, count)}`,
        );
        return count;
      }),
    );
    found.push({ sync: one.id, table, rows });
  }
  return found;
}

async function ofRows(client: Client, { id, sync }: RecordedSync, count: number): Promise<string> {
  const condition = (await sqlOf(client, id, sync))?.differs;
  const keys =
    condition === undefined ? "" : ` (${await sampleKeys(client, sync, condition)}${count > 5 ? "; …" : ""})`;
  return (
    `${count} ${count === 1 ? "row differs" : "rows differ"}${keys}; they were written around the triggers. The contract ` +
    "that ends it fills what one side alone holds, and is refused while both hold something else"
  );
}

/** How many rows of a sync's table hold two shapes that don't follow from each other. */
export function differing(client: Client, sync: Sync): Promise<number> {
  return differingRows(client, sync);
}

function assertBackfills(step: RunStep, syncs: readonly RecordedSync[]): void {
  for (const statement of step.section.statements) {
    if (statement.backfill === undefined) continue;
    for (const { sync } of syncs) {
      const why = backfillMismatch(statement, sync);
      if (why === undefined) continue;
      const place = `${step.version}_${step.name}, line ${statement.line}`;
      throw new Error(`${place}: ${why.message}. Write ${why.write}`);
    }
  }
}

async function eachOf<T>(list: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  for (const one of list) await work(one);
}
