import type { Client } from "pg";
import { withConnection } from "../connection";
import type { Run, RunStep } from "./run";

/** How long a batch waits for a row or lock before it is tried again, in ms. */
const lockTimeoutMs = 5_000;
/** One snapshot has to be counted whole: 6 hours read some 2 TB at 100 MB/s. In ms. */
const statementTimeoutMs = 6 * 3_600_000;

/**
 * A second session for what must not be part of a section's transaction: batches that commit one by one. It works as
 * the owner too, and row security hides nothing from it: PostgreSQL refuses a query rather than leave rows out.
 */
export function withSideSession<T>(run: Run, work: (client: Client) => Promise<T>): Promise<T> {
  return withConnection(run.connection, run.password, "switchyard-sync", async (client) => {
    await client.query(`SET ROLE ${client.escapeIdentifier(run.owner)}`);
    await client.query(
      `SET search_path = pg_catalog, public; SET row_security = off;
       SET lock_timeout = ${lockTimeoutMs}; SET statement_timeout = ${statementTimeoutMs}`,
    );
    return work(client);
  });
}

/** Runs `work` in the section's transaction, or in one of its own where the section has none. */
export async function inTransaction<T>({ client }: Run, { section }: RunStep, work: () => Promise<T>): Promise<T> {
  if (section.transaction) return work();
  await client.query("BEGIN");
  try {
    const result = await work();
    await client.query("COMMIT");
    return result;
  } catch (error) {
    // Where the session is gone, so is the transaction; what was found is thrown either way.
    await client.query("ROLLBACK").catch(() => undefined);
    throw error;
  }
}

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
