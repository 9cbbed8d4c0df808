import { escapeIdentifier, type Client } from "pg";
import type { Context } from "../protocol/plugin";
import type { Schema } from "../protocol/schema";
import type { Properties } from "../protocol/values";
import type { Operations } from "./kind";
import {
  databaseExists,
  granteeOid,
  lockDatabase,
  lockRole,
  ownersIn,
  roleExists,
  schemaExists,
  withRolesGranted,
} from "./memberships";
import { quoteObject, samePrivileges, wrongPrivileges } from "./privileges";
import { step, type Server } from "./server";

interface Grant {
  role: string;
  database: string;
  schema?: string;
  objectType: string;
  objects?: string[];
  privileges: string[];
  withGrantOption: boolean;
}

const identity = { type: "string", required: true, replaces: true } as const;

const schema: Schema = {
  properties: {
    role: identity,
    database: identity,
    schema: { type: "string", replaces: true },
    objectType: {
      ...identity,
      allowed: ["database", "function", "procedure", "routine", "schema", "sequence", "table"],
    },
    objects: { type: "set", replaces: true },
    privileges: { type: "set", required: true },
    withGrantOption: { type: "boolean", default: false, replaces: true },
  },
  notOffered: ["columns"],
  deleteBeforeReplace: true,
  rules: (values) => {
    const { objectType, schema: inSchema, objects = [], privileges } = values as unknown as Grant;
    return [
      ...(objectType !== "database" && !inSchema
        ? [{ property: "schema", reason: `found nothing, expected the schema: objectType is ${objectType}` }]
        : []),
      ...(objects.length > 0 && ["database", "schema"].includes(objectType)
        ? [
            {
              property: "objects",
              reason: `found ${objects.join(", ")}, expected nothing: objectType is ${objectType}`,
            },
          ]
        : []),
      ...wrongPrivileges(objectType, privileges),
    ];
  },
};

/** The object of a statement: `DATABASE "pages"`, `ALL TABLES IN SCHEMA "public"`. */
function target({ objectType, database, schema: inSchema = "", objects = [] }: Grant): string {
  if (objectType === "database") return `DATABASE ${escapeIdentifier(database)}`;
  if (objectType === "schema") return `SCHEMA ${escapeIdentifier(inSchema)}`;
  const type = objectType.toUpperCase();
  return objects.length === 0
    ? `ALL ${type}S IN SCHEMA ${escapeIdentifier(inSchema)}`
    : `${type} ${objects.map((object) => quoteObject(inSchema, object)).join(", ")}`;
}

/** Of single objects only what was granted is revoked; of all of them, everything. */
function revokeStatement(grant: Grant): string {
  const single = (grant.objects ?? []).length > 0 && grant.privileges.length > 0;
  return `REVOKE ${single ? grant.privileges.join(", ") : "ALL PRIVILEGES"} ON ${target(grant)} FROM ${escapeIdentifier(grant.role)}`;
}

/** Revoked first, or fewer privileges than before would not work; in the same transaction, so nobody sees it without. */
const apply = (server: Server, before: Grant, grant: Grant | undefined, { signal }: Context) =>
  server.transaction(before.database, signal, async (client) => {
    const { role, database, objectType } = before;
    await lockRole(client, role);
    if (objectType === "database") await lockDatabase(client, database);
    const owners =
      objectType === "database" ? [] : await ownersIn(client, before.schema ?? "", objectType !== "schema");
    await withRolesGranted(client, owners, async () => {
      await step(`revoking from ${role}`, client.query(revokeStatement(before)));
      if (grant === undefined || grant.privileges.length === 0) return;
      const option = grant.withGrantOption ? " WITH GRANT OPTION" : "";
      const sql = `GRANT ${grant.privileges.join(", ")} ON ${target(grant)} TO ${escapeIdentifier(role)}${option}`;
      await step(`granting to ${role}`, client.query(sql));
    });
  });

async function read(server: Server, grant: Grant, { signal }: Context): Promise<Properties | undefined> {
  const { role, database, schema: inSchema, objectType } = grant;
  if (!(await server.session(undefined, signal, (client) => databaseExists(client, database)))) return undefined;
  return server.session(database, signal, async (client) => {
    if (role !== "public" && !(await roleExists(client, role))) return undefined;
    if (objectType !== "database" && !(await schemaExists(client, inSchema ?? ""))) return undefined;
    const lists = await granted(client, grant);
    const other = lists.find((privileges) => !samePrivileges(objectType, privileges, grant.privileges));
    return { privileges: other ?? grant.privileges };
  });
}

/** The privileges that the role holds itself, of each object of the grant. */
async function granted(client: Client, grant: Grant): Promise<string[][]> {
  const oid = await granteeOid(client, grant.role);
  const of = (acl: string) => `ARRAY(SELECT DISTINCT privilege_type FROM aclexplode(${acl}) WHERE grantee = $1::oid)`;
  const sources: Record<string, [sql: string, value: string]> = {
    database: [`SELECT ${of("datacl")} AS held FROM pg_database WHERE datname = $2`, grant.database],
    schema: [`SELECT ${of("nspacl")} AS held FROM pg_namespace WHERE nspname = $2`, grant.schema ?? ""],
    table: [ofRelations("r"), grant.schema ?? ""],
    sequence: [ofRelations("S"), grant.schema ?? ""],
  };
  function ofRelations(kind: string) {
    return `SELECT relname AS name, ${of("relacl")} AS held FROM pg_class
             WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $2) AND relkind = '${kind}'`;
  }
  const ofRoutines = `SELECT proname AS name, ${of("proacl")} AS held FROM pg_proc
                       WHERE pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = $2)`;
  const [sql, value] = sources[grant.objectType] ?? [ofRoutines, grant.schema ?? ""];
  const { rows } = await client.query<{ name?: string; held: string[] }>(sql, [oid, value]);
  const named = grant.objects?.map((object) => object.split("(")[0]) ?? [];
  return rows.filter(({ name }) => named.length === 0 || named.includes(name)).map(({ held }) => held);
}

export const grant: Operations<Grant> = {
  schema,
  id: ({ role, database, schema: inSchema, objectType, objects = [] }) =>
    [role, database, ...(objectType === "database" ? [] : [inSchema]), objectType, ...objects].join("_"),
  create: (server, values, context) => apply(server, values, values, context),
  read,
  update: (server, olds, values, context) => apply(server, olds, values, context),
  delete: (server, values, context) => apply(server, values, undefined, context),
};
