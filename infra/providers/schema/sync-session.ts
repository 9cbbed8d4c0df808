import type { Client } from "pg";
import { withConnection } from "../connection";
import type { Run, RunStep } from "./run";
import { applySettings } from "./session";
import { withTries } from "./tries";

/** One snapshot has to be counted whole: 6 hours read some 2 TB at 100 MB/s. In ms. */
const statementTimeoutMs = 6 * 3_600_000;

/**
 * A second session for what must not be part of a section's transaction: batches that commit one by one. It works as
 * the owner too, and row security hides nothing from it: PostgreSQL refuses a query rather than leave rows out.
 */
export function withSideSession<T>(run: Run, work: (client: Client) => Promise<T>): Promise<T> {
  return withConnection(run.connection, run.password, "switchyard-sync", async (client) => {
    await client.query(`SET ROLE ${client.escapeIdentifier(run.owner)}`);
    await applySettings(client);
    await client.query(
      `SET search_path = pg_catalog, public; SET row_security = off; SET statement_timeout = ${statementTimeoutMs}`,
    );
    return work(client);
  });
}

/** Runs `work` in the section's transaction, or in one of its own, tried until it has its locks, where there is none. */
export async function inTransaction(run: Run, step: RunStep, work: () => Promise<void>): Promise<void> {
  const { client } = run;
  if (step.section.transaction) return work();
  await withTries(run, `${labelOf(step)}, its syncs`, async () => {
    await client.query("BEGIN");
    try {
      await work();
      await client.query("COMMIT");
    } catch (error) {
      // Where the session is gone, so is the transaction; what was found is thrown either way.
      await client.query("ROLLBACK").catch(() => undefined);
      throw error;
    }
  });
}

/**
 * Locks tables against everybody, all at once or none. The strongest lock, since what follows needs it: asking for more
 * later would meet writers half way. What was counted before need not be counted again when it takes a few tries.
 */
export async function lockTables(run: Run, step: RunStep, tables: readonly string[]): Promise<void> {
  const { client } = run;
  await withTries(run, `${labelOf(step)}, the end of its syncs`, async () => {
    await client.query("SAVEPOINT locking");
    try {
      await client.query(`LOCK TABLE ${tables.join(", ")} IN ACCESS EXCLUSIVE MODE`);
    } catch (error) {
      await client.query("ROLLBACK TO SAVEPOINT locking").catch(() => undefined);
      throw error;
    }
  });
}

const labelOf = ({ version, name, direction }: RunStep): string => `${version}_${name} ${direction}`;

/** Names are looked up as the triggers do, and row security hides nothing; afterwards all is as it was. */
export async function withOwnSettings<T>(client: Client, work: () => Promise<T>): Promise<T> {
  const { rows } = await client.query<{ path: string; security: string }>(
    "SELECT current_setting('search_path') AS path, current_setting('row_security') AS security",
  );
  const set = (path: string, security: string) =>
    client.query("SELECT set_config('search_path', $1, false), set_config('row_security', $2, false)", [
      path,
      security,
    ]);
  const restore = () => set(rows[0]?.path ?? "", rows[0]?.security ?? "on");
  await set("pg_catalog, public", "off");
  let result: T;
  try {
    result = await work();
  } catch (error) {
    // A transaction that failed puts them back itself, when it is rolled back.
    await restore().catch(() => undefined);
    throw error;
  }
  await restore();
  return result;
}
