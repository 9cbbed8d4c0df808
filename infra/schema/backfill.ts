import { createHash } from "node:crypto";
import type { JoinExpr, Node, RangeVar, SelectStmt } from "libpg-query";
import type { Backfill } from "./directive-kinds";
import { scanRegions } from "./lexer";
import { parseSql } from "./parser";
import { treeOf } from "./statement";
import { all, as, relationsIn, strings, tableOf, walk } from "./tree";
import type { Statement } from "./types";

/** A statement with a backfill directive, ready to run in batches along the key of the table that it walks. */
export interface BackfillCut {
  /** The walked table as `FROM` and `to_regclass` take it, its names quoted. */
  readonly table: string;
  /** As people read it: `pages`, `shop.pages`. */
  readonly title: string;
  /** `ONLY` was written: tables that inherit from it are left out. */
  readonly only: boolean;
  /** Key columns, as the catalogue has them. */
  readonly key: readonly string[];
  /** Functions that the statement calls for each row; none may turn out to be an aggregate. */
  readonly functions: readonly string[];
  /** SHA-256 of the statement and its key, 64 hexadecimal digits. The batch may change while a backfill runs. */
  readonly checksum: string;
  /**
   * The statement over one range of keys: its upper key, included, is the first parameters, and with `above` the lower
   * key, left out, the next ones.
   * @param types of the key columns, as a cast takes them
   */
  readonly batch: (types: readonly string[], above: boolean) => string;
}

/** A name as SQL takes it whatever it is. */
export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** Key columns of a directive as the catalogue has them: small letters, unless they are quoted. */
export function keyColumns({ key }: Backfill): string[] {
  return key.map((name) =>
    name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name.replace(/[A-Z]/g, (c) => c.toLowerCase()),
  );
}

/**
 * Why a statement can't be cut into batches along a key, in words that follow "a backfill can't be made of it:";
 * undefined where it can. What only the catalogue knows (indexes, aggregates) is asked when it runs.
 */
export function notBatchable(node: Node, backfill?: Backfill): string | undefined {
  const update = as(node, "UpdateStmt");
  if (update !== undefined) {
    if (update.withClause !== undefined) return "it has a WITH";
    if (update.returningClause !== undefined) return "it has a RETURNING";
    if (as(update.whereClause, "CurrentOfExpr") !== undefined) return "it means the row of a cursor";
    const written = all(update.targetList, "ResTarget").map(({ name }) => name);
    const moved = backfill === undefined ? undefined : keyColumns(backfill).find((column) => written.includes(column));
    return moved === undefined ? undefined : `it changes ${moved}, the key that it is walked by`;
  }
  const insert = as(node, "InsertStmt");
  const select = as(insert?.selectStmt, "SelectStmt");
  if (insert === undefined || select === undefined || select.valuesLists !== undefined)
    return "it is neither an UPDATE nor an INSERT … SELECT";
  if (insert.withClause !== undefined || select.withClause !== undefined) return "it has a WITH";
  if (insert.returningClause !== undefined) return "it has a RETURNING";
  return notWalkable(select, tableOf(insert.relation));
}

function notWalkable(select: SelectStmt, target: string): string | undefined {
  if (select.limitCount !== undefined || select.limitOffset !== undefined || select.sortClause !== undefined)
    return "its SELECT has an order or a limit of its own";
  if (select.groupClause !== undefined || select.havingClause !== undefined || select.distinctClause !== undefined)
    return "its SELECT joins rows together";
  if (select.op !== "SETOP_NONE") return "its SELECT joins rows together";
  if (relationsIn(select).length === 0) return "its SELECT reads no table";
  for (const call of ownCalls(select)) {
    if (call.over !== undefined) return "its SELECT looks at other rows with OVER";
    const aggregate =
      call.agg_star ?? call.agg_distinct ?? call.agg_within_group ?? (call.agg_filter ?? call.agg_order) !== undefined;
    if (aggregate) return "its SELECT joins rows together";
  }
  const walked = walkedRelation(select);
  if (typeof walked === "string") return walked;
  if (tableOf(walked) === target) return `it writes to ${target}, the table that it walks`;
  return undefined;
}

/** The table whose key the batches follow: the first one of the FROM, each of whose rows the SELECT must keep. */
function walkedRelation(select: SelectStmt): RangeVar | string {
  let item = select.fromClause?.[0];
  for (let join: JoinExpr | undefined = as(item, "JoinExpr"); join !== undefined; join = as(item, "JoinExpr")) {
    if (join.jointype === "JOIN_RIGHT" || join.jointype === "JOIN_FULL")
      return "a RIGHT or FULL JOIN makes rows that belong to no row of its first table; put the walked table first";
    if (join.alias !== undefined) return "a name for a whole JOIN hides the table that is walked";
    item = join.larg;
  }
  const relation = as(item, "RangeVar");
  if (relation === undefined) return "its FROM does not begin with a table; put the walked table first";
  if (relation.alias?.colnames !== undefined) return "its FROM gives the walked table's columns other names";
  return relation;
}

/** Functions called for each row of the statement itself, without those in subqueries. */
function ownCalls(select: SelectStmt) {
  const found: Extract<Node, { FuncCall: unknown }>["FuncCall"][] = [];
  walk([select.targetList ?? [], select.whereClause ?? {}], (tag, node) => {
    if (tag === "SubLink") return false;
    if (tag === "FuncCall") found.push(node);
    return true;
  });
  return found;
}

/**
 * Cuts a statement with a backfill directive.
 *
 * @throws Error for a statement that `notBatchable` names a reason against; preview refuses those (rule backfill-shape).
 */
export function cutBackfill(statement: Statement): BackfillCut {
  const { backfill, text } = statement;
  const { node } = treeOf(statement);
  const why = backfill === undefined ? "it has no backfill directive" : notBatchable(node, backfill);
  if (backfill === undefined || why !== undefined) throw new Error(`a backfill can't be made of it: ${why ?? ""}`);
  const select = as(as(node, "InsertStmt")?.selectStmt, "SelectStmt");
  const relation = select === undefined ? as(node, "UpdateStmt")?.relation : walkedRelation(select);
  if (relation === undefined || typeof relation === "string") throw new Error(`no table is walked: ${relation ?? ""}`);
  const key = keyColumns(backfill);
  const names = [relation.schemaname, relation.relname].filter((name) => name !== undefined);
  const prefix = quoted(relation.alias?.aliasname ?? relation.relname ?? "");
  const columns = key.map((column) => `${prefix}.${quoted(column)}`);
  return {
    table: names.map(quoted).join("."),
    title: tableOf(relation),
    only: relation.inh !== true,
    key,
    functions: select === undefined ? [] : ownCalls(select).map(({ funcname }) => strings(funcname).at(-1) ?? ""),
    checksum: createHash("sha256")
      .update(`${key.map(quoted).join()}\0${text}`)
      .digest("hex"),
    batch: (types, above) => addCondition(text, node, range(columns, types, above)),
  };
}

/** Conditions `columns <= $1, …` and, with `above`, `columns > $n, …`; composite keys are compared as rows. */
export function range(columns: readonly string[], types: readonly string[], above: boolean): string[] {
  const row = (parts: readonly string[]): string => (parts.length === 1 ? (parts[0] ?? "") : `(${parts.join(", ")})`);
  const values = (from: number): string => row(types.map((type, i) => `$${from + i}::${type}`));
  const upper = `${row(columns)} <= ${values(1)}`;
  return above ? [upper, `${row(columns)} > ${values(1 + columns.length)}`] : [upper];
}

/**
 * Adds conditions to the WHERE of an UPDATE, or of the SELECT of an INSERT, and leaves every other character as written.
 * Nothing here knows the whole grammar: each place where the condition may go is tried, and the parser says which one
 * gives the same tree with nothing but the condition added.
 */
function addCondition(text: string, node: Node, conditions: readonly string[]): string {
  const wanted = stripped(node);
  const hasWhere = whereOf(node) !== undefined;
  const { wheres, ends } = places(text);
  for (const end of ends) {
    for (const where of hasWhere ? wheres : [end]) {
      if (where.depth !== end.depth || where.at > end.at) continue;
      const candidate = hasWhere
        ? `${text.slice(0, where.at)} (${text.slice(where.at, end.at)}\n) AND ${conditions.join(" AND ")}\n${text.slice(end.at)}`
        : `${text.slice(0, end.at)}\nWHERE ${conditions.join(" AND ")}\n${text.slice(end.at)}`;
      const outcome = parseSql(candidate);
      const [only, ...others] = outcome.ok ? outcome.statements : [];
      if (only?.stmt === undefined || others.length > 0) continue;
      if (stripped(without(only.stmt, conditions.length)) === wanted) return candidate.trimEnd();
    }
  }
  throw new Error("no place was found for the range of a batch; write the statement with a plain WHERE");
}

interface Place {
  readonly at: number;
  /** Open brackets before it. */
  readonly depth: number;
}

/** Where a WHERE ends, and where one could begin or its condition could end. */
function places(text: string): { wheres: Place[]; ends: Place[] } {
  const wheres: Place[] = [];
  const ends: Place[] = [];
  const regions = scanRegions(text);
  let depth = 0;
  let region = 0;
  const token = /[()[\]]|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/g;
  for (const match of text.matchAll(token)) {
    while ((regions[region]?.end ?? Infinity) <= match.index) region += 1;
    if ((regions[region]?.start ?? Infinity) <= match.index) continue;
    const word = match[0].toLowerCase();
    if (word === ")" || word === "]") {
      ends.push({ at: match.index, depth });
      depth -= 1;
    } else if (word === "(" || word === "[") depth += 1;
    else if (word === "where") wheres.push({ at: match.index + word.length, depth });
    else if (["on", "window", "for"].includes(word)) ends.push({ at: match.index, depth });
  }
  ends.push({ at: text.length, depth });
  return { wheres, ends };
}

/** Where the WHERE of the cut is kept in a tree. */
const holder = (node: Node) => as(node, "UpdateStmt") ?? as(as(node, "InsertStmt")?.selectStmt, "SelectStmt");
const whereOf = (node: Node): Node | undefined => holder(node)?.whereClause;

/** The tree without the last `count` conditions of its WHERE; PostgreSQL's grammar keeps `a AND (b AND c)` as one list. */
function without(node: Node, count: number): Node {
  const copy = structuredClone(node);
  const at = holder(copy);
  if (at?.whereClause === undefined) return copy;
  const args = as(at.whereClause, "BoolExpr")?.args ?? [at.whereClause];
  const left = args.slice(0, -count);
  if (left.length > 1) at.whereClause = { BoolExpr: { boolop: "AND_EXPR", args: left } };
  else if (left[0] !== undefined) at.whereClause = left[0];
  else delete at.whereClause;
  return copy;
}

/** A tree as text without the places of its parts, which a change of the text moves. */
function stripped(node: Node): string {
  return JSON.stringify(node, (key, value: unknown) =>
    /(?:^|_)location$|^(?:rexpr_)?list_(?:start|end)$/.test(key) ? undefined : value,
  );
}
