import type { Client } from "pg";
import { roleNames } from "../../../database/names";

/*
 * An instance that is made from another stack's snapshot holds that stack's database and roles, under the names that Access
 * declares, with passwords that nobody here knows. So:
 *  1. they step aside, under other names (`stepAside`);
 *  2. Access creates its roles, and a database that stays empty;
 *  3. the database that stepped aside takes the place of the empty one, what is in it passes to the new owner, and the old
 *     roles go (`takeOver`).
 * No row is copied, and each step may be run again. Both work as the administrator of the server, who is no superuser.
 */

/** What everything that steps aside is called after. */
const suffix = "_seed";

/** The name of a database or role once it stepped aside. */
export const asideOf = (name: string): string => `${name}${suffix}`;

const marker = (instance: string): string => `switchyard: seeded into ${instance}`;

export async function exists(client: Client, kind: "database" | "role", name: string): Promise<boolean> {
  const query =
    kind === "role" ? "SELECT FROM pg_roles WHERE rolname = $1" : "SELECT FROM pg_database WHERE datname = $1";
  return (await client.query(query, [name])).rowCount === 1;
}

/**
 * Whether `takeOver` has been through on this very instance. What is restored from it elsewhere is another one's. It is noted
 * on the owner, who stays when another database takes the place of this one.
 */
export async function isTaken(client: Client, database: string, instance: string): Promise<boolean> {
  const { rowCount } = await client.query(
    "SELECT FROM pg_roles WHERE rolname = $1 AND shobj_description(oid, 'pg_authid') = $2",
    [roleNames(database).owner, marker(instance)],
  );
  return rowCount === 1;
}

/** The statement that notes it. */
export const noteTaken = (client: Client, database: string, instance: string): string =>
  `COMMENT ON ROLE ${client.escapeIdentifier(roleNames(database).owner)} IS ${client.escapeLiteral(marker(instance))}`;

/** The roles that stepped aside and are still there. */
export async function rolesAside(client: Client, database: string): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    "SELECT rolname AS name FROM pg_roles WHERE rolname = ANY ($1) ORDER BY rolname",
    [Object.values(roleNames(database)).map(asideOf)],
  );
  return rows.map(({ name }) => name);
}

/**
 * Frees the names of database and roles, in one transaction.
 * @returns whether anything has or had them
 */
export async function stepAside(client: Client, database: string): Promise<boolean> {
  const name = (text: string) => client.escapeIdentifier(text);
  let found = false;
  const rename = async (kind: "database" | "role", each: string): Promise<void> => {
    const aside = await exists(client, kind, asideOf(each));
    found ||= aside;
    if (aside || !(await exists(client, kind, each))) return;
    found = true;
    await client.query(`ALTER ${kind} ${name(each)} RENAME TO ${name(asideOf(each))}`);
    if (kind === "role") await client.query(`ALTER ROLE ${name(asideOf(each))} NOLOGIN`);
  };
  await client.query("BEGIN");
  await rename("database", database);
  for (const role of Object.values(roleNames(database))) await rename("role", role);
  await client.query("COMMIT");
  return found;
}
