import type { Client } from "pg";
import { checkDefaultPrivileges } from "./checks/default-privileges";
import { checkExtensions } from "./checks/extensions";
import { checkOwners } from "./checks/owners";
import { checkPrivileges } from "./checks/privileges";
import { checkRoles } from "./checks/roles";
import type { ExpectedAccess } from "./expectations";
import { describe, type Finding } from "./finding";

/**
 * Holds the database that `client` is connected to against what Access declares: the owner of every object, who holds
 * which privileges on it (and on what the owner will create), the roles with their limits and memberships, the
 * extensions. What belongs to PostgreSQL itself or to an extension is left out. Only reads, in one snapshot.
 * @param client as the administrator, or as the monitoring role: catalogs are open to everybody
 */
export async function inspectAccess(client: Client, expected: ExpectedAccess): Promise<Finding[]> {
  await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  try {
    return [
      ...(await checkRoles(client, expected)),
      ...(await checkExtensions(client)),
      ...(await checkOwners(client, expected)),
      ...(await checkPrivileges(client, expected)),
      ...(await checkDefaultPrivileges(client, expected)),
    ];
  } finally {
    await client.query("ROLLBACK");
  }
}

/**
 * As `inspectAccess`: one line for each finding, with the object, what was found, what was expected, and the statement
 * that mends it.
 */
export async function checkAccess(client: Client, expected: ExpectedAccess): Promise<string[]> {
  return (await inspectAccess(client, expected)).map(describe);
}
