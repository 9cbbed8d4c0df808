import type { Client } from "pg";
import { checkDefaultPrivileges } from "./checks/default-privileges";
import { checkExtensions } from "./checks/extensions";
import { checkOwners } from "./checks/owners";
import { checkPrivileges } from "./checks/privileges";
import { checkRoles } from "./checks/roles";
import type { ExpectedAccess } from "./expectations";
import { describe, type Finding } from "./finding";

/** Owners first, then the privileges that come with them; a third look would find nothing that the second has not. */
const mostRounds = 2;

const inspect = async (client: Client, expected: ExpectedAccess): Promise<Finding[]> => [
  ...(await checkRoles(client, expected)),
  ...(await checkExtensions(client)),
  ...(await checkOwners(client, expected)),
  ...(await checkPrivileges(client, expected)),
  ...(await checkDefaultPrivileges(client, expected)),
];

/**
 * Holds the database that `client` is connected to against what Access declares: the owner of every object, who holds
 * which privileges on it (and on what the owner will create), the roles with their limits and memberships, the
 * extensions. What belongs to PostgreSQL itself or to an extension is left out. Only reads, in one snapshot.
 * @param client as the administrator, or as the monitoring role: catalogs are open to everybody
 */
export async function inspectAccess(client: Client, expected: ExpectedAccess): Promise<Finding[]> {
  await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  try {
    return await inspect(client, expected);
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

/**
 * Makes owners, privileges and roles what Access declares, where data has come from elsewhere: out of a backup, or from a
 * stack of before. In one transaction; an owner that is put right brings privileges to put right, so it looks again.
 * @param client as a superuser, or as an administrator who is a member of every owner that is found
 * @returns what it has mended, in the order it was done
 * @throws when something takes more than SQL, or is still wrong after it was mended; nothing is changed then.
 */
export async function mendAccess(client: Client, expected: ExpectedAccess): Promise<Finding[]> {
  const mended: Finding[] = [];
  await client.query("BEGIN");
  try {
    for (let round = 1; ; round += 1) {
      const findings = await inspect(client, expected);
      if (findings.length === 0) break;
      if (round > mostRounds || findings.some(({ bySql }) => bySql === false))
        throw new Error(`access can't be put right:\n${findings.map(describe).join("\n")}`);
      for (const { mend } of findings) await client.query(mend);
      mended.push(...findings);
    }
    await client.query("COMMIT");
    return mended;
  } catch (error) {
    await client.query("ROLLBACK");
    throw error;
  }
}
