import type { BackupTarget } from "./backup/target";
import type { Connection } from "./connection";

/** What a resource is given that works on a database as the administrator of its server. */
export interface AdministeredInputs {
  /** As the administrator of the server. */
  connection: Connection;
  /** Secret. */
  password: string;
  owner: string;
  migrator: string;
  /** Secret. */
  migratorPassword: string;
  /** What databases are created from. @default "template0" */
  template?: string;
}

/** The database that these inputs are of, and as whom it is worked on. */
export function targetOf(inputs: AdministeredInputs): BackupTarget {
  const { connection, password, owner, migrator, migratorPassword, template } = inputs;
  const login = { user: migrator, password: migratorPassword };
  return { connection, password, owner, migrator: login, ...(template !== undefined && { template }) };
}
