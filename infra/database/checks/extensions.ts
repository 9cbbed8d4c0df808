import { escapeIdentifier, type Client } from "pg";
import { extensions } from "../extensions";
import type { Finding } from "../finding";
import { serviceSchema } from "../privileges";

/** The extensions are there, where the service looks for them. */
export async function checkExtensions(client: Client): Promise<Finding[]> {
  const { rows } = await client.query<{ name: string; schema: string }>(
    "SELECT extname AS name, nspname AS schema FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace",
  );
  return extensions.flatMap((name) => {
    const schema = rows.find((row) => row.name === name)?.schema;
    if (schema === serviceSchema) return [];
    const identifier = escapeIdentifier(name);
    return {
      object: `extension ${name}`,
      found: schema === undefined ? "nothing" : `it in schema ${schema}`,
      expected: `it in schema ${serviceSchema}`,
      mend:
        schema === undefined
          ? `CREATE EXTENSION ${identifier} SCHEMA ${serviceSchema}`
          : `ALTER EXTENSION ${identifier} SET SCHEMA ${serviceSchema}`,
    };
  });
}
