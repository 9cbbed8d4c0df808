import type { Client } from "pg";
import type { Catalogue, CatalogueEntry } from "../../schema/catalogue-diff";
import { relationQueries } from "./catalogue-relations";
import { typeQueries } from "./catalogue-types";

/** How long reading the catalogue waits for a lock, in ms: definitions can't be read while a table is being altered. */
const lockTimeoutMs = 5_000;

/** All of it in one statement, and so in one round trip. */
const everything = [...relationQueries, ...typeQueries].join("\nUNION ALL\n");

interface Row {
  key: string;
  of: string | null;
  facts: Record<string, string>;
}

/**
 * Everything that a migration can change in the database's own schemas (not PostgreSQL's, not `switchyard`), as
 * PostgreSQL itself writes it. Not in it: rows, where sequences stand, the order of columns, planner statistics, security
 * labels, settings of roles and of the database, large objects.
 *
 * Reads one snapshot, in a transaction of its own: `client` must not be in one. Any role may ask.
 * @throws where a table is being altered for more than 5 s.
 */
export async function readCatalogue(client: Client): Promise<Catalogue> {
  await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  try {
    // With nothing on the search path, every name in a definition has its schema.
    await client.query(`SET LOCAL search_path = pg_catalog; SET LOCAL lock_timeout = ${lockTimeoutMs}`);
    const { rows } = await client.query<Row>(everything);
    return canonical(rows);
  } finally {
    await client.query("ROLLBACK");
  }
}

function canonical(rows: readonly Row[]): Catalogue {
  const entries = rows.map(({ key, of, facts }): [string, CatalogueEntry] => [
    key,
    { ...(of === null ? {} : { of }), facts: inOrder(Object.entries(facts)) },
  ]);
  return inOrder(entries);
}

const inOrder = <T>(entries: [string, T][]): Record<string, T> =>
  Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
