import type { Client } from "pg";
import { withConnection, type Connection } from "../connection";

/** A database as its server knows it. */
export interface Found {
  readonly name: string;
  readonly oid: number;
  /** Null where it has none. */
  readonly comment: string | null;
}

/** The databases of these names that are there. */
export async function findDatabases(client: Client, names: readonly string[]): Promise<Map<string, Found>> {
  const { rows } = await client.query<{ name: string; oid: string; comment: string | null }>(
    `SELECT datname AS name, oid::text, shobj_description(oid, 'pg_database') AS comment
       FROM pg_database WHERE datname = ANY ($1)`,
    [names],
  );
  return new Map(rows.map((row) => [row.name, { ...row, oid: Number(row.oid) }]));
}

/** Every server has it, and nothing of ours is in it: from here databases are renamed. */
const maintenance = "postgres";

/** A session beside the databases, so that it is in the way of none of them. */
export const beside = <T>(connection: Connection, password: string, work: (client: Client) => Promise<T>): Promise<T> =>
  withConnection({ ...connection, database: maintenance }, password, "switchyard-restore", work);
