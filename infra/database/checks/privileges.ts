import { escapeIdentifier, type Client } from "pg";
import type { ExpectedAccess } from "../expectations";
import { list, type Finding } from "../finding";
import { roleNames, type RoleNames } from "../names";
import { onDatabase, privilegesOn, type Grantee, type ObjectKind, type Privileges } from "../privileges";
import { isOwn, isVisible } from "./catalog";

/** A privilege that somebody holds on an object; `grantee` is "public" for everybody. */
interface Held {
  grantee: string;
  privilege: string;
  grantable: boolean;
}

interface SecuredObject {
  kind: ObjectKind;
  /** As GRANT takes it, quoted: `"public"."pages"`, `public.f(integer)`. */
  name: string;
  schema: string;
  owner: string;
  /** What the owner holds unless it was taken from it. */
  ofOwner: string[];
  held: Held[];
}

/** SQL: an access list, or what stands for one that was never touched, as JSON of `Held`. */
const explode = (acl: string, letter: string, owner: string): string => {
  const full = `coalesce(${acl}, acldefault(${letter}, ${owner}))`;
  return `coalesce((SELECT json_agg(json_build_object('grantee', CASE grantee WHEN 0 THEN 'public' ELSE pg_get_userbyid(grantee) END,
      'privilege', privilege_type, 'grantable', is_grantable)) FROM aclexplode(${full})), '[]') AS held,
    ARRAY(SELECT privilege_type FROM aclexplode(acldefault(${letter}, ${owner})) WHERE grantee = ${owner}) AS "ofOwner",
    pg_get_userbyid(${owner}) AS owner`;
};

const securedObjects = `
  SELECT 'database' AS kind, quote_ident(datname) AS name, '' AS schema, ${explode("datacl", "'d'", "datdba")}
    FROM pg_database WHERE datname = current_database()
  UNION ALL
  SELECT 'schema', quote_ident(nspname), nspname, ${explode("nspacl", "'n'", "nspowner")}
    FROM pg_namespace WHERE nspname = 'public' OR (${isOwn("'pg_namespace'::regclass", "oid")} AND ${isVisible("pg_namespace.oid")})
  UNION ALL
  SELECT CASE relkind WHEN 'S' THEN 'sequence' ELSE 'table' END, format('%I.%I', nspname, relname), nspname,
         ${explode("relacl", `(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END)::"char"`, "relowner")}
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
   WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND ${isOwn("'pg_class'::regclass", "pg_class.oid")} AND ${isVisible("relnamespace")}
  UNION ALL
  SELECT 'function', format('%I.%I(%s)', nspname, proname, pg_get_function_identity_arguments(pg_proc.oid)), nspname,
         ${explode("proacl", "'f'", "proowner")}
    FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
   WHERE ${isOwn("'pg_proc'::regclass", "pg_proc.oid")} AND ${isVisible("pronamespace")}
   ORDER BY 1, 2`;

/** Each role holds exactly what it should on every object, and nobody else holds anything. */
export async function checkPrivileges(client: Client, { database }: ExpectedAccess): Promise<Finding[]> {
  const names = roleNames(database);
  const { rows } = await client.query<SecuredObject>(securedObjects);
  return [...rows.flatMap((object) => compareObject(object, names)), ...(await checkColumns(client))];
}

/** GRANT's own words: a function may also be a procedure or an aggregate. */
const onClause = ({ kind, name }: SecuredObject): string =>
  `${kind === "function" ? "ROUTINE" : kind.toUpperCase()} ${name}`;

function compareObject(object: SecuredObject, names: RoleNames): Finding[] {
  const privileges = object.kind === "database" ? onDatabase : privilegesOn(object.kind, object.schema);
  const expected = byRole(privileges, names);
  expected.set(object.owner, object.ofOwner);
  const grantees = new Set([...expected.keys(), ...object.held.map(({ grantee }) => grantee)]);
  return [...grantees].flatMap((grantee) => {
    const held = object.held.filter((each) => each.grantee === grantee);
    return compareGrantee(object, grantee, held, expected.get(grantee) ?? []);
  });
}

/** Privileges by the names of their roles. */
export const byRole = (privileges: Privileges, names: RoleNames): Map<string, readonly string[]> =>
  new Map(
    Object.entries(privileges).map(([grantee, each]) => [
      (grantee as Grantee) === "public" ? "public" : names[grantee as Exclude<Grantee, "public">],
      each,
    ]),
  );

function compareGrantee(object: SecuredObject, grantee: string, held: Held[], expected: readonly string[]): Finding[] {
  const has = [...new Set(held.map(({ privilege }) => privilege))];
  const surplus = has.filter((privilege) => !expected.includes(privilege));
  const missing = expected.filter((privilege) => !has.includes(privilege));
  const to = grantee === "public" ? "PUBLIC" : escapeIdentifier(grantee);
  const finding = { object: `${object.kind} ${object.name}`, expected: `${list(expected.toSorted())} for ${grantee}` };
  const grantable = held.filter((each) => each.grantable && grantee !== object.owner).map(({ privilege }) => privilege);
  const on = onClause(object);
  return [
    ...(surplus.length + missing.length === 0
      ? []
      : [
          {
            ...finding,
            found: list(has.toSorted()),
            mend: [
              ...(surplus.length === 0 ? [] : [`REVOKE ${surplus.join(", ")} ON ${on} FROM ${to}`]),
              ...(missing.length === 0 ? [] : [`GRANT ${missing.join(", ")} ON ${on} TO ${to}`]),
            ].join("; "),
          },
        ]),
    ...(grantable.length === 0
      ? []
      : [
          {
            ...finding,
            found: `${list(grantable)} with the right to grant it on`,
            mend: `REVOKE GRANT OPTION FOR ${grantable.join(", ")} ON ${on} FROM ${to} CASCADE`,
          },
        ]),
  ];
}

/** Privileges on single columns: none are declared, and they would be overlooked on the table. */
async function checkColumns(client: Client): Promise<Finding[]> {
  const { rows } = await client.query<{ name: string; column: string; grantee: string; privilege: string }>(
    `SELECT format('%I.%I', nspname, relname) AS name, quote_ident(attname) AS column, privilege_type AS privilege,
            CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END AS grantee
       FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace,
            aclexplode(attacl)
      WHERE grantee <> relowner AND ${isOwn("'pg_class'::regclass", "pg_class.oid")} AND ${isVisible("relnamespace")}
      ORDER BY 1, 2, 3, 4`,
  );
  return rows.map(({ name, column, grantee, privilege }) => ({
    object: `column ${column} of ${name}`,
    found: `${privilege} for ${grantee}`,
    expected: "privileges on whole tables only",
    mend: `REVOKE ${privilege} (${column}) ON TABLE ${name} FROM ${grantee}`,
  }));
}
