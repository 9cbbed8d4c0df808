import type { Client } from "pg";
import type { BackfillCut } from "../../schema/backfill";
import { quoted } from "../../schema/backfill";

/** What the catalogue says of a table that a backfill walks. */
export interface WalkedTable {
  /** Types of the key columns, as a cast takes them. */
  readonly types: readonly string[];
  /** Rows, as far as statistics know. */
  readonly estimate: number;
}

interface Column {
  readonly name: string;
  readonly type: string | null;
  /** Proven to hold no NULL. */
  readonly filled: boolean;
}

/**
 * Column `a` is proven to hold no NULL. From PostgreSQL 18 on, a NOT NULL may be NOT VALID, and attnotnull says nothing of it.
 */
const FILLED = `a.attnotnull AND NOT EXISTS (SELECT FROM pg_constraint n
  WHERE n.conrelid = a.attrelid AND n.contype = 'n' AND n.conkey = ARRAY[a.attnum] AND NOT n.convalidated)`;

/** Unique indexes that a walk may follow: whole, valid, on plain columns in their plain order. */
const UNIQUE_INDEXES = `
  SELECT i.indexrelid::regclass::text AS name,
         array_agg(a.attname::text ORDER BY k.position) AS columns,
         bool_and(${FILLED}) AS filled
    FROM pg_index i
    JOIN pg_class c ON c.oid = i.indexrelid
    JOIN pg_am m ON m.oid = c.relam AND m.amname = 'btree'
   CROSS JOIN LATERAL generate_series(0, i.indnkeyatts - 1) AS k (position)
    LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k.position]
    LEFT JOIN pg_opclass o ON o.oid = i.indclass[k.position]
   WHERE i.indrelid = $1::regclass AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
   GROUP BY i.indexrelid
  HAVING bool_and(a.attnum > 0 AND o.opcdefault AND i.indcollation[k.position] = a.attcollation)
     AND (bool_and(i.indoption[k.position] = 0) OR bool_and(i.indoption[k.position] = 3))
   ORDER BY 1`;

/**
 * Looks whether the table can be walked by the key, before anything is changed. Each batch finds its rows by an index in
 * the order of the key; a row whose key is NULL lies in no range, and would be left out without a word.
 *
 * @throws with what is missing, and the statement or key that mends it
 */
export async function inspectTable(client: Client, cut: BackfillCut): Promise<WalkedTable> {
  await refuseKind(client, cut);
  const { rows: columns } = await client.query<Column>(
    `SELECT k.name, format_type(a.atttypid, -1) AS type,
            coalesce(${FILLED}, false) AS filled
       FROM unnest($2::text[]) WITH ORDINALITY AS k (name, position)
       LEFT JOIN pg_attribute a ON a.attrelid = $1::regclass AND a.attname = k.name AND a.attnum > 0 AND NOT a.attisdropped
      ORDER BY k.position`,
    [cut.table, cut.key],
  );
  const { rows: indexes } = await client.query<{ name: string; columns: string[]; filled: boolean }>(UNIQUE_INDEXES, [
    cut.table,
  ]);
  const usable = indexes.filter(({ filled }) => filled).map((index) => `backfill=${list(index.columns)}`);
  const instead = usable.length === 0 ? "" : `; or walk ${cut.title} by a key that it has: ${usable.join(" or ")}`;
  const missing = columns.find(({ type }) => type === null);
  if (missing !== undefined) throw new Error(`${cut.title} has no column ${missing.name} to be walked by${instead}`);
  const open = columns.find(({ filled }) => !filled);
  if (open !== undefined)
    throw new Error(
      `${cut.title}.${open.name} may be NULL, and a backfill by it would leave such rows out. Prove that there are none ` +
        `in an earlier migration (ADD CONSTRAINT … CHECK (${quoted(open.name)} IS NOT NULL) NOT VALID, VALIDATE ` +
        `CONSTRAINT, then SET NOT NULL)${instead}`,
    );
  if (!indexes.some((index) => index.columns.every((column, i) => column === cut.key[i])))
    throw new Error(
      `${cut.title} has no unique index that begins a walk by ${list(cut.key)}, so each batch would read the whole table. ` +
        `Build one in an earlier migration: CREATE UNIQUE INDEX CONCURRENTLY ON ${cut.table} (${cut.key.map(quoted).join(", ")})${instead}`,
    );
  await refuseAggregates(client, cut);
  return { types: columns.map(({ type }) => type ?? ""), estimate: await estimate(client, cut) };
}

const list = (columns: readonly string[]): string =>
  columns.map((name) => (/^[a-z_][a-z0-9_$]*$/.test(name) ? name : quoted(name))).join(",");

async function refuseKind(client: Client, { table, title, only }: BackfillCut): Promise<void> {
  const { rows } = await client.query<{ kind: string; children: boolean }>(
    `SELECT relkind AS kind, EXISTS (SELECT FROM pg_inherits WHERE inhparent = oid) AS children
       FROM pg_class WHERE oid = to_regclass($1)`,
    [table],
  );
  const [found] = rows;
  if (found === undefined) throw new Error(`there is no table ${title} to walk; an earlier statement must make it`);
  if (found.kind !== "r" && found.kind !== "p")
    throw new Error(`${title} is not a table, so it has no key to be walked by; name the table that it reads`);
  if (found.kind === "r" && found.children && !only)
    throw new Error(
      `other tables inherit from ${title}, and no index spans them; write ONLY ${title}, and a backfill for each of them`,
    );
}

/** Names of functions are known from the statement; which of them join rows together, only the catalogue knows. */
async function refuseAggregates(client: Client, { functions }: BackfillCut): Promise<void> {
  if (functions.length === 0) return;
  const { rows } = await client.query<{ name: string }>(
    "SELECT proname AS name FROM pg_proc WHERE proname = ANY ($1) AND prokind IN ('a', 'w') LIMIT 1",
    [functions],
  );
  if (rows[0] !== undefined)
    throw new Error(
      `${rows[0].name}() joins rows together, and would do so for each batch by itself; compute it in a subquery, or ` +
        "write the statement without a backfill",
    );
}

/**
 * What the last ANALYZE counted. Where there was none yet, the planner's guess by the table's size; not otherwise, as the
 * old versions of rows that a backfill leaves behind enlarge it.
 */
async function estimate(client: Client, { table, only }: BackfillCut): Promise<number> {
  const analysed = await client.query<{ rows: number | null }>(
    `SELECT CASE WHEN min(reltuples) >= 0 THEN sum(reltuples) END::float8 AS rows FROM pg_class
      WHERE relkind = 'r' AND oid IN (SELECT $1::regclass UNION SELECT relid FROM pg_partition_tree($1))`,
    [table],
  );
  if (typeof analysed.rows[0]?.rows === "number") return analysed.rows[0].rows;
  const { rows } = await client.query<{ "QUERY PLAN": { Plan: { "Plan Rows": number } }[] }>(
    `EXPLAIN (FORMAT JSON) SELECT FROM ${only ? "ONLY " : ""}${table}`,
  );
  return rows[0]?.["QUERY PLAN"][0]?.Plan["Plan Rows"] ?? 0;
}
