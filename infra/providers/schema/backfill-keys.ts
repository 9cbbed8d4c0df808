import type { Client } from "pg";
import type { BackfillCut } from "../../schema/backfill";
import { quoted, range } from "../../schema/backfill";
import type { Key } from "./backfill-progress";

/**
 * How keys are written as text, for one query: whatever the session prints dates and fractions like, the text must be
 * read as the same value by a session that prints them otherwise.
 */
const EXACT_TEXT = `switchyard_exact_text AS MATERIALIZED (SELECT set_config('DateStyle', 'ISO', true),
  set_config('IntervalStyle', 'postgres', true), set_config('extra_float_digits', '1', true))`;

/** The keys of a walked table, in their order by its unique index. */
export class WalkedKeys {
  private readonly from: string;
  private readonly columns: string;
  private readonly descending: string;
  private readonly text: string;

  constructor(
    private readonly client: Client,
    private readonly cut: BackfillCut,
    private readonly types: readonly string[],
  ) {
    const columns = cut.key.map(quoted);
    this.from = `${cut.only ? "ONLY " : ""}${cut.table}`;
    this.columns = columns.join(", ");
    this.descending = columns.map((column) => `${column} DESC`).join(", ");
    this.text = `ARRAY[${columns.map((column) => `walked.${column}::text`).join(", ")}] AS key`;
  }

  /** The highest key; undefined for an empty table. */
  async highest(): Promise<Key | undefined> {
    const { rows } = await this.client.query<{ key: string[] }>(
      `WITH ${EXACT_TEXT} SELECT ${this.text} FROM switchyard_exact_text,
         (SELECT ${this.columns} FROM ${this.from} ORDER BY ${this.descending} LIMIT 1) walked`,
    );
    return rows[0]?.key;
  }

  /** The upper key of the next `size` rows behind `last` and up to `end`, and how many there are; undefined where none is. */
  async next(last: Key | undefined, end: Key, size: number): Promise<{ upper: Key; rows: number } | undefined> {
    const conditions = range(this.cut.key.map(quoted), this.types, last !== undefined);
    const values = [...end, ...(last ?? []), size];
    const { rows } = await this.client.query<{ key: string[]; rows: number }>(
      `WITH ${EXACT_TEXT} SELECT ${this.text}, walked.number::int AS rows FROM switchyard_exact_text,
         (SELECT ${this.columns}, row_number() OVER (ORDER BY ${this.columns}) AS number
            FROM (SELECT ${this.columns} FROM ${this.from} WHERE ${conditions.join(" AND ")}
                   ORDER BY ${this.columns} LIMIT $${values.length}) batch
           ORDER BY number DESC LIMIT 1) walked`,
      values,
    );
    const [found] = rows;
    return found === undefined ? undefined : { upper: found.key, rows: found.rows };
  }
}
