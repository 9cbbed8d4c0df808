import { escapeIdentifier, type Client } from "pg";
import type { Context } from "../protocol/plugin";
import type { Schema } from "../protocol/schema";
import type { Properties } from "../protocol/values";
import type { Operations } from "./kind";
import { databaseExists, granteeOid, lockRole, roleExists, schemaExists, withRolesGranted } from "./memberships";
import { samePrivileges, wrongPrivileges } from "./privileges";
import { step, type Server } from "./server";

interface DefaultPrivileges {
  role: string;
  database: string;
  owner: string;
  schema?: string;
  objectType: keyof typeof catalogLetters;
  privileges: string[];
  withGrantOption: boolean;
}

/** How pg_default_acl calls each type of object. */
const catalogLetters = { table: "r", sequence: "S", function: "f", routine: "f", type: "T", schema: "n" } as const;

const identity = { type: "string", required: true, replaces: true } as const;

const schema: Schema = {
  properties: {
    role: identity,
    database: identity,
    owner: identity,
    schema: { type: "string", replaces: true },
    objectType: { ...identity, allowed: Object.keys(catalogLetters) },
    privileges: { type: "set", required: true },
    withGrantOption: { type: "boolean", default: false, replaces: true },
  },
  rules: (values) => {
    const { objectType, schema: inSchema, privileges, withGrantOption, role } = values as unknown as DefaultPrivileges;
    return [
      ...(objectType === "schema" && inSchema
        ? [{ property: "schema", reason: `found ${inSchema}, expected nothing: objectType is schema` }]
        : []),
      ...(withGrantOption && role === "public"
        ? [{ property: "withGrantOption", reason: "found true, expected false: role is public" }]
        : []),
      ...wrongPrivileges(objectType, privileges),
    ];
  },
};

const apply = (server: Server, values: DefaultPrivileges, privileges: string[], { signal }: Context) =>
  server.transaction(values.database, signal, async (client) => {
    const { owner, role, objectType, withGrantOption } = values;
    await lockRole(client, owner);
    await withRolesGranted(client, [owner], async () => {
      const inSchema = values.schema ? `IN SCHEMA ${escapeIdentifier(values.schema)}` : "";
      const alter = `ALTER DEFAULT PRIVILEGES FOR ROLE ${escapeIdentifier(owner)} ${inSchema}`;
      const objects = `${objectType.toUpperCase()}S`;
      const revoke = `${alter} REVOKE ALL ON ${objects} FROM ${escapeIdentifier(role)}`;
      await step(`revoking default privileges from ${role}`, client.query(revoke));
      if (privileges.length === 0) return;
      const option = withGrantOption ? " WITH GRANT OPTION" : "";
      const grant = `${alter} GRANT ${privileges.join(", ")} ON ${objects} TO ${escapeIdentifier(role)}${option}`;
      await step(`granting default privileges to ${role}`, client.query(grant));
    });
  });

async function read(server: Server, values: DefaultPrivileges, { signal }: Context): Promise<Properties | undefined> {
  const { role, database, schema: inSchema, objectType, privileges } = values;
  if (!(await server.session(undefined, signal, (client) => databaseExists(client, database)))) return undefined;
  return server.session(database, signal, async (client) => {
    if (role !== "public" && !(await roleExists(client, role))) return undefined;
    if (inSchema && !(await schemaExists(client, inSchema))) return undefined;
    const held = await granted(client, values);
    // None at all is taken for gone, unless none was wanted.
    if (held.length === 0 && privileges.length > 0) return undefined;
    return { privileges: samePrivileges(objectType, held, privileges) ? privileges : held };
  });
}

async function granted(
  client: Client,
  { role, owner, schema: inSchema, objectType }: DefaultPrivileges,
): Promise<string[]> {
  const { rows } = await client.query<{ held: string }>(
    `SELECT DISTINCT privilege_type AS held FROM pg_default_acl, aclexplode(defaclacl)
      WHERE defaclobjtype = $1 AND grantee = $2::oid AND pg_get_userbyid(grantor) = $3
        AND defaclnamespace = coalesce((SELECT oid FROM pg_namespace WHERE nspname = $4), 0)`,
    [catalogLetters[objectType], await granteeOid(client, role), owner, inSchema ?? ""],
  );
  return rows.map(({ held }) => held);
}

export const defaultPrivileges: Operations<DefaultPrivileges> = {
  schema,
  id: ({ role, database, schema: inSchema, owner, objectType }) =>
    [role, database, inSchema ?? "noschema", owner, objectType].join("_"),
  create: (server, values, context) => apply(server, values, values.privileges, context),
  read,
  update: (server, _, values, context) => apply(server, values, values.privileges, context),
  delete: (server, values, context) => apply(server, values, [], context),
};
