import { escapeIdentifier, type Client } from "pg";
import { expectedMemberships, expectedRoles, type ExpectedAccess, type ExpectedRole } from "../expectations";
import type { Finding } from "../finding";
import { roleNames } from "../names";

interface Role {
  name: string;
  login: boolean;
  inherit: boolean;
  connectionLimit: number;
  startsAs: string | null;
  /** The attributes that let it past every check here. */
  powers: string[];
}

interface Membership {
  role: string;
  member: string;
  admin: boolean;
  /** Before 16: as the member is itself (rolinherit). */
  inherit: boolean;
  /** Before 16: always. */
  set: boolean;
  memberInherits: boolean;
}

/** The roles are as declared, with their limits, and members of nothing but what is declared. */
export async function checkRoles(client: Client, expected: ExpectedAccess): Promise<Finding[]> {
  const wanted = expectedRoles(expected);
  const { rows } = await client.query<Role>(
    `SELECT rolname AS name, rolcanlogin AS login, rolinherit AS inherit, rolconnlimit AS "connectionLimit",
            (SELECT trim('"' FROM substr(setting, 6)) FROM unnest(rolconfig) AS setting WHERE setting LIKE 'role=%') AS "startsAs",
            array_remove(ARRAY[CASE WHEN rolsuper THEN 'SUPERUSER' END, CASE WHEN rolcreaterole THEN 'CREATEROLE' END,
              CASE WHEN rolcreatedb THEN 'CREATEDB' END, CASE WHEN rolreplication THEN 'REPLICATION' END,
              CASE WHEN rolbypassrls THEN 'BYPASSRLS' END], NULL) AS powers
       FROM pg_roles WHERE rolname = ANY ($1)`,
    [wanted.map(({ name }) => name)],
  );
  return [
    ...wanted.flatMap((role) =>
      compareRole(
        role,
        rows.find(({ name }) => name === role.name),
      ),
    ),
    ...(await checkMemberships(client, expected)),
  ];
}

function compareRole(wanted: ExpectedRole, found: Role | undefined): Finding[] {
  const { name, login, inherit, connectionLimit, startsAs } = wanted;
  const object = `role ${name}`;
  if (found === undefined)
    return [
      {
        object,
        found: "nothing",
        expected: "the role",
        mend: "pulumi refresh, then pulumi up",
        bySql: false,
      },
    ];
  const alter = `ALTER ROLE ${escapeIdentifier(name)}`;
  const flag = (on: boolean, word: string) => (on ? word : `NO${word}`);
  const differing = (property: string, isSame: boolean, is: string, should: string, clause: string): Finding[] =>
    isSame ? [] : [{ object, found: `${property}${is}`, expected: should, mend: `${alter} ${clause}` }];
  const [mayLogin, mayInherit] = [flag(login, "LOGIN"), flag(inherit, "INHERIT")];
  const limit = `CONNECTION LIMIT ${connectionLimit}`;
  return [
    ...differing("", found.login === login, flag(found.login, "LOGIN"), mayLogin, mayLogin),
    ...differing("", found.inherit === inherit, flag(found.inherit, "INHERIT"), mayInherit, mayInherit),
    ...differing(
      "CONNECTION LIMIT ",
      found.connectionLimit === connectionLimit,
      String(found.connectionLimit),
      String(connectionLimit),
      limit,
    ),
    ...differing(
      "sessions that begin as ",
      found.startsAs === (startsAs ?? null),
      found.startsAs ?? "itself",
      startsAs ?? "itself",
      startsAs === undefined ? "RESET role" : `SET role TO ${escapeIdentifier(startsAs)}`,
    ),
    ...found.powers.flatMap((power) => differing("", false, power, `NO${power}`, `NO${power}`)),
  ];
}

async function checkMemberships(client: Client, expected: ExpectedAccess): Promise<Finding[]> {
  const names = Object.values(roleNames(expected.database));
  const wanted = expectedMemberships(expected);
  const { rows: found } = await client.query<Membership>(
    // The columns of 16 are read by name, as older servers don't have them.
    `SELECT pg_get_userbyid(roleid) AS role, pg_get_userbyid(member) AS member, bool_or(admin_option) AS admin,
            bool_or(coalesce((to_jsonb(m) ->> 'inherit_option')::boolean, rolinherit)) AS inherit,
            bool_or(coalesce((to_jsonb(m) ->> 'set_option')::boolean, true)) AS set, bool_or(rolinherit) AS "memberInherits"
       FROM pg_auth_members AS m JOIN pg_roles ON pg_roles.oid = member
      WHERE pg_get_userbyid(roleid) = ANY ($1) OR pg_get_userbyid(member) = ANY ($1)
      GROUP BY 1, 2 ORDER BY 1, 2`,
    [names],
  );
  const same = (a: { role: string; member: string }) => (b: { role: string; member: string }) =>
    a.role === b.role && a.member === b.member;
  return [
    ...wanted
      .filter((each) => !found.some((other) => same(each)(other) && other.set))
      .map(({ role, member }) => ({
        object: `role ${member}`,
        found: `no membership in ${role}`,
        expected: "one",
        mend: `GRANT ${escapeIdentifier(role)} TO ${escapeIdentifier(member)}`,
      })),
    ...found.flatMap((membership) => judge(membership, wanted.some(same(membership)), expected.administrator)),
  ];
}

/** A membership that is there. Since 16 whoever creates a role has ADMIN on it, and nothing else: that is no surplus. */
function judge(
  { role, member, admin, inherit, set, memberInherits }: Membership,
  wanted: boolean,
  administrator: string,
): Finding[] {
  const [from, of] = [escapeIdentifier(member), escapeIdentifier(role)];
  const object = `role ${member}`;
  if (!wanted && member === administrator && !set && !inherit) return [];
  if (!wanted) return [{ object, found: `membership in ${role}`, expected: "none", mend: `REVOKE ${of} FROM ${from}` }];
  return [
    ...(admin && member !== administrator
      ? [
          {
            object,
            found: `the right to make others members of ${role}`,
            expected: "membership alone",
            mend: `REVOKE ADMIN OPTION FOR ${of} FROM ${from}`,
          },
        ]
      : []),
    // As INHERIT of the role itself it is found there.
    ...(inherit && !memberInherits
      ? [
          {
            object,
            found: `it inherits from ${role}`,
            expected: "membership that takes a SET ROLE",
            mend: `GRANT ${of} TO ${from} WITH INHERIT FALSE`,
          },
        ]
      : []),
  ];
}
