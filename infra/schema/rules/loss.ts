import type { Node } from "libpg-query";
import { holdsAll } from "../data-facts";
import { word } from "../kinds";
import { all, as, find, objectName, strings, tableOf, tagOf } from "../tree";
import { unseenIn } from "./data";
import { altering } from "./rule";
import type { Hit, Rule, Subject } from "./rule";

/**
 * What a narrowing section takes away and nothing brings back: `lossy` of the transition rules. It refuses nothing,
 * since dropping data is what a contract may be for; a waiver says that the rule is mistaken.
 */
export const LOSS_RULES: readonly Rule[] = [
  {
    id: "data-loss",
    concerns: "contract",
    silent: true,
    waivable: true,
    safeWay: "keep the data in other columns by a sync with a way back; or say by a waiver where it lives on",
    check: (subject) => [
      ...droppedObjects(subject),
      ...droppedColumns(subject),
      ...changedTypes(subject),
      ...lostRows(subject),
    ],
  },
];

/** Made by an earlier statement of the same section: nobody has put anything into it. */
function isOwn({ section, migration }: Subject, since: string | undefined): boolean {
  return since === (section.direction === "up" ? migration.version : "down");
}
const isOwnTable = (subject: Subject, table: string): boolean => isOwn(subject, subject.facts.table(table)?.since);

/** Things that hold data themselves; a view, index, function or constraint is made anew from its definition. */
const HOLDING = ["OBJECT_TABLE", "OBJECT_SEQUENCE"];
/** Things without data, whose CASCADE reaches the columns of a type and the tables of a schema. */
const REACHING = ["OBJECT_TYPE", "OBJECT_DOMAIN", "OBJECT_SCHEMA", "OBJECT_EXTENSION", "OBJECT_COLLATION"];

function droppedObjects(subject: Subject): Hit[] {
  const owned = as(subject.node, "DropOwnedStmt");
  if (owned !== undefined) return [{ message: "DROP OWNED takes tables with their rows" }];
  const drop = as(subject.node, "DropStmt");
  const type = drop?.removeType ?? "OBJECT_INDEX";
  const cascades = drop?.behavior === "DROP_CASCADE" && REACHING.includes(type);
  if (!HOLDING.includes(type) && !cascades) return [];
  return (drop?.objects ?? [])
    .map(objectName)
    .filter((name) => cascades || !isOwn(subject, since(subject, type, name)))
    .map((name) => ({
      message: `DROP ${word(drop?.removeType)} ${name}${cascades ? " CASCADE" : ""} takes data`,
      at: name,
    }));
}

function since({ facts }: Subject, type: string, name: string): string | undefined {
  return type === "OBJECT_TABLE" ? facts.table(name)?.since : facts.object(`sequence ${name}`);
}

function droppedColumns(subject: Subject): Hit[] {
  if (as(subject.node, "AlterTableStmt")?.objtype === "OBJECT_FOREIGN_TABLE") return [];
  const drops = altering(subject, "AT_DropColumn");
  const going = drops.map(({ command }) => command.name ?? "");
  return drops
    .filter(({ table, command }) => holdsAlone(subject, table, command.name ?? "", going))
    .map(({ table, command }) => ({
      message: `DROP COLUMN ${command.name ?? ""} on ${table} takes data that no sync keeps elsewhere`,
      at: command.name,
    }));
}

/** Whether the column may hold what no other column does. */
function holdsAlone(subject: Subject, table: string, column: string, going?: readonly string[]): boolean {
  const { data } = subject.facts;
  const known = data.column(table, column);
  if (known?.computed === true || isOwnTable(subject, table) || isOwn(subject, known?.since)) return false;
  return !data.livesOn(table, column, going);
}

function changedTypes(subject: Subject): Hit[] {
  return altering(subject, "AT_AlterColumnType").flatMap(({ table, command }) => {
    const name = command.name ?? "";
    const column = as(command.def, "ColumnDef");
    const from = subject.facts.data.column(table, name)?.type;
    const exact = column?.raw_default === undefined && holdsAll(from, column?.typeName);
    if (exact || !holdsAlone(subject, table, name)) return [];
    const what =
      column?.raw_default === undefined ? "a type that may not hold all of its values" : "what USING makes of it";
    return { message: `${table}.${name} becomes ${what}`, at: name };
  });
}

/** Rows removed or written over. */
function lostRows(subject: Subject): Hit[] {
  const { node } = subject;
  const unseen = unseenIn(node);
  if (unseen !== undefined) return [{ message: `nobody can see whether ${unseen.what} takes data`, at: unseen.at }];
  const hits: Hit[] = [];
  const lose = (table: string, message: string): void => {
    if (!isOwnTable(subject, table)) hits.push({ message, at: table });
  };
  const overwrite = (table: string, targets: readonly Node[] | undefined, where?: Node): void => {
    const columns = all(targets, "ResTarget").filter(({ name, val }) => {
      return !fillsGap(name ?? "", val, where) && holdsAlone(subject, table, name ?? "");
    });
    if (columns.length === 0) return;
    lose(table, `${columns.map(({ name }) => name ?? "").join(", ")} of ${table} is written over`);
  };
  for (const relation of all(as(node, "TruncateStmt")?.relations, "RangeVar").map(tableOf)) {
    lose(relation, `TRUNCATE takes the rows of ${relation}`);
  }
  for (const { relation } of find(node, "DeleteStmt"))
    lose(tableOf(relation), `DELETE takes rows of ${tableOf(relation)}`);
  for (const { relation, targetList, whereClause } of find(node, "UpdateStmt")) {
    overwrite(tableOf(relation), targetList, whereClause);
  }
  for (const { relation, onConflictClause } of find(node, "InsertStmt")) {
    overwrite(tableOf(relation), onConflictClause?.targetList, onConflictClause?.whereClause);
  }
  for (const { relation, mergeWhenClauses } of find(node, "MergeStmt")) {
    for (const clause of all(mergeWhenClauses, "MergeWhenClause")) {
      if (clause.commandType === "CMD_DELETE") lose(tableOf(relation), `MERGE takes rows of ${tableOf(relation)}`);
      if (clause.commandType === "CMD_UPDATE") overwrite(tableOf(relation), clause.targetList, clause.condition);
    }
  }
  return hits;
}

/** Whether a column is written only where it holds nothing: `WHERE c IS NULL`, or `c = coalesce(c, …)`. */
function fillsGap(column: string, value: Node | undefined, where: Node | undefined): boolean {
  const both = as(where, "BoolExpr");
  if (both?.boolop === "AND_EXPR" && (both.args ?? []).some((part) => fillsGap(column, undefined, part))) return true;
  const test = as(where, "NullTest");
  if (test?.nulltesttype === "IS_NULL" && isColumn(test.arg, column)) return true;
  return isColumn(as(value, "CoalesceExpr")?.args?.[0], column);
}

const isColumn = (node: Node | undefined, column: string): boolean =>
  node !== undefined && tagOf(node) === "ColumnRef" && strings(as(node, "ColumnRef")?.fields).at(-1) === column;
