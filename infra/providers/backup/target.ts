import type { Client } from "pg";
import type { Connection } from "../connection";
import type { Login } from "../schema/rehearsal-types";

/** The database that is backed up, and as whom. */
export interface BackupTarget {
  /** As the administrator of the server: it reads everything, and may make the scratch database of a drill. */
  readonly connection: Connection;
  /** Secret. */
  readonly password: string;
  /** The role that owns the database: what a drill restores belongs to it. */
  readonly owner: string;
  /** Who changes the schema: as this role the schema lock is held. */
  readonly migrator: Login;
  /** What databases are created from. @default "template0" */
  readonly template?: string;
}

/** What a server and a database are, as a manifest keeps it. */
export interface ServerFacts {
  readonly version: string;
  readonly major: number;
  readonly encoding: string;
  readonly databaseOid: number;
  readonly databaseBytes: number;
}

export async function readServer(client: Client): Promise<ServerFacts> {
  const { rows } = await client.query<{
    number: string;
    version: string;
    encoding: string;
    oid: string;
    bytes: string;
  }>(
    `SELECT current_setting('server_version_num') AS number, current_setting('server_version') AS version,
            pg_encoding_to_char(encoding) AS encoding, oid::text, pg_database_size(oid)::text AS bytes
       FROM pg_database WHERE datname = current_database()`,
  );
  const [found] = rows;
  if (found === undefined) throw new Error("the server says nothing of the database that we are connected to");
  return {
    // Distributions add their own name to it.
    version: found.version.split(" ")[0] ?? found.version,
    major: Math.floor(Number(found.number) / 10_000),
    encoding: found.encoding,
    databaseOid: Number(found.oid),
    databaseBytes: Number(found.bytes),
  };
}
