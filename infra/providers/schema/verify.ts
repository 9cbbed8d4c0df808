import type { Client } from "pg";
import type { Verify } from "../../schema";

/** A value as `expect` writes it. */
type Found = string | null | undefined;

const booleanType = 16;

/**
 * Runs queries that say what must hold, each read-only whatever it says.
 * @param inside is a transaction open that must go on?
 * @throws with the query, what was found, and what was expected
 */
export async function runVerifies(client: Client, verifies: readonly Verify[], inside: boolean): Promise<void> {
  for (const verify of verifies) {
    await client.query(inside ? "SAVEPOINT verify" : "BEGIN");
    let found: Found;
    try {
      await client.query("SET TRANSACTION READ ONLY");
      found = await firstValue(client, verify.sql);
    } finally {
      // What failed inside is rolled back by whoever began it, too; a session that is gone needs neither.
      await client.query(inside ? "ROLLBACK TO SAVEPOINT verify" : "ROLLBACK").catch(() => undefined);
    }
    if (found === verify.expect) continue;
    const what = found === undefined ? "no row" : found === null ? "NULL" : `"${found}"`;
    throw new Error(`verify found ${what}, expected "${verify.expect}": ${verify.sql}`);
  }
}

async function firstValue(client: Client, sql: string): Promise<Found> {
  const { rows, fields } = await client.query<(string | null)[]>({
    text: sql,
    rowMode: "array",
    types: { getTypeParser: () => (value: string) => value },
  });
  const value = rows[0]?.[0];
  // PostgreSQL sends "t" where a cast to text, and every migration, says "true".
  return fields[0]?.dataTypeID === booleanType && typeof value === "string"
    ? value === "t"
      ? "true"
      : "false"
    : value;
}
