import type { Node, RawStmt } from "libpg-query";
import { classify } from "./classify";
import type { Backfill, Waiver } from "./directive-kinds";
import { blank, skipBlank, trimBlank } from "./lexer";
import type { Region } from "./lexer";
import { parseSql } from "./parser";
import { problemAt } from "./problem";
import type { Problem } from "./problem";
import { OffsetMap, lineAt } from "./source";
import type { SourceText } from "./source";
import { explainSyntax } from "./syntax-hints";
import { as, tableOf } from "./tree";
import type { Statement } from "./types";

/** A statement's parse tree, and the way from its byte locations to offsets in the file. */
export interface ParsedTree {
  readonly node: Node;
  offsetOf(location: number): number;
}

/** Directives that stand before a statement. */
export interface StatementDirectives {
  readonly waivers: readonly Waiver[];
  readonly backfill?: Backfill;
}

const trees = new WeakMap<Statement, ParsedTree>();

/**
 * The parse tree of a statement that came out of this module. It is kept aside, so that a `Statement` stays small
 * where it is printed, compared or stored.
 *
 * @throws Error for a copy of a statement.
 */
export function treeOf(statement: Statement): ParsedTree {
  const tree = trees.get(statement);
  if (tree === undefined) throw new Error(`no parse tree is kept for a copied statement: ${statement.kind}`);
  return tree;
}

/** Where a statement lies, before anything is known of it. */
interface Span {
  readonly node: Node;
  readonly start: number;
  readonly end: number;
}

/**
 * Splits `source.text` from `from` to `to` into statements by the real grammar, and describes each.
 *
 * @param directivesFor takes a statement's extent, and hands over the directives that concern it
 */
export function readStatements(
  source: SourceText,
  regions: readonly Region[],
  range: { from: number; to: number },
  directivesFor: (start: number, end: number) => StatementDirectives,
  problems: Problem[],
): Statement[] {
  const sql = source.text.slice(range.from, range.to);
  const outcome = parseSql(sql);
  if (!outcome.ok) {
    problems.push(...syntaxProblems(source, regions, range));
    return [];
  }
  const offsets = new OffsetMap(sql);
  const offsetOf = (location: number): number => range.from + offsets.fromBytes(location);
  const created = new Set<string>();
  return outcome.statements.flatMap((raw) => {
    const span = spanOf(source, regions, raw, offsetOf, range.to);
    if (span === undefined) return [];
    const text = source.text.slice(span.start, span.end);
    const traits = classify(span.node, text);
    const statement: Statement = {
      ...traits,
      text,
      offset: span.start,
      line: lineAt(source, span.start),
      locks: traits.locks.filter((lock) => !created.has(lock.table)),
      ...directivesFor(span.start, span.end),
    };
    for (const name of createdBy(span.node)) created.add(name);
    trees.set(statement, { node: span.node, offsetOf });
    return [statement];
  });
}

function spanOf(
  source: SourceText,
  regions: readonly Region[],
  raw: RawStmt,
  offsetOf: (location: number) => number,
  sectionEnd: number,
): Span | undefined {
  if (raw.stmt === undefined) return undefined;
  const from = raw.stmt_location ?? 0;
  const start = skipBlank(source.text, regions, offsetOf(from));
  // Only a statement that a semicolon ends has a length.
  const length = raw.stmt_len ?? 0;
  const limit = length > 0 ? offsetOf(from + length) : sectionEnd;
  return { node: raw.stmt, start, end: trimBlank(source.text, regions, start, limit) };
}

/** Tables and views that a statement makes: locks on them hold nobody up. */
export function createdBy(node: Node): string[] {
  const relation =
    as(node, "CreateStmt")?.relation ??
    as(node, "CreateTableAsStmt")?.into?.rel ??
    as(node, "SelectStmt")?.intoClause?.rel ??
    (as(node, "ViewStmt")?.replace === true ? undefined : as(node, "ViewStmt")?.view);
  return relation === undefined ? [] : [tableOf(relation)];
}

/** The parser gives up at its first error; cutting at semicolons finds the others of the section too. */
function syntaxProblems(
  source: SourceText,
  regions: readonly Region[],
  range: { from: number; to: number },
): Problem[] {
  const masked = blank(source.text, regions, true);
  const found: Problem[] = [];
  for (const { start, end } of pieces(masked, regions, range)) {
    const piece = source.text.slice(start, end);
    const outcome = parseSql(piece);
    if (outcome.ok) continue;
    const before = masked.slice(range.from, start);
    found.push(syntaxProblem(source, masked.slice(start, end), before, start, piece, outcome));
  }
  if (found.length > 0) return found;
  // Cutting took the error away, as in a function body with BEGIN ATOMIC: report what the whole section said.
  const piece = source.text.slice(range.from, range.to);
  const outcome = parseSql(piece);
  if (outcome.ok) return [];
  return [syntaxProblem(source, masked.slice(range.from, range.to), "", range.from, piece, outcome)];
}

function syntaxProblem(
  source: SourceText,
  masked: string,
  before: string,
  start: number,
  piece: string,
  outcome: { message: string; codePoint: number },
): Problem {
  const { rule, means, safeWay } = explainSyntax(outcome.message, masked, before);
  const found = start + new OffsetMap(piece).fromCodePoints(outcome.codePoint);
  // "At end of input" is behind the last word, not behind the comments that follow it.
  const [first, last] = [start + masked.length - masked.trimStart().length, start + masked.trimEnd().length];
  const offset = Math.max(first, Math.min(found, last));
  return problemAt(source, offset, {
    rule,
    message: means === undefined ? outcome.message : `${outcome.message}: ${means}`,
    safeWay,
  });
}

function pieces(masked: string, regions: readonly Region[], range: { from: number; to: number }) {
  const names = regions.filter((region) => region.type === "identifier");
  const cuts: { start: number; end: number }[] = [];
  let start = range.from;
  for (let at = masked.indexOf(";", start); at !== -1 && at < range.to; at = masked.indexOf(";", at + 1)) {
    if (names.some((name) => name.start < at && at < name.end)) continue;
    cuts.push({ start, end: at });
    start = at + 1;
  }
  cuts.push({ start, end: range.to });
  return cuts;
}
