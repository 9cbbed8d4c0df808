import { createHash } from "node:crypto";
import { escapeLiteral, type Client } from "pg";
import { noLargeObjects, type Contents, type SequencePosition, type TableContents } from "../../backup/contents";

/**
 * Everything that bears on how a value is written as text, so that one database has the same checksums in every session:
 * a role, a database or a server may have settings of its own. Names come with their schema, and rows that a policy hides
 * are an error. One process is enough: it runs beside the dump and beside the service.
 */
export const pinnedSettings = `SET search_path = pg_catalog; SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD';
  SET IntervalStyle = 'postgres'; SET extra_float_digits = 3; SET bytea_output = 'hex'; SET lc_monetary = 'C';
  SET xmlbinary = 'base64'; SET quote_all_identifiers = off; SET row_security = off;
  SET statement_timeout = 0; SET lock_timeout = 0; SET max_parallel_workers_per_gather = 0;
  SET client_connection_check_interval = 1000;
  SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3`;

/** Of the database's own: not the system's, nobody's temporary ones, and not those that an extension brings. */
const own = (oid: string, catalogue: string): string =>
  `n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND NOT EXISTS (SELECT FROM pg_depend AS e
     WHERE e.classid = '${catalogue}'::regclass AND e.objid = ${oid} AND e.deptype = 'e')`;

/** @param schema of that one alone. @default of all */
const relations = (kinds: string, schema?: string): string =>
  `FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN (${kinds}) AND ${own("c.oid", "pg_class")}
      ${schema === undefined ? "" : `AND n.nspname = ${escapeLiteral(schema)}`}`;

/**
 * Counts and checksums of everything in a database, in the snapshot of the session's transaction. It reads every row.
 * @param client has `pinnedSettings`, and may read everything
 * @param schema of that schema alone, which has no large objects: they are the database's. @default of all
 */
export async function readContents(client: Client, schema?: string): Promise<Contents> {
  const before = await readSequences(client, schema);
  const tables: Record<string, TableContents> = {};
  for (const name of await tableNames(client, schema)) tables[name] = await readTable(client, name);
  const sequences = Object.entries(before).map(([name, each]) => [name, { before: each, after: each }] as const);
  return {
    tables,
    sequences: Object.fromEntries(sequences),
    views: await readViews(client, schema),
    largeObjects: schema === undefined ? await readLargeObjects(client) : noLargeObjects,
  };
}

/** Sequences move outside of every snapshot: `contents` with where they are now beside where they were. */
export async function withSequencesNow(client: Client, contents: Contents): Promise<Contents> {
  const after = await readSequences(client);
  const both = Object.entries(contents.sequences).map(
    ([name, { before }]) => [name, { before, after: after[name] ?? before }] as const,
  );
  return { ...contents, sequences: Object.fromEntries(both) };
}

/** Whether there is anything to lose: a relation of somebody's own, or a large object. Our own history is none. */
export async function holdsAnything(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ held: boolean }>(
    `SELECT EXISTS (SELECT ${relations("'r', 'p', 'm', 'S'")} AND n.nspname <> 'switchyard')
         OR EXISTS (SELECT FROM pg_largeobject_metadata) AS held`,
  );
  return rows[0]?.held === true;
}

/** Leaf partitions hold the rows of a partitioned table; FROM ONLY keeps those of inheriting tables apart. */
async function tableNames(client: Client, schema?: string): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT format('%I.%I', n.nspname, c.relname) AS name ${relations("'r'", schema)} ORDER BY c.oid`,
  );
  return rows.map(({ name }) => name);
}

async function readTable(client: Client, name: string): Promise<TableContents> {
  const { rows } = await client.query<{ rows: string; checksum: string }>(
    `SELECT count(*)::text AS rows, coalesce(sum(hashtextextended(ROW(t.*)::text COLLATE "C", 0)), 0)::text AS checksum
       FROM ONLY ${name} AS t`,
  );
  const [found] = rows;
  if (found === undefined) throw new Error(`counting the rows of ${name} had no answer`);
  return { rows: Number(found.rows), checksum: found.checksum };
}

async function readSequences(client: Client, schema?: string): Promise<Record<string, SequencePosition>> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT format('%I.%I', n.nspname, c.relname) AS name ${relations("'S'", schema)} ORDER BY c.oid`,
  );
  const found: Record<string, SequencePosition> = {};
  // Some at a time: a schema may have thousands, and a statement's depth is bounded.
  for (let from = 0; from < rows.length; from += 200) {
    const part = rows.slice(from, from + 200);
    const statement = part.map(
      ({ name }) =>
        `SELECT ${client.escapeLiteral(name)} AS name, last_value::text AS last, is_called AS called FROM ${name}`,
    );
    const read = await client.query<SequencePosition & { name: string }>(statement.join(" UNION ALL "));
    for (const { name, last, called } of read.rows) found[name] = { last, called };
  }
  return found;
}

async function readViews(client: Client, schema?: string): Promise<Record<string, string>> {
  const { rows } = await client.query<{ name: string; definition: string }>(
    `SELECT format('%I.%I', n.nspname, c.relname) AS name, pg_get_viewdef(c.oid) AS definition ${relations("'m'", schema)}
      ORDER BY c.oid`,
  );
  return Object.fromEntries(
    rows.map(({ name, definition }) => [name, createHash("sha256").update(definition).digest("hex")]),
  );
}

/** How much of a large object is held in memory at a time, in bytes. */
const chunkBytes = 1024 * 1024;

/** In pieces: one may have 4 TB. Read by function, since the table that holds them is the superuser's alone. */
async function readLargeObjects(client: Client): Promise<Contents["largeObjects"]> {
  const piece = (at: string) => `lo_get(c.oid, ${at}, ${chunkBytes}) AS bytes`;
  const columns = (at: string) => `c.oid, ${at} AS at, octet_length(p.bytes) AS length, md5(p.bytes) AS hash`;
  const next = `c.at + ${chunkBytes}`;
  const { rows } = await client.query<{ count: string; checksum: string }>(
    `WITH RECURSIVE pieces AS (
       SELECT ${columns("0::bigint")} FROM pg_largeobject_metadata AS c CROSS JOIN LATERAL (SELECT ${piece("0")}) AS p
       UNION ALL
       SELECT ${columns(next)} FROM pieces AS c CROSS JOIN LATERAL (SELECT ${piece(next)}) AS p WHERE c.length = ${chunkBytes})
     SELECT count(*) FILTER (WHERE at = 0)::text AS count,
            coalesce(sum(hashtextextended(format('%s %s %s', oid, at, hash), 0)), 0)::text AS checksum FROM pieces`,
  );
  return { count: Number(rows[0]?.count ?? 0), checksum: rows[0]?.checksum ?? "0" };
}
