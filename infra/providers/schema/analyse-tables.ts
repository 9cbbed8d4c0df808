import type { Section } from "../../schema";
import { treeOf } from "../../schema/statement";
import { as, tableOf, tagOf } from "../../schema/tree";
import type { Run } from "./run";

/** A table that has just been made, and that nothing was written to, has no rows to count. */
const withoutRows = new Set(["CreateStmt", "CreateSeqStmt", "CommentStmt", "SelectStmt", "ViewStmt"]);

/** Tables of which the planner's figures may be wrong now, as the statements name them. */
export function changedTables({ statements }: Section): string[] {
  const made = new Set<string>();
  const changed = new Set<string>();
  for (const statement of statements) {
    const { node } = treeOf(statement);
    const create = as(node, "CreateStmt");
    if (create !== undefined) made.add(tableOf(create.relation));
    if (withoutRows.has(tagOf(node))) continue;
    const writes = ["InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt", "CreateTableAsStmt"].includes(tagOf(node));
    for (const table of statement.tables) if (writes || !made.has(table)) changed.add(table);
  }
  return [...changed];
}

/**
 * Brings the planner's figures up to date, after the migration and outside of its transaction. They are no promise of the
 * migration: where they can't be had now, autovacuum sees to it later, and the operator is told.
 */
export async function analyseTables({ client, say }: Run, section: Section): Promise<void> {
  const names = changedTables(section);
  if (names.length === 0) return;
  const { rows } = await client.query<{ name: string }>(
    `SELECT c.oid::regclass::text AS name FROM unnest($1::text[]) AS n (name) JOIN pg_class AS c ON c.oid = to_regclass(n.name)
      WHERE c.relkind IN ('r', 'm', 'p') AND pg_has_role(c.relowner, 'USAGE')`,
    [
      names.map((name) =>
        name
          .split(".")
          .map((part) => client.escapeIdentifier(part))
          .join("."),
      ),
    ],
  );
  for (const { name } of rows) {
    try {
      await client.query(`ANALYZE ${name}`);
    } catch (error) {
      say(`${name} could not be analysed (${(error as Error).message}); autovacuum will`);
    }
  }
}
