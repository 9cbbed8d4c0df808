import type { Client } from "pg";

/** What a table holds, in figures: alike exactly when the rows are, but for their order. */
export interface TableData {
  readonly rows: number;
  /** Sum of a 64-bit hash of each row. */
  readonly checksum: string;
  /** The same of each column by itself, to say which one it is. */
  readonly columns: Readonly<Record<string, string>>;
}

/** By table, as a statement names it. */
export type Data = ReadonlyMap<string, TableData>;

interface Table {
  name: string;
  columns: string[];
}

/**
 * Reads every table of the database's own schemas, with all its columns or with those of `like` alone: what was added since
 * is left out. Left out too are tables whose policies hide rows from their owner. `client` works as the owner, and has no
 * timeout: this reads everything.
 */
export async function readData(client: Client, like?: Data): Promise<Data> {
  const data = new Map<string, TableData>();
  for (const { name, columns } of await tablesOf(client)) {
    const known = like?.get(name)?.columns;
    const read = known === undefined ? columns : columns.filter((column) => Object.hasOwn(known, column));
    data.set(name, await readTable(client, name, read));
  }
  return data;
}

/** One table with its partitions counts as the parent; a child that merely inherits is asked by itself too. */
async function tablesOf(client: Client): Promise<Table[]> {
  const { rows } = await client.query<Table>(
    `SELECT format('%I.%I', n.nspname, c.relname) AS name,
            (SELECT coalesce(json_agg(a.attname ORDER BY a.attname), '[]') FROM pg_attribute AS a
              WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns
       FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
        AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'switchyard')
        AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = c.oid AND classid = 'pg_class'::regclass AND deptype = 'e')
      ORDER BY 1`,
  );
  return rows;
}

async function readTable(client: Client, name: string, columns: readonly string[]): Promise<TableData> {
  const quoted = columns.map((column) => client.escapeIdentifier(column));
  // NULL has a number of its own, so that it is not taken for an empty text.
  const hash = (text: string) => `coalesce(sum(coalesce(hashtextextended(${text}, 0), 1)::numeric), 0)::text`;
  const { rows } = await client.query<{ rows: string; checksum: string; columns: string[] }>(
    `SELECT count(*) AS rows, ${hash(`ROW(${quoted.join(", ")})::text`)} AS checksum,
            ARRAY[${quoted.map((column) => hash(`${column}::text`)).join(", ")}]::text[] AS columns FROM ${name}`,
  );
  const [found] = rows;
  if (found === undefined) throw new Error(`counting the rows of ${name} had no answer`);
  return {
    rows: Number(found.rows),
    checksum: found.checksum,
    columns: Object.fromEntries(columns.map((column, at) => [column, found.columns[at] ?? ""])),
  };
}

/** One line for each table that was there before and does not hold what it held. */
export function compareData(before: Data, after: Data): string[] {
  return [...before].flatMap(([name, old]) => {
    const now = after.get(name);
    const table = `table ${name.replace(/^public\./, "")}`;
    if (now === undefined) return [];
    if (now.rows !== old.rows) return [`${table}: ${old.rows} rows before the up, ${now.rows} after the down`];
    if (now.checksum === old.checksum) return [];
    const columns = Object.keys(old.columns).filter((column) => old.columns[column] !== now.columns[column]);
    const where = columns.length === 0 ? "in other combinations" : `in ${columns.join(", ")}`;
    return [`${table}: ${old.rows} rows before and after, but with other values ${where}`];
  });
}
