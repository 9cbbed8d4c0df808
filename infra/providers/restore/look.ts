import type { Client } from "pg";
import { keptOf, type KeptDatabase, type KnownDatabase } from "../../backup/restore-choice";
import { withConnection, type Connection } from "../connection";

/** A database as its server knows it. */
export interface Found extends KnownDatabase {
  readonly oid: number;
}

interface Row extends KnownDatabase {
  readonly oid: string;
}

/**
 * Databases of the server, in order of their names.
 * @param where a condition on pg_database, with its values. @default all of them
 */
export async function listDatabases(client: Client, where = "true", values: unknown[] = []): Promise<Found[]> {
  const { rows } = await client.query<Row>(
    `SELECT datname AS name, oid::text, shobj_description(oid, 'pg_database') AS comment FROM pg_database
      WHERE ${where} ORDER BY datname`,
    values,
  );
  return rows.map((row) => ({ ...row, oid: Number(row.oid) }));
}

/** The databases of these names that are there. */
export async function findDatabases(client: Client, names: readonly string[]): Promise<Map<string, Found>> {
  const found = await listDatabases(client, "datname = ANY ($1)", [names]);
  return new Map(found.map((each) => [each.name, each]));
}

/** What restores have kept of a database, the last of it at the end. Only what carries their mark is among it. */
export const findKept = async (client: Client, database: string): Promise<KeptDatabase[]> =>
  keptOf(database, await listDatabases(client, "NOT datistemplate"));

/** Every server has it, and nothing of ours is in it: from here databases are renamed. */
const maintenance = "postgres";

/** A session beside the databases, so that it is in the way of none of them. */
export const beside = <T>(connection: Connection, password: string, work: (client: Client) => Promise<T>): Promise<T> =>
  withConnection({ ...connection, database: maintenance }, password, "switchyard-restore", work);

/** How large the database is, in bytes; undefined where it is not there, which may be why somebody restores it. */
export const sizeOf = (connection: Connection, password: string): Promise<number | undefined> =>
  beside(connection, password, async (client) => {
    const { rows } = await client.query<{ bytes: string }>(
      "SELECT pg_database_size(oid)::text AS bytes FROM pg_database WHERE datname = $1",
      [connection.database],
    );
    return rows[0] && Number(rows[0].bytes);
  });
