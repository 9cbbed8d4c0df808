import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "pg";
import type { Sync } from "../../schema";
import { quotedTable, syncTable } from "../../schema/sync";
import { quoted } from "../../schema/sync-expression";
import type { Repair } from "../../schema/sync-sql";

/** Rows that a batch should write: as many as a backfill's, so that row locks are held as long. */
const rowsPerBatch = 1000;
/** Blocks of 8 kB that the first batch reads; later ones read more where few rows are to be mended, or fewer. */
const firstBlocks = 16;
const mostBlocks = 4096;
/** How often a batch is tried whose rows somebody holds, and how long in between at most, in ms. */
const tries = 6;
const pauseMs = 1_000;

export interface RepairOptions {
  /** Before each batch. @throws when nothing further may run. */
  readonly assertHeld: () => Promise<void>;
  /** Whether the session is in a transaction: nothing can be tried again there. */
  readonly inTransaction: boolean;
}

/**
 * Walks the whole table once, block by block, and mends rows. The walk needs no key and reads each block once; rows that
 * writers move meanwhile are in step, since the triggers are there.
 * @returns how many rows were written
 */
export async function repair(
  client: Client,
  sync: Sync,
  repairs: readonly Repair[],
  options: RepairOptions,
): Promise<number> {
  let written = 0;
  for (const part of await parts(client, sync)) {
    for (const { set, where } of repairs) {
      let blocks = firstBlocks;
      for (let from = 0; from < part.blocks;) {
        await options.assertHeld();
        const to = Math.min(from + blocks, part.blocks);
        // Whatever was added behind the last block came through the triggers.
        const sql = `UPDATE ONLY ${part.name} AS r SET ${set}
          WHERE r.ctid >= '(${from},0)'::tid AND r.ctid < '(${to},0)'::tid AND (${where})`;
        const count = await patiently(() => client.query(sql), options);
        written += count;
        from = to;
        if (count < rowsPerBatch / 2) blocks = Math.min(blocks * 2, mostBlocks);
        else if (count > rowsPerBatch) blocks = Math.max(1, Math.floor(blocks / 2));
      }
    }
  }
  return written;
}

/** The tables that hold the rows: itself, or its partitions. */
async function parts(client: Client, sync: Sync): Promise<{ name: string; blocks: number }[]> {
  const { rows } = await client.query<{ schema: string; name: string; blocks: number }>(
    `SELECT n.nspname AS schema, c.relname AS name,
            (pg_relation_size(c.oid) / current_setting('block_size')::int)::float8 AS blocks
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind = 'r' AND (c.oid = to_regclass($1)
         OR c.oid IN (SELECT relid FROM pg_partition_tree(to_regclass($1)) WHERE isleaf))
      ORDER BY c.oid`,
    [quotedTable(syncTable(sync))],
  );
  return rows.map(({ schema, name, blocks }) => ({ name: `${quoted(schema)}.${quoted(name)}`, blocks }));
}

/** Somebody holds a row for longer than lock_timeout, a deadlock was ended, or a snapshot was too old: try again. */
const PASSING = new Set(["55P03", "40P01", "40001"]);

async function patiently(
  run: () => Promise<{ rowCount: number | null }>,
  { assertHeld, inTransaction }: RepairOptions,
): Promise<number> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return (await run()).rowCount ?? 0;
    } catch (error) {
      if (inTransaction || attempt === tries || !PASSING.has((error as { code?: string }).code ?? "")) throw error;
    }
    await delay(Math.random() * pauseMs);
    await assertHeld();
  }
}

/** How many rows there are for which each condition over `r` holds, all in one snapshot. */
export async function counts(client: Client, sync: Sync, conditions: readonly string[]): Promise<number[]> {
  const columns = conditions.map((condition) => `(count(*) FILTER (WHERE ${condition}))::text`);
  const { rows } = await client.query<{ found: string[] }>(
    `SELECT ARRAY[${columns.join(", ")}] AS found FROM ${quotedTable(syncTable(sync))} AS r`,
  );
  return (rows[0]?.found ?? []).map(Number);
}

/** How many rows there are for which `condition` over `r` holds. */
export async function count(client: Client, sync: Sync, condition: string): Promise<number> {
  const [found] = await counts(client, sync, [condition]);
  if (found === undefined) throw new Error(`no count came back for ${sync.table}`);
  return found;
}

/** Primary keys (places, where there is none) of a few such rows, for a message. */
export async function sampleKeys(client: Client, sync: Sync, condition: string): Promise<string> {
  const table = quotedTable(syncTable(sync));
  const { rows: key } = await client.query<{ name: string }>(
    `SELECT a.attname AS name FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
      WHERE i.indrelid = to_regclass($1) AND i.indisprimary ORDER BY array_position(i.indkey::int2[], a.attnum)`,
    [table],
  );
  const columns = key.length === 0 ? ["ctid"] : key.map(({ name }) => name);
  const values = columns.map((name) => `r.${quoted(name)}::text`).join(", ");
  const { rows } = await client.query<{ key: string[] }>(
    `SELECT ARRAY[${values}] AS key FROM ${table} AS r WHERE ${condition} LIMIT 5`,
  );
  return `${columns.join(", ")} ${rows.map((row) => row.key.join(", ")).join("; ")}`;
}

/**
 * Every trigger of those names on those tables and their partitions, with the transaction that changed it last. As long as this stays as it is, all of them were
 * on all the time: switching one off and on again changes it, and waits for whoever writes in between.
 */
export async function triggerState(client: Client, tables: readonly string[], names: readonly string[]) {
  const { rows } = await client.query<{ state: string; on: number; missing: number }>(
    `WITH RECURSIVE parts AS (
       SELECT c.oid, c.relkind FROM pg_class c WHERE c.oid IN (SELECT to_regclass(t) FROM unnest($1::text[]) t)
       UNION SELECT c.oid, c.relkind FROM parts p JOIN pg_inherits i ON i.inhparent = p.oid AND p.relkind = 'p'
         JOIN pg_class c ON c.oid = i.inhrelid)
     SELECT coalesce(string_agg(concat_ws(' ', p.oid, t.oid, t.xmin, t.tgenabled), ',' ORDER BY p.oid, t.tgname), '') AS state,
            (count(*) FILTER (WHERE t.tgenabled IN ('O', 'A')))::int AS on,
            (count(DISTINCT p.oid) * cardinality($2::text[]) - count(t.oid))::int AS missing
       FROM parts p LEFT JOIN pg_trigger t ON t.tgrelid = p.oid AND t.tgname = ANY ($2)`,
    [tables, names],
  );
  const [row] = rows;
  if (row === undefined) throw new Error("the catalogue gave no answer about triggers");
  return row;
}
