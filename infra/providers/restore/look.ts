import type { Client } from "pg";
import { keptOf, type KeptDatabase, type KnownDatabase } from "../../backup/restore-choice";
import { withConnection, type Connection } from "../connection";

/** A database as its server knows it. */
export interface Found extends KnownDatabase {
  readonly oid: number;
}

interface Row {
  readonly name: string;
  readonly oid: string;
  readonly comment: string | null;
}

const listed = "SELECT datname AS name, oid::text, shobj_description(oid, 'pg_database') AS comment FROM pg_database";

/** The databases of these names that are there. */
export async function findDatabases(client: Client, names: readonly string[]): Promise<Map<string, Found>> {
  const { rows } = await client.query<Row>(`${listed} WHERE datname = ANY ($1)`, [names]);
  return new Map(rows.map((row) => [row.name, { ...row, oid: Number(row.oid) }]));
}

/** What restores have kept of a database, the last of it at the end. Only what carries their mark is among it. */
export async function findKept(client: Client, database: string): Promise<KeptDatabase[]> {
  const { rows } = await client.query<Row>(`${listed} WHERE NOT datistemplate`);
  return keptOf(
    database,
    rows.map(({ name, comment }) => ({ name, comment })),
  );
}

/** Every server has it, and nothing of ours is in it: from here databases are renamed. */
const maintenance = "postgres";

/** A session beside the databases, so that it is in the way of none of them. */
export const beside = <T>(connection: Connection, password: string, work: (client: Client) => Promise<T>): Promise<T> =>
  withConnection({ ...connection, database: maintenance }, password, "switchyard-restore", work);
