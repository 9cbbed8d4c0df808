import type { AlterTableCmd, Node, RangeVar } from "libpg-query";
import type { Sync } from "./directive-kinds";
import { notNullColumns } from "./not-null";
import { treeOf } from "./statement";
import { bindSync, newNames, oldNames, syncTable, tableLabel, type SyncTable } from "./sync";
import { quoted, shapeOf, treeOfExpression, unquoted, withoutCasts } from "./sync-expression";
import { all, as, strings } from "./tree";
import type { Section, Statement } from "./types";

const isTable = (relation: RangeVar | undefined, { schema, name }: SyncTable): boolean =>
  relation?.relname === name && (relation.schemaname ?? "public") === schema;

const isNamed = (parts: readonly string[], { schema, name }: SyncTable): boolean =>
  parts.at(-1) === name && (parts.at(-2) ?? "public") === schema;

/**
 * The statement that ends a sync, by its kind, for messages; undefined where the section leaves it be.
 *
 * A sync ends where a shape goes: its table, or one of its columns, is dropped, renamed or changes its type; for
 * `not-null`, where the column itself says NOT NULL; for `manual`, also where one of its triggers is dropped.
 */
export function endedBy(section: Section, sync: Sync): string | undefined {
  return section.statements.find((statement) => endsSync(treeOf(statement).node, sync))?.kind;
}

/** Whether a statement takes away a shape of a sync. */
export function endsSync(node: Node, sync: Sync): boolean {
  const table = syncTable(sync);
  const columns = [...oldNames(sync), ...newNames(sync)];
  const alter = as(node, "AlterTableStmt");
  if (alter !== undefined)
    return (
      isTable(alter.relation, table) &&
      all(alter.cmds, "AlterTableCmd").some((command) => alterationEnds(command, sync, columns))
    );
  const rename = as(node, "RenameStmt");
  if (rename?.renameType === "OBJECT_TABLE") return isTable(rename.relation, table);
  if (rename?.renameType === "OBJECT_COLUMN")
    return isTable(rename.relation, table) && columns.includes(rename.subname ?? "");
  if (rename?.renameType === "OBJECT_SCHEMA") return rename.subname === table.schema;
  const move = as(node, "AlterObjectSchemaStmt");
  if (move?.objectType === "OBJECT_TABLE") return isTable(move.relation, table);
  return dropEnds(node, sync, table);
}

function alterationEnds(command: AlterTableCmd, sync: Sync, columns: readonly string[]): boolean {
  const named = columns.includes(command.name ?? "");
  if (command.subtype === "AT_DropColumn" || command.subtype === "AT_AlterColumnType") return named;
  if (sync.shape !== "not-null") return false;
  if (command.subtype === "AT_SetNotNull") return named;
  const constraint = command.subtype === "AT_AddConstraint" ? as(command.def, "Constraint") : undefined;
  return (
    constraint !== undefined &&
    constraint.skip_validation !== true &&
    notNullColumns(constraint).some((column) => columns.includes(column))
  );
}

function dropEnds(node: Node, sync: Sync, table: SyncTable): boolean {
  const drop = as(node, "DropStmt");
  const names = (drop?.objects ?? []).map((object) => {
    const list = as(object, "List");
    return list === undefined ? [as(object, "String")?.sval ?? ""] : strings(list.items);
  });
  if (drop?.removeType === "OBJECT_TABLE") return names.some((parts) => isNamed(parts, table));
  if (drop?.removeType === "OBJECT_SCHEMA") return names.some(([schema]) => schema === table.schema);
  if (drop?.removeType !== "OBJECT_TRIGGER") return false;
  const triggers = sync.triggers.map(unquoted);
  return names.some((parts) => triggers.includes(parts.at(-1) ?? ""));
}

/** Whether a section alters the table of a sync, so that what its triggers were told of defaults may be old. */
export function altersTable(section: Section, sync: Sync): boolean {
  const table = syncTable(sync);
  return section.statements.some((statement) => isTable(as(treeOf(statement).node, "AlterTableStmt")?.relation, table));
}

/** How an UPDATE contradicts a sync. */
export interface Mismatch {
  /** What it does, and why that does harm. */
  readonly message: string;
  /** What to write instead. */
  readonly write: string;
  /** The column at fault. */
  readonly column: string;
}

/**
 * What is wrong with an UPDATE that fills a sync's columns: it must say just what the sync says, of all columns of a side.
 * The triggers would take any other row for what a new release writes, and write it back over what old ones have written.
 */
export function backfillMismatch(statement: Statement, sync: Sync): Mismatch | undefined {
  const update = as(treeOf(statement).node, "UpdateStmt");
  const table = syncTable(sync);
  if (update === undefined || sync.shape === "manual" || !isTable(update.relation, table)) return undefined;
  // What fills NULLs alone is written over nothing.
  if (sync.shape === "not-null") return undefined;
  const { forward, backward } = bindSync(sync);
  const targets = all(update.targetList, "ResTarget").flatMap(({ name, val }) =>
    val === undefined ? [] : [{ name: name ?? "", value: withoutCasts(assigned(val)) }],
  );
  const label = tableLabel(table);
  for (const [key, names, bound, given] of [
    ["forward", newNames(sync), forward, sync.forward],
    ["backward", oldNames(sync), backward, sync.backward],
  ] as const) {
    const wanted = names.map((_, at) => given[at] ?? bound[at]?.reads.map(quoted)[0] ?? "NULL");
    const write = `SET ${names.map((name, at) => `${name} = ${wanted[at] ?? ""}`).join(", ")}`;
    const set = targets.filter(({ name }) => names.includes(name));
    for (const { name, value } of set) {
      const said = wanted[names.indexOf(name)] ?? "";
      if (shapeOf(value) === shapeOf(withoutCasts(treeOfExpression(said)))) continue;
      const message =
        `it sets ${name} otherwise than the sync of ${label} does, whose ${key} is ${said}; its triggers would take that ` +
        "for what a new release writes";
      return { message, write, column: name };
    }
    const [first] = set;
    if (first === undefined || set.length === names.length) continue;
    const others = names.filter((name) => set.every((target) => target.name !== name)).join(", ");
    const message =
      `it sets ${first.name} and leaves ${others} to another statement, though the sync of ${label} makes them together; ` +
      "its triggers would take half a row for what a new release writes";
    return { message, write, column: first.name };
  }
  return undefined;
}

/** The value of one column in `SET (a, b) = (x, y)`. */
function assigned(value: Node): Node {
  const many = as(value, "MultiAssignRef");
  const row = as(many?.source, "RowExpr")?.args;
  return row?.[(many?.colno ?? 1) - 1] ?? value;
}
