import { escapeIdentifier, escapeLiteral, type Client } from "pg";
import { PartialFailure, type Context } from "../protocol/plugin";
import type { Schema } from "../protocol/schema";
import type { Properties } from "../protocol/values";
import type { Operations } from "./kind";
import { databaseExists, grantMembership, lockRole, revokeMembership } from "./memberships";
import { row, step, type Server } from "./server";

interface Database {
  name: string;
  owner?: string;
  template?: string;
  encoding?: string;
  lcCollate?: string;
  lcCtype?: string;
  tablespaceName?: string;
  connectionLimit: number;
  allowConnections: boolean;
  isTemplate?: boolean;
  alterObjectOwnership: boolean;
}

const chosenAtCreation = { type: "string", computed: true, replaces: true } as const;

const schema: Schema = {
  properties: {
    name: { type: "string", required: true },
    owner: { type: "string", computed: true },
    template: chosenAtCreation,
    encoding: chosenAtCreation,
    lcCollate: chosenAtCreation,
    lcCtype: chosenAtCreation,
    tablespaceName: { type: "string", computed: true },
    connectionLimit: { type: "integer", default: -1, minimum: -1 },
    allowConnections: { type: "boolean", default: true },
    isTemplate: { type: "boolean", computed: true },
    alterObjectOwnership: { type: "boolean", default: false },
  },
};

/** A value that may also be the word DEFAULT, which then stands without quotes. */
const orDefault = (value: string, quote: (text: string) => string): string =>
  value.toUpperCase() === "DEFAULT" ? "DEFAULT" : quote(value);

function createStatement(database: Database, user: string): string {
  const { name, owner, template, encoding, lcCollate, lcCtype, tablespaceName } = database;
  return [
    `CREATE DATABASE ${escapeIdentifier(name)}`,
    `OWNER ${escapeIdentifier(owner ?? user)}`,
    // Not template1, as PostgreSQL itself would have it.
    `TEMPLATE ${orDefault(template ?? "template0", escapeIdentifier)}`,
    `ENCODING ${orDefault(encoding ?? "UTF8", escapeLiteral)}`,
    ...(lcCollate === undefined ? [] : [`LC_COLLATE ${orDefault(lcCollate, escapeLiteral)}`]),
    ...(lcCtype === undefined ? [] : [`LC_CTYPE ${orDefault(lcCtype, escapeLiteral)}`]),
    ...(tablespaceName === undefined ? [] : [`TABLESPACE ${orDefault(tablespaceName, escapeIdentifier)}`]),
    `ALLOW_CONNECTIONS ${String(database.allowConnections)}`,
    `CONNECTION LIMIT ${database.connectionLimit}`,
    `IS_TEMPLATE ${String(database.isTemplate ?? false)}`,
  ].join(" ");
}

/**
 * Runs `work`, which can't be in a transaction, while the connected user is a member of `owner`: what a user that is no
 * superuser needs. A lock keeps others from taking the membership away meanwhile.
 */
async function asMemberOf(
  server: Server,
  { signal }: Context,
  owner: string | undefined,
  work: (client: Client) => Promise<void>,
) {
  const user = server.settings.username;
  await server.transaction(undefined, signal, async (lock) => {
    await lockRole(lock, user);
    await server.session(undefined, signal, async (client) => {
      const granted = owner !== undefined && (await grantMembership(client, owner, user));
      try {
        await work(client);
      } finally {
        if (granted) await revokeMembership(client, owner, user);
      }
    });
  });
}

async function create(server: Server, database: Database, context: Context): Promise<void> {
  const made: string[] = [];
  try {
    await asMemberOf(server, context, database.owner, async (client) => {
      const sql = createStatement(database, server.settings.username);
      await step(`creating database ${database.name}`, client.query(sql));
      made.push(database.name);
    });
  } catch (error) {
    const [id] = made;
    if (id === undefined) throw error;
    throw new PartialFailure((error as Error).message, id, { ...database }, { cause: error });
  }
}

async function update(server: Server, olds: Database, database: Database, context: Context): Promise<void> {
  const name = escapeIdentifier(database.name);
  await server.session(undefined, context.signal, async (client) => {
    if (database.name !== olds.name)
      await step(
        `renaming database ${olds.name}`,
        client.query(`ALTER DATABASE ${escapeIdentifier(olds.name)} RENAME TO ${name}`),
      );
  });
  if (database.owner !== olds.owner) await changeOwner(server, olds, database, context);
  await server.session(undefined, context.signal, async (client) => {
    const alter = (what: string, clause: string) =>
      step(`changing ${what} of database ${database.name}`, client.query(`ALTER DATABASE ${name} ${clause}`));
    if (database.tablespaceName !== olds.tablespaceName)
      await alter("tablespaceName", `SET TABLESPACE ${escapeIdentifier(database.tablespaceName ?? "pg_default")}`);
    if (database.connectionLimit !== olds.connectionLimit)
      await alter("connectionLimit", `CONNECTION LIMIT ${database.connectionLimit}`);
    if (database.allowConnections !== olds.allowConnections)
      await alter("allowConnections", `ALLOW_CONNECTIONS ${String(database.allowConnections)}`);
    if (database.isTemplate !== olds.isTemplate)
      await alter("isTemplate", `IS_TEMPLATE ${String(database.isTemplate ?? false)}`);
  });
}

async function changeOwner(server: Server, olds: Database, database: Database, context: Context): Promise<void> {
  const { owner, name } = database;
  if (owner === undefined) return;
  if (database.alterObjectOwnership && olds.owner !== undefined)
    await server.transaction(name, context.signal, async (client) => {
      const user = server.settings.username;
      const granted = await grantMembership(client, olds.owner ?? "", user);
      const sql = `REASSIGN OWNED BY ${escapeIdentifier(olds.owner ?? "")} TO ${escapeIdentifier(owner)}`;
      await step(`reassigning what ${olds.owner ?? ""} owns in ${name}`, client.query(sql));
      if (granted) await revokeMembership(client, olds.owner ?? "", user);
    });
  await asMemberOf(server, context, owner, async (client) => {
    const sql = `ALTER DATABASE ${escapeIdentifier(name)} OWNER TO ${escapeIdentifier(owner)}`;
    await step(`changing the owner of database ${name}`, client.query(sql));
  });
}

async function drop(server: Server, database: Database, context: Context): Promise<void> {
  await asMemberOf(server, context, database.owner, async (client) => {
    const name = escapeIdentifier(database.name);
    if (database.isTemplate) await client.query(`ALTER DATABASE ${name} IS_TEMPLATE false`);
    await step(`closing database ${database.name}`, client.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`));
    await step(`dropping database ${database.name}`, client.query(`DROP DATABASE ${name} WITH (FORCE)`));
  });
}

async function read(client: Client, database: Database): Promise<Properties | undefined> {
  if (!(await databaseExists(client, database.name))) return undefined;
  const found = await row(
    client,
    `SELECT pg_get_userbyid(datdba) AS owner, pg_encoding_to_char(encoding) AS encoding, datcollate AS "lcCollate",
            datctype AS "lcCtype", spcname AS "tablespaceName", datconnlimit AS "connectionLimit",
            datallowconn AS "allowConnections", datistemplate AS "isTemplate"
       FROM pg_database JOIN pg_tablespace ON pg_tablespace.oid = dattablespace WHERE datname = $1`,
    [database.name],
  );
  return found && { ...found, template: database.template ?? "template0" };
}

export const database: Operations<Database> = {
  schema,
  id: ({ name }) => name,
  parse: (name) => ({ name }),
  create,
  read: (server, values, { signal }) => server.session(undefined, signal, (client) => read(client, values)),
  update,
  delete: drop,
};
