import type { Client } from "pg";
import type { Section } from "../../schema";
import { treeOf } from "../../schema/statement";
import { all, as, strings } from "../../schema/tree";

/** What a section is about to take. */
export interface Loss {
  /** Such as "table pages" or "column pages.slug". */
  readonly of: string;
  /** Rows of the table, or values of the column that are not NULL. */
  readonly count: number;
}

/**
 * Counts what DROP TABLE, DROP COLUMN and TRUNCATE will take; what DELETE and UPDATE take, the server says when they ran.
 * Exact, so it reads each table once.
 */
export async function countLoss(client: Client, section: Section): Promise<Loss[]> {
  const losses: Loss[] = [];
  for (const { of, table, column } of section.statements.flatMap((statement) => targets(client, statement))) {
    const exists = await client.query<{ there: boolean }>(
      `SELECT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = to_regclass($1) AND c.relkind IN ('r', 'p', 'm') AND ($2::text IS NULL
         OR EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attname = $2 AND NOT a.attisdropped))) AS there`,
      [table, column],
    );
    if (exists.rows[0]?.there !== true) continue;
    const what = column === undefined ? "*" : client.escapeIdentifier(column);
    const { rows } = await client.query<{ count: string }>(`SELECT count(${what}) AS count FROM ${table}`);
    losses.push({ of, count: Number(rows[0]?.count) });
  }
  return losses;
}

interface Target {
  of: string;
  table: string;
  column?: string;
}

function targets(client: Client, statement: Section["statements"][number]): Target[] {
  const { node } = treeOf(statement);
  const quoted = (parts: readonly (string | undefined)[]): string =>
    parts
      .filter((part) => part !== undefined)
      .map((part) => client.escapeIdentifier(part))
      .join(".");
  const drop = as(node, "DropStmt");
  if (drop?.removeType === "OBJECT_TABLE" || drop?.removeType === "OBJECT_MATVIEW")
    return all(drop.objects, "List").map(({ items }) => ({
      of: `table ${strings(items).join(".")}`,
      table: quoted(strings(items)),
    }));
  const relations = all(as(node, "TruncateStmt")?.relations, "RangeVar");
  if (relations.length > 0)
    return relations.map(({ schemaname, relname }) => ({
      of: `table ${relname ?? ""}`,
      table: quoted([schemaname, relname]),
    }));
  const alter = as(node, "AlterTableStmt");
  const table = quoted([alter?.relation?.schemaname, alter?.relation?.relname]);
  return all(alter?.cmds, "AlterTableCmd")
    .filter(({ subtype }) => subtype === "AT_DropColumn")
    .map(({ name }) => ({ of: `column ${alter?.relation?.relname ?? ""}.${name ?? ""}`, table, column: name }));
}
