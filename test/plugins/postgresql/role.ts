import { escapeIdentifier, escapeLiteral, type Client } from "pg";
import { scramVerifier } from "../../../infra/platform/local/postgres/scram";
import { sameValue, type Schema } from "../protocol/schema";
import type { Properties } from "../protocol/values";
import type { Operations } from "./kind";
import { lockRole, withRolesGranted } from "./memberships";
import { row, step } from "./server";

interface Role {
  name: string;
  password?: string;
  validUntil: string;
  connectionLimit: number;
  superuser: boolean;
  createDatabase: boolean;
  createRole: boolean;
  inherit: boolean;
  login: boolean;
  replication: boolean;
  bypassRowLevelSecurity: boolean;
  roles?: string[];
  searchPaths?: string[];
  statementTimeout?: number;
  idleInTransactionSessionTimeout?: number;
  assumeRole?: string;
  skipDropRole: boolean;
  skipReassignOwned: boolean;
}

const no = { type: "boolean", default: false } as const;

const schema: Schema = {
  properties: {
    name: { type: "string", required: true },
    password: { type: "string" },
    encryptedPassword: { type: "boolean", default: true },
    validUntil: { type: "string", default: "infinity" },
    connectionLimit: { type: "integer", default: -1, minimum: -1 },
    superuser: no,
    createDatabase: no,
    createRole: no,
    inherit: { type: "boolean", default: true },
    login: no,
    replication: no,
    bypassRowLevelSecurity: no,
    roles: { type: "set" },
    searchPaths: { type: "list" },
    statementTimeout: { type: "integer", minimum: 0 },
    idleInTransactionSessionTimeout: { type: "integer", minimum: 0 },
    assumeRole: { type: "string" },
    skipDropRole: no,
    skipReassignOwned: no,
  },
  notOffered: ["encrypted", "passwordWo", "passwordWoVersion"],
  rules: ({ searchPaths = [] }) =>
    (searchPaths as string[]).some((path) => path.includes(", "))
      ? [{ property: "searchPaths", reason: 'found ", " inside of a path, which the official plugin can\'t read back' }]
      : [],
};

/** The attributes of a role that are words, each with its opposite. */
const words = {
  superuser: "SUPERUSER",
  createDatabase: "CREATEDB",
  createRole: "CREATEROLE",
  inherit: "INHERIT",
  login: "LOGIN",
  bypassRowLevelSecurity: "BYPASSRLS",
  replication: "REPLICATION",
} as const;

const wordOf = (role: Role, key: keyof typeof words): string => `${role[key] ? "" : "NO"}${words[key]}`;

/**
 * The password as it is sent: as its SCRAM verifier, so that no log of the server ever holds it. The official plugin
 * sends what it is given.
 */
function passwordClause(password: string): string {
  if (password.toUpperCase() === "NULL") return "PASSWORD NULL";
  return `PASSWORD ${escapeLiteral(password.startsWith("SCRAM-SHA-256$") ? password : scramVerifier(password))}`;
}

async function create(client: Client, role: Role): Promise<void> {
  const name = escapeIdentifier(role.name);
  const clauses = [
    ...(role.password === undefined || role.password === "" ? [] : [passwordClause(role.password)]),
    `VALID UNTIL ${escapeLiteral(role.validUntil)}`,
    `CONNECTION LIMIT ${role.connectionLimit}`,
    ...Object.keys(words).map((key) => wordOf(role, key as keyof typeof words)),
  ];
  await step(`creating role ${role.name}`, client.query(`CREATE ROLE ${name} WITH ${clauses.join(" ")}`));
  for (const granted of role.roles ?? []) await grant(client, granted, role.name);
  await configure(client, role);
}

/** The settings that the role's sessions start with. */
function settings(role: Role): Record<string, string | undefined> {
  const { searchPaths = [], statementTimeout, idleInTransactionSessionTimeout, assumeRole } = role;
  return {
    search_path: searchPaths.length === 0 ? undefined : searchPaths.map((path) => escapeIdentifier(path)).join(", "),
    statement_timeout: statementTimeout ? String(statementTimeout) : undefined,
    idle_in_transaction_session_timeout: idleInTransactionSessionTimeout
      ? String(idleInTransactionSessionTimeout)
      : undefined,
    role: assumeRole ? escapeIdentifier(assumeRole) : undefined,
  };
}

async function configure(client: Client, role: Role, olds?: Role): Promise<void> {
  const before = olds === undefined ? {} : settings(olds);
  for (const [setting, value] of Object.entries(settings(role))) {
    if (value === before[setting]) continue;
    const sql = value === undefined ? `RESET ${setting}` : `SET ${setting} TO ${value}`;
    await step(
      `setting ${setting} of role ${role.name}`,
      client.query(`ALTER ROLE ${escapeIdentifier(role.name)} ${sql}`),
    );
  }
}

const grant = (client: Client, granted: string, member: string) =>
  step(
    `granting role ${granted} to ${member}`,
    client.query(`GRANT ${escapeIdentifier(granted)} TO ${escapeIdentifier(member)}`),
  );

async function update(client: Client, olds: Role, role: Role): Promise<void> {
  await lockRole(client, olds.name);
  const name = escapeIdentifier(role.name);
  const alter = (what: string, clause: string) =>
    step(`changing ${what} of role ${role.name}`, client.query(`ALTER ROLE ${name} ${clause}`));
  if (role.name !== olds.name)
    await step(
      `renaming role ${olds.name}`,
      client.query(`ALTER ROLE ${escapeIdentifier(olds.name)} RENAME TO ${name}`),
    );
  if (role.password && (role.password !== olds.password || role.name !== olds.name))
    await alter("the password", passwordClause(role.password));
  for (const key of Object.keys(words) as (keyof typeof words)[])
    if (role[key] !== olds[key]) await alter(key, wordOf(role, key));
  if (role.connectionLimit !== olds.connectionLimit)
    await alter("connectionLimit", `CONNECTION LIMIT ${role.connectionLimit}`);
  if (role.validUntil !== olds.validUntil) await alter("validUntil", `VALID UNTIL ${escapeLiteral(role.validUntil)}`);
  await replaceMemberships(client, role);
  await configure(client, role, olds);
}

/** All are revoked and granted anew, whatever has changed; in one transaction, so nobody sees it without. */
async function replaceMemberships(client: Client, role: Role): Promise<void> {
  const { rows } = await client.query<{ granted: string }>(
    `SELECT DISTINCT pg_get_userbyid(roleid) AS granted FROM pg_auth_members
      WHERE member = (SELECT oid FROM pg_roles WHERE rolname = $1)`,
    [role.name],
  );
  for (const { granted } of rows) {
    const sql = `REVOKE ${escapeIdentifier(granted)} FROM ${escapeIdentifier(role.name)}`;
    await step(`revoking role ${granted} from ${role.name}`, client.query(sql));
  }
  for (const granted of role.roles ?? []) await grant(client, granted, role.name);
}

/** What it owns in the maintenance database goes to the connected user, its privileges there go; then the role itself. */
async function drop(client: Client, role: Role, user: string): Promise<void> {
  await lockRole(client, role.name);
  const name = escapeIdentifier(role.name);
  if (!role.skipReassignOwned)
    await withRolesGranted(client, [role.name], async () => {
      const reassign = `REASSIGN OWNED BY ${name} TO ${escapeIdentifier(user)}`;
      await step(`reassigning what role ${role.name} owns`, client.query(reassign));
      await step(`dropping the privileges of role ${role.name}`, client.query(`DROP OWNED BY ${name}`));
    });
  if (!role.skipDropRole) await step(`dropping role ${role.name}`, client.query(`DROP ROLE ${name}`));
}

async function read(client: Client, role: Role): Promise<Properties | undefined> {
  const found = await row(
    client,
    `SELECT rolname AS name, rolsuper AS superuser, rolinherit AS inherit, rolcreaterole AS "createRole",
            rolcreatedb AS "createDatabase", rolcanlogin AS login, rolreplication AS replication,
            rolbypassrls AS "bypassRowLevelSecurity", rolconnlimit AS "connectionLimit",
            coalesce(rolvaliduntil::text, 'infinity') AS "validUntil", coalesce(rolconfig, '{}') AS config,
            ARRAY(SELECT DISTINCT pg_get_userbyid(roleid)::text FROM pg_auth_members WHERE member = pg_roles.oid) AS roles
       FROM pg_roles WHERE rolname = $1`,
    [role.name],
  );
  if (found === undefined) return undefined;
  const { config, roles, ...attributes } = found as { config: string[]; roles: string[] } & Properties;
  const setting = (name: string) => config.find((each) => each.startsWith(`${name}=`))?.slice(name.length + 1);
  return {
    ...attributes,
    // The program's own order where it means the same.
    roles: sameValue("set", role.roles, roles) ? role.roles : roles,
    searchPaths: setting("search_path")
      ?.split(", ")
      .map((path) => path.replace(/^"(.*)"$/, "$1").replaceAll('""', '"')),
    statementTimeout: Number(setting("statement_timeout") ?? 0),
    idleInTransactionSessionTimeout: Number(setting("idle_in_transaction_session_timeout") ?? 0),
    assumeRole: setting("role") ?? "",
  };
}

/** The official plugin reads passwords back where it works as a superuser; nobody else can, and this stand-in does not. */
export const role: Operations<Role> = {
  schema,
  id: ({ name }) => name,
  parse: (name) => ({ name }),
  create: (server, values, { signal }) => server.transaction(undefined, signal, (client) => create(client, values)),
  read: (server, values, { signal }) => server.session(undefined, signal, (client) => read(client, values)),
  update: (server, olds, values, { signal }) =>
    server.transaction(undefined, signal, (client) => update(client, olds, values)),
  delete: (server, values, { signal }) =>
    server.transaction(undefined, signal, (client) => drop(client, values, server.settings.username)),
};
