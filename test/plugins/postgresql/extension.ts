import { escapeIdentifier, type Client } from "pg";
import type { Context } from "../protocol/plugin";
import type { Schema } from "../protocol/schema";
import type { Properties } from "../protocol/values";
import type { Operations } from "./kind";
import { databaseExists } from "./memberships";
import { row, step, type Server } from "./server";

interface Extension {
  name: string;
  database?: string;
  schema?: string;
  version?: string;
  createCascade: boolean;
  dropCascade: boolean;
}

const schema: Schema = {
  properties: {
    name: { type: "string", required: true, replaces: true },
    database: { type: "string", computed: true, replaces: true },
    schema: { type: "string", computed: true },
    version: { type: "string", computed: true },
    createCascade: { type: "boolean", default: false },
    dropCascade: { type: "boolean", default: false },
  },
};

async function create(client: Client, extension: Extension): Promise<void> {
  const clauses = [
    ...(extension.schema === undefined ? [] : [`SCHEMA ${escapeIdentifier(extension.schema)}`]),
    ...(extension.version === undefined ? [] : [`VERSION ${escapeIdentifier(extension.version)}`]),
    ...(extension.createCascade ? ["CASCADE"] : []),
  ];
  const sql = `CREATE EXTENSION IF NOT EXISTS ${escapeIdentifier(extension.name)} ${clauses.join(" ")}`;
  await step(`creating extension ${extension.name}`, client.query(sql));
}

async function update(client: Client, olds: Extension, extension: Extension): Promise<void> {
  const alter = (clause: string) =>
    step(
      `changing extension ${extension.name}`,
      client.query(`ALTER EXTENSION ${escapeIdentifier(extension.name)} ${clause}`),
    );
  if (extension.schema !== undefined && extension.schema !== olds.schema)
    await alter(`SET SCHEMA ${escapeIdentifier(extension.schema)}`);
  if (extension.version !== undefined && extension.version !== olds.version)
    await alter(`UPDATE TO ${escapeIdentifier(extension.version)}`);
}

async function read(server: Server, extension: Extension, { signal }: Context): Promise<Properties | undefined> {
  const database = extension.database ?? server.settings.database;
  const exists = await server.session(undefined, signal, (client) => databaseExists(client, database));
  if (!exists) return undefined;
  const found = await server.session(database, signal, (client) =>
    row(
      client,
      `SELECT nspname AS schema, extversion AS version FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace
        WHERE extname = $1`,
      [extension.name],
    ),
  );
  return found && { ...found, database };
}

export const extension: Operations<Extension> = {
  schema,
  id: ({ database, name }) => `${database ?? ""}.${name}`,
  parse: (id) => {
    const [database, name, ...rest] = id.split(".");
    return name === undefined || rest.length > 0 ? undefined : { database, name };
  },
  create: (server, values, { signal }) =>
    server.transaction(values.database, signal, (client) => create(client, values)),
  read,
  update: (server, olds, values, { signal }) =>
    server.transaction(values.database, signal, (client) => update(client, olds, values)),
  delete: (server, values, { signal }) =>
    server.transaction(values.database, signal, async (client) => {
      const sql = `DROP EXTENSION ${escapeIdentifier(values.name)} ${values.dropCascade ? "CASCADE" : "RESTRICT"}`;
      await step(`dropping extension ${values.name}`, client.query(sql));
    }),
};
