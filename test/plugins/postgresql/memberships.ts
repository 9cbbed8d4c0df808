import { escapeIdentifier, type Client } from "pg";
import { step } from "./server";

/** Of one row at most, the value of its only column. */
async function value<T>(client: Client, sql: string, values: unknown[]): Promise<T | undefined> {
  const { rows } = await client.query<{ value: T }>(sql, values);
  return rows[0]?.value;
}

const isSuperuser = async (client: Client, role: string): Promise<boolean> =>
  (await value<boolean>(client, "SELECT rolsuper AS value FROM pg_roles WHERE rolname = $1", [role])) === true;

export const roleExists = async (client: Client, role: string): Promise<boolean> =>
  (await value(client, "SELECT true AS value FROM pg_roles WHERE rolname = $1", [role])) === true;

/**
 * Whether `member` may SET ROLE to `role`. Since 16 whoever creates a role is a member of it with ADMIN alone, granted by
 * the bootstrap superuser: that is not enough to act for it.
 */
async function isMember(client: Client, role: string, member: string): Promise<boolean> {
  const { rows } = await client.query<{ version: string }>("SELECT current_setting('server_version_num') AS version");
  const setOption = Number(rows[0]?.version) >= 160_000 ? "AND set_option" : "";
  return (
    (await value(
      client,
      `SELECT true AS value FROM pg_auth_members WHERE pg_get_userbyid(roleid) = $1 AND pg_get_userbyid(member) = $2 ${setOption}`,
      [role, member],
    )) === true
  );
}

/** Makes `member` a member of `role`; false when it is one already. */
export async function grantMembership(client: Client, role: string, member: string): Promise<boolean> {
  if (role === member || (await isMember(client, role, member))) return false;
  const sql = `GRANT ${escapeIdentifier(role)} TO ${escapeIdentifier(member)}`;
  await step(`granting role ${role} to ${member}`, client.query(sql));
  return true;
}

/** Ends a membership; false when there is none. */
export async function revokeMembership(client: Client, role: string, member: string): Promise<boolean> {
  if (role === member || !(await isMember(client, role, member))) return false;
  const sql = `REVOKE ${escapeIdentifier(role)} FROM ${escapeIdentifier(member)}`;
  await step(`revoking role ${role} from ${member}`, client.query(sql));
  return true;
}

/**
 * Runs `work` while the connected user is a member of `roles`, so that it may change what they own: a user that is no
 * superuser may not otherwise. Memberships are granted and revoked in the transaction of `client`, so nobody else sees them.
 */
export async function withRolesGranted(client: Client, roles: string[], work: () => Promise<void>): Promise<void> {
  const { rows } = await client.query<{ user: string }>('SELECT current_user AS "user"');
  const user = rows[0]?.user ?? "";
  if (roles.length === 0 || (await isSuperuser(client, user))) return work();
  const granted: string[] = [];
  const revoked: string[] = [];
  for (const role of roles) {
    // Nobody but a superuser may become a member of one.
    if (await isSuperuser(client, role)) continue;
    // Two roles can't be members of each other.
    if (await revokeMembership(client, user, role)) revoked.push(role);
    if (await grantMembership(client, role, user)) granted.push(role);
  }
  await work();
  for (const role of granted) await revokeMembership(client, role, user);
  for (const role of revoked) if (await roleExists(client, role)) await grantMembership(client, user, role);
}

/** Waits until nobody else works on this role or on its members. */
export async function lockRole(client: Client, role: string): Promise<void> {
  await client.query("SET statement_timeout = 0");
  await client.query("SELECT pg_advisory_xact_lock(oid::bigint) FROM pg_roles WHERE rolname = $1", [role]);
  await client.query(
    "SELECT pg_advisory_xact_lock(member::bigint) FROM pg_auth_members JOIN pg_roles ON roleid = pg_roles.oid WHERE rolname = $1",
    [role],
  );
}

export async function lockDatabase(client: Client, database: string): Promise<void> {
  await client.query("SET statement_timeout = 0");
  await client.query("SELECT pg_advisory_xact_lock(oid::bigint) FROM pg_database WHERE datname = $1", [database]);
}

export const databaseExists = async (client: Client, database: string): Promise<boolean> =>
  (await value(client, "SELECT true AS value FROM pg_database WHERE datname = $1", [database])) === true;

export const schemaExists = async (client: Client, schema: string): Promise<boolean> =>
  (await value(client, "SELECT true AS value FROM pg_namespace WHERE nspname = $1", [schema])) === true;

/** The owners of a schema and, unless it is only the schema that matters, of its tables. */
export async function ownersIn(client: Client, schema: string, tablesToo: boolean): Promise<string[]> {
  const { rows } = await client.query<{ owner: string }>(
    `SELECT DISTINCT pg_get_userbyid(CASE WHEN owner = 'pg_database_owner'::regrole THEN datdba ELSE owner END) AS owner
       FROM (SELECT nspowner FROM pg_namespace WHERE nspname = $1
             UNION SELECT relowner FROM pg_class WHERE $2 AND relkind IN ('r', 'p') AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)) AS owners (owner),
            pg_database WHERE datname = current_database()`,
    [schema, tablesToo],
  );
  return rows.map(({ owner }) => owner);
}

/** The OID that stands for a role in an access list; 0 is PUBLIC. */
export async function granteeOid(client: Client, role: string): Promise<string> {
  if (role === "public") return "0";
  const oid = await value<string>(client, "SELECT oid::text AS value FROM pg_roles WHERE rolname = $1", [role]);
  if (oid === undefined) throw new Error(`there is no role ${role}`);
  return oid;
}
