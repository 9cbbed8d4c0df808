import type { Client } from "pg";
import type { Sync } from "../../schema";
import { newNames, oldNames, syncTable, tableLabel } from "../../schema/sync";
import { syncSql, type SyncSql } from "../../schema/sync-sql";
import { columnsOf, readTable } from "./sync-catalogue";
import { count } from "./sync-repair";

/** The SQL of a sync over the table as it is now; undefined for `manual`. @throws where table or column is missing */
export async function sqlOf(client: Client, id: string, sync: Sync): Promise<SyncSql | undefined> {
  if (sync.shape === "manual") return undefined;
  return syncSql(id, sync, columnsOf(sync, await readTable(client, sync)));
}

/** What is missing of a sync's table: itself, or columns (those of a manual one may be another table's). */
export async function missingOf(client: Client, sync: Sync): Promise<string | undefined> {
  const table = await readTable(client, sync);
  const label = tableLabel(syncTable(sync));
  if (table === undefined) return `the table ${label}`;
  if (sync.shape === "manual") return undefined;
  const gone = [...oldNames(sync), ...newNames(sync)].filter((name) => !table.columns.has(name));
  return gone.length === 0 ? undefined : `${label}.${gone.join(", ")}`;
}

/** How many rows differ; a hand-written sync counts them itself. */
export async function differingRows(client: Client, sync: Sync): Promise<number> {
  const sql = await sqlOf(client, "", sync);
  return sql === undefined ? ownCount(client, sync) : count(client, sync, sql.differs);
}

/** The first value of the query that a `manual` sync brings. */
async function ownCount(client: Client, sync: Sync): Promise<number> {
  const { rows } = await client.query<unknown[]>({ text: sync.differing ?? "SELECT 0", rowMode: "array" });
  const found = rows[0]?.[0];
  const number = Number(found);
  if (rows.length !== 1 || found === null || !Number.isInteger(number) || number < 0)
    throw new Error(
      `the query differing="${sync.differing ?? ""}" of sync=manual table=${sync.table} gave ${rows.length} rows, the ` +
        `first of them ${JSON.stringify(found ?? null)}; it must give one count of rows`,
    );
  return number;
}

/**
 * Runs `work`, which compares rows of a sync.
 * @param what the sync, for messages
 * @throws where a row's value can't be computed (class 22, data exception), with the way out; and what `work` throws
 */
export async function comparing<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isDataError(error)) throw error;
    throw new Error(
      `${what}: a row can't be compared (${error.message}); correct the row, or take the value out of it, then run ` +
        "pulumi up again",
      { cause: error },
    );
  }
}

/** Whether a value could not be computed (class 22, data exception): it is the row's, not the statement's. */
export const isDataError = (error: unknown): error is Error & { code: string } =>
  error instanceof Error && /^22/.test((error as { code?: string }).code ?? "");
