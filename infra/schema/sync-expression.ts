import { parseSql } from "./parser";
import { OffsetMap } from "./source";
import { as, calls, find, strings, tagOf } from "./tree";
import type { Node } from "libpg-query";

/** An expression whose columns are known, so that it can be written over any row. */
export interface Bound {
  /** The columns that it reads, as the catalogue has them. */
  readonly reads: readonly string[];
  /** The functions that it calls, as written. */
  readonly calls: readonly string[];
  /** The expression with each column behind `row` ("NEW", or an alias), to be put into brackets. */
  over(row: string): string;
}

/** A name as the catalogue has it: folded to small letters unless it is quoted. */
export function unquoted(identifier: string): string {
  if (identifier.startsWith('"')) return identifier.slice(1, -1).replaceAll('""', '"');
  return identifier.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** A name as SQL takes it, whatever is in it. */
export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

const LEAD = "SELECT (";
/** What `SELECT (…)` has; anything else came out of the brackets. */
const PLAIN_SELECT = new Set(["targetList", "limitOption", "op"]);
const NAME = /"(?:[^"]|"")+"|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y;
const DOT = /\s*\.\s*/y;

/**
 * Reads one SQL expression over the columns of one row.
 *
 * @param table its name without schema, which may stand before a column
 * @param allowed columns that it may name; any column of the row where left out
 * @throws Error that says what else it names: the same row must always give the same value, with no query in between
 */
export function bindExpression(expression: string, table: string, allowed?: readonly string[]): Bound {
  const refuse = (why: string): never => {
    throw new Error(`"${expression}" ${why}`);
  };
  const value = parseOne(expression, refuse);
  if (find(value, "SubLink").length > 0)
    refuse("has a subquery: it must follow from the row alone, since a trigger computes it for each write");
  if (
    find(value, "FuncCall").some(({ over, agg_star, agg_distinct, agg_filter, agg_order }) =>
      [over, agg_star, agg_distinct, agg_filter, agg_order].some((part) => part !== undefined),
    )
  )
    refuse("has an aggregate or window function: it must follow from one row");
  if (find(value, "ParamRef").length > 0) refuse("has a parameter: there is nobody to give it a value");
  if (find(value, "SetToDefault").length > 0) refuse("says DEFAULT, which is no value");
  const refs = find(value, "ColumnRef").map((ref) => {
    const parts = strings(ref.fields);
    const column = parts.at(-1) ?? "";
    if (parts.length !== ref.fields?.length) refuse("names a whole row: name each column");
    if (parts.length > 1 && parts.at(-2) !== table)
      refuse(`names ${parts.join(".")}: it must name columns of ${table} alone`);
    if (allowed !== undefined && !allowed.includes(column))
      refuse(`names ${parts.join(".")}: it may name ${allowed.length === 0 ? "no column" : allowed.join(", ")} alone`);
    return { column, parts, location: ref.location ?? 0 };
  });
  const pieces = cut(expression, refs, refuse);
  // A line comment at its end must not swallow what follows.
  const end = expression.includes("--") ? "\n" : "";
  const over = (row: string): string =>
    pieces.map((piece) => (typeof piece === "string" ? piece : `${row}.${quoted(piece.column)}`)).join("") + end;
  assertSame(over("bound"), refs, refuse);
  return { reads: [...new Set(refs.map(({ column }) => column))], calls: calls(value).map(({ name }) => name), over };
}

function parseOne(expression: string, refuse: (why: string) => never): Node {
  const outcome = parseSql(`${LEAD}${expression}\n)`);
  if (!outcome.ok) return refuse(`is not an SQL expression: ${outcome.message}`);
  const select = as(outcome.statements[0]?.stmt, "SelectStmt");
  const [target, ...others] = select?.targetList ?? [];
  const value = as(target, "ResTarget");
  const plain = select !== undefined && Object.keys(select).every((key) => PLAIN_SELECT.has(key));
  if (!plain || outcome.statements.length !== 1 || others.length > 0 || value?.val === undefined)
    return refuse("is more than one SQL expression");
  if (as(value.val, "RowExpr")?.row_format === "COERCE_IMPLICIT_CAST")
    return refuse("is more than one SQL expression: each column has one of its own");
  return value.val;
}

interface Ref {
  readonly column: string;
  readonly parts: readonly string[];
  /** Byte offset in `LEAD` and the expression. */
  readonly location: number;
}

/** The text around its columns, and the columns in their places. */
function cut(expression: string, refs: readonly Ref[], refuse: (why: string) => never): (string | Ref)[] {
  const offsets = new OffsetMap(LEAD + expression);
  const pieces: (string | Ref)[] = [];
  let from = 0;
  for (const ref of [...refs].sort((a, b) => a.location - b.location)) {
    const start = offsets.fromBytes(ref.location) - LEAD.length;
    pieces.push(expression.slice(from, start), ref);
    let at = start;
    ref.parts.forEach((part, index) => {
      if (index > 0) {
        DOT.lastIndex = at;
        if (!DOT.test(expression)) refuse(`writes ${ref.parts.join(".")} with something in between`);
        at = DOT.lastIndex;
      }
      NAME.lastIndex = at;
      const [name] = NAME.exec(expression) ?? refuse(`writes ${part} in a way that can't be read; use plain names`);
      if (unquoted(name) !== part) refuse(`writes ${part} as ${name}; use plain names`);
      at += name.length;
    });
    from = at;
  }
  return [...pieces, expression.slice(from)];
}

/** The rewritten text must still be one expression over the same columns; else it is not what was written. */
function assertSame(text: string, refs: readonly Ref[], refuse: (why: string) => never): void {
  const value = parseOne(text, refuse);
  const names = (list: readonly string[]): string => JSON.stringify([...list].sort());
  const found = find(value, "ColumnRef").map((ref) => strings(ref.fields).join("."));
  if (names(found) !== names(refs.map(({ column }) => `bound.${column}`)))
    refuse("can't be written over another row; use plain names");
}

/** A parse tree as text, whatever the spacing, the case and a table's name before a column: equal means the same. */
export function shapeOf(node: Node | undefined): string {
  return JSON.stringify(node, (key, value: unknown) => {
    if (/(?:^|_)location$|^(?:rexpr_)?list_(?:start|end)$/.test(key)) return undefined;
    return key === "fields" && Array.isArray(value) ? (value as unknown[]).slice(-1) : value;
  });
}

/** The expression without casts around it, since an assignment casts too. */
export function withoutCasts(node: Node): Node {
  const inner = tagOf(node) === "TypeCast" ? as(node, "TypeCast")?.arg : undefined;
  return inner === undefined ? node : withoutCasts(inner);
}

/** The parse tree of an expression that `bindExpression` took. */
export const treeOfExpression = (expression: string): Node =>
  parseOne(expression, (why) => {
    throw new Error(`"${expression}" ${why}`);
  });
