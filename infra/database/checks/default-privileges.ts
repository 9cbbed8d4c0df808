import { escapeIdentifier, type Client } from "pg";
import type { ExpectedAccess } from "../expectations";
import { list, type Finding } from "../finding";
import { roleNames, type RoleNames } from "../names";
import { defaultPrivileges, type ObjectKind } from "../privileges";

type Kind = Exclude<ObjectKind, "database"> | "type";

/** What new objects of one kind are born with for one grantee; `schema` is empty where it holds in all of them. */
interface Default {
  owner: string;
  kind: Kind;
  schema: string;
  grantee: string;
  privileges: readonly string[];
}

/** The kinds by pg_default_acl's letters, and by those of acldefault. */
const letters = [
  ["r", "r", "table"],
  ["S", "s", "sequence"],
  ["f", "f", "function"],
  ["n", "n", "schema"],
  ["T", "T", "type"],
] as const;

/** What new objects of the owner are born with, and that nobody else hands out privileges on what it creates. */
export async function checkDefaultPrivileges(client: Client, { database }: ExpectedAccess): Promise<Finding[]> {
  const names = roleNames(database);
  const found = await read(client, names.owner);
  const expected = expectedDefaults(names);
  const key = ({ owner, kind, schema, grantee }: Default) => JSON.stringify([owner, kind, schema, grantee]);
  const all = new Map([...expected, ...found].map((each) => [key(each), each]));
  return [...all.entries()].flatMap(([id, each]) => {
    const has = found.find((candidate) => key(candidate) === id)?.privileges ?? [];
    const wanted = expected.find((candidate) => key(candidate) === id)?.privileges ?? [];
    return compare(each, has, wanted);
  });
}

/** Left out are those that the owner itself has, and those that PostgreSQL gives everybody on types. */
async function read(client: Client, owner: string): Promise<Default[]> {
  const kinds = letters.map(([letter, acl, kind]) => `('${letter}'::"char", '${acl}'::"char", '${kind}')`).join(", ");
  const { rows } = await client.query<Default>(
    `WITH kinds (letter, acl, kind) AS (VALUES ${kinds}),
          lists AS (
            SELECT pg_get_userbyid(defaclrole) AS owner, defaclrole, kind, coalesce(nspname, '') AS schema, defaclacl
              FROM pg_default_acl JOIN kinds ON letter = defaclobjtype LEFT JOIN pg_namespace ON pg_namespace.oid = defaclnamespace
            UNION ALL
            SELECT rolname, oid, kind, '', acldefault(acl, oid) FROM pg_roles, kinds
             WHERE rolname = $1 AND NOT EXISTS (SELECT FROM pg_default_acl
               WHERE defaclrole = pg_roles.oid AND defaclobjtype = letter AND defaclnamespace = 0))
     SELECT owner, kind, schema, CASE grantee WHEN 0 THEN 'public' ELSE pg_get_userbyid(grantee) END AS grantee,
            array_agg(DISTINCT privilege_type ORDER BY privilege_type) AS privileges
       FROM lists, aclexplode(defaclacl)
      WHERE grantee <> defaclrole AND NOT (kind = 'type' AND grantee = 0)
      GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`,
    [owner],
  );
  return rows;
}

const expectedDefaults = (names: RoleNames): Default[] =>
  defaultPrivileges()
    .filter(({ privileges }) => privileges.length > 0)
    .map(({ kind, schema = "", grantee, privileges }) => ({
      owner: names.owner,
      kind,
      schema,
      grantee: grantee === "public" ? "public" : names[grantee],
      privileges,
    }));

function compare(
  { owner, kind, schema, grantee }: Default,
  has: readonly string[],
  wanted: readonly string[],
): Finding[] {
  const surplus = has.filter((privilege) => !wanted.includes(privilege));
  const missing = wanted.filter((privilege) => !has.includes(privilege));
  if (surplus.length + missing.length === 0) return [];
  const inSchema = schema === "" ? "" : ` IN SCHEMA ${escapeIdentifier(schema)}`;
  const alter = `ALTER DEFAULT PRIVILEGES FOR ROLE ${escapeIdentifier(owner)}${inSchema}`;
  const to = grantee === "public" ? "PUBLIC" : escapeIdentifier(grantee);
  const on = `${kind.toUpperCase()}S`;
  return [
    {
      object: `new ${kind}s of ${owner}${schema === "" ? "" : ` in schema ${schema}`}`,
      found: list(has.toSorted()),
      expected: `${list(wanted.toSorted())} for ${grantee}`,
      mend: [
        ...(surplus.length === 0 ? [] : [`${alter} REVOKE ${surplus.join(", ")} ON ${on} FROM ${to}`]),
        ...(missing.length === 0 ? [] : [`${alter} GRANT ${missing.join(", ")} ON ${on} TO ${to}`]),
      ].join("; "),
    },
  ];
}
