import type { Client } from "pg";

/** One privilege of an ACL. */
interface Granted {
  /** A role's name; null for everybody. */
  grantee: string | null;
  privilege: string;
  grantable: boolean;
}

const granted = `CASE a.grantee WHEN 0 THEN NULL ELSE pg_get_userbyid(a.grantee) END AS grantee,
  a.privilege_type AS privilege, a.is_grantable AS grantable`;

const to = (client: Client, { grantee }: Granted): string =>
  grantee === null ? "PUBLIC" : client.escapeIdentifier(grantee);

const grant = (client: Client, on: string, each: Granted): string =>
  `GRANT ${each.privilege} ON ${on} TO ${to(client, each)}${each.grantable ? " WITH GRANT OPTION" : ""}`;

/** Who may connect to the real database may connect to its copy, and nobody else: it may hold the same rows. */
export async function copyDatabasePrivileges(real: Client, scratch: string): Promise<void> {
  const on = `DATABASE ${real.escapeIdentifier(scratch)}`;
  const { rows } = await real.query<Granted>(
    `SELECT ${granted} FROM pg_database AS d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) AS a
      WHERE d.datname = current_database() AND a.grantee <> d.datdba`,
  );
  await real.query(`REVOKE ALL ON ${on} FROM PUBLIC`);
  for (const each of rows) await real.query(grant(real, on, each));
}

/**
 * Makes an empty copy what the Access step leaves: the extensions, who may use the schema public, and the privileges
 * that the owner's new objects are born with.
 */
export async function copyInside(real: Client, scratch: Client, owner: string): Promise<void> {
  await copyExtensions(real, scratch);
  await copySchemaPublic(real, scratch);
  await copyDefaultPrivileges(real, scratch, owner);
}

/** In the same version where the server still has it: a new one may have other functions. */
async function copyExtensions(real: Client, scratch: Client): Promise<void> {
  const { rows } = await real.query<{ name: string; version: string; schema: string; available: boolean }>(
    `SELECT extname AS name, extversion AS version, nspname AS schema,
            EXISTS (SELECT FROM pg_available_extension_versions AS v WHERE v.name = extname AND v.version = extversion) AS available
       FROM pg_extension JOIN pg_namespace AS n ON n.oid = extnamespace WHERE extname <> 'plpgsql' ORDER BY pg_extension.oid`,
  );
  for (const { name, version, schema, available } of rows) {
    const where = schema === "pg_catalog" ? "" : `SCHEMA ${scratch.escapeIdentifier(schema)}`;
    const which = available ? `VERSION ${scratch.escapeLiteral(version)}` : "";
    if (where !== "") await scratch.query(`CREATE SCHEMA IF NOT EXISTS ${scratch.escapeIdentifier(schema)}`);
    try {
      await scratch.query(`CREATE EXTENSION IF NOT EXISTS ${scratch.escapeIdentifier(name)} ${where} ${which} CASCADE`);
    } catch (error) {
      throw new Error(
        `the scratch copy can't have the extension ${name}, which the database has: ${(error as Error).message}. Expected ` +
          "one that the server's administrator may create, or one that the template of new databases holds",
        { cause: error },
      );
    }
  }
}

async function copySchemaPublic(real: Client, scratch: Client): Promise<void> {
  const { rows } = await real.query<{ owner: string; all: Granted[] }>(
    `SELECT pg_get_userbyid(n.nspowner) AS owner, (SELECT coalesce(json_agg(g), '[]') FROM (SELECT ${granted}
              FROM aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) AS a WHERE a.grantee <> n.nspowner) AS g) AS all
       FROM pg_namespace AS n WHERE n.nspname = 'public'`,
  );
  const [found] = rows;
  if (found === undefined) {
    await scratch.query("DROP SCHEMA public");
    return;
  }
  await scratch.query(`ALTER SCHEMA public OWNER TO ${scratch.escapeIdentifier(found.owner)}`);
  await scratch.query("REVOKE ALL ON SCHEMA public FROM PUBLIC");
  for (const each of found.all) await scratch.query(grant(scratch, "SCHEMA public", each));
}

/** Kinds of objects as pg_default_acl and ALTER DEFAULT PRIVILEGES call them. */
const kinds: Record<string, string> = { r: "TABLES", S: "SEQUENCES", f: "FUNCTIONS", T: "TYPES", n: "SCHEMAS" };

/**
 * An entry without a schema is the whole of what new objects get, everybody's and the owner's own included; one with a
 * schema adds to it.
 */
async function copyDefaultPrivileges(real: Client, scratch: Client, owner: string): Promise<void> {
  const { rows } = await real.query<{ kind: string; schema: string | null; all: Granted[] }>(
    `SELECT d.defaclobjtype AS kind, n.nspname AS schema,
            (SELECT coalesce(json_agg(g), '[]') FROM (SELECT ${granted} FROM aclexplode(d.defaclacl) AS a) AS g) AS all
       FROM pg_default_acl AS d LEFT JOIN pg_namespace AS n ON n.oid = d.defaclnamespace
      WHERE pg_get_userbyid(d.defaclrole) = $1 AND (n.nspname IS NULL OR n.nspname = 'public') AND d.defaclobjtype = ANY ($2)`,
    [owner, Object.keys(kinds)],
  );
  const role = scratch.escapeIdentifier(owner);
  for (const { kind, schema, all } of rows) {
    const what = kinds[kind] ?? "";
    const prefix = `ALTER DEFAULT PRIVILEGES FOR ROLE ${role}${schema === null ? "" : ` IN SCHEMA ${scratch.escapeIdentifier(schema)}`}`;
    if (schema === null) await scratch.query(`${prefix} REVOKE ALL ON ${what} FROM PUBLIC, ${role}`);
    for (const each of all) await scratch.query(`${prefix} ${grant(scratch, what, each)}`);
  }
}
