import type { Attribute, Directive } from "./directives";
import { either, nearMiss } from "./near";
import { parseSql } from "./parser";
import { problemAt } from "./problem";
import type { Problem } from "./problem";
import type { SourceText } from "./source";
import { bindSync, UnboundExpression } from "./sync";
import { as } from "./tree";

/** `waiver=<rule> reason="…"` before a statement: the rule is known to fire there, and why that is right. */
export interface Waiver {
  readonly rule: string;
  readonly reason: string;
  /** UTF-16 offset in the file. */
  readonly offset: number;
}

/** `backfill=<key columns> [batch=1000]` before one UPDATE or INSERT … SELECT: run it in batches by key. */
export interface Backfill {
  /** Columns of the read table whose unique order the batches follow. */
  readonly key: readonly string[];
  /** Rows a batch, 1 to 100000. Default 1000 (the figure of the guides that the requirements come from). */
  readonly batch: number;
}

/** `verify="SELECT …" [expect=true]`: one query, run after the migration; its first column must equal `expect`. */
export interface Verify {
  readonly sql: string;
  /** Text form of the expected value. Default "true". */
  readonly expect: string;
}

export const SYNC_SHAPES = ["rename", "type", "split", "merge", "not-null", "manual"] as const;
export type SyncShape = (typeof SYNC_SHAPES)[number];

/** `sync=<shape> table=…`: how two releases that write different shapes keep both readable. */
export interface Sync {
  readonly shape: SyncShape;
  readonly table: string;
  readonly old: readonly string[];
  readonly new: readonly string[];
  /** One SQL expression for each new column over the old ones; empty where shape and type say it all. */
  readonly forward: readonly string[];
  /** One SQL expression for each old column over the new ones. */
  readonly backward: readonly string[];
  /** Hand-written triggers (`manual` only). */
  readonly triggers: readonly string[];
  /** Query that counts the rows on which both shapes differ (`manual` only); the catch-up pass must see 0. */
  readonly differing?: string;
}

/** How many old and new columns each shape has, and whether it needs expressions. */
const SHAPES: Record<SyncShape, { old: string; new: string; forward: boolean; backward: boolean }> = {
  rename: { old: "1", new: "1", forward: false, backward: false },
  type: { old: "1", new: "1", forward: false, backward: false },
  split: { old: "1", new: "2+", forward: true, backward: true },
  merge: { old: "2+", new: "1", forward: true, backward: true },
  "not-null": { old: "0", new: "1", forward: true, backward: false },
  manual: { old: "0+", new: "0+", forward: false, backward: false },
};

const IDENTIFIER = /^(?:[A-Za-z_][\w$]*|"(?:[^"]|"")+")$/;
const QUALIFIED = /^(?:(?:[A-Za-z_][\w$]*|"(?:[^"]|"")+")\.)?(?:[A-Za-z_][\w$]*|"(?:[^"]|"")+")$/;

/** Collects what is wrong with one directive, at the attribute concerned. */
class Reader {
  private readonly found: Problem[] = [];

  constructor(
    private readonly source: SourceText,
    readonly directive: Directive,
  ) {}

  reject(message: string, safeWay: string, at = this.directive.offset): void {
    this.found.push(problemAt(this.source, at, { rule: "directive", message, safeWay }));
  }

  text(key: string): Attribute | undefined {
    return this.directive.attributes.get(key);
  }

  required(key: string, example: string): string {
    const attribute = this.text(key);
    if (attribute === undefined) this.reject(`${this.directive.head} has no ${key}`, `add ${key}=${example}`);
    return attribute?.value ?? "";
  }

  columns(value: string, at = this.directive.offset): string[] {
    const names = value.split(",").map((name) => name.trim());
    const bad = names.find((name) => !IDENTIFIER.test(name));
    if (bad !== undefined) {
      this.reject(
        `"${bad}" is not a column name`,
        "list column names with commas and no spaces: first_name,last_name",
        at,
      );
    }
    return names;
  }

  /** SQL expressions, told apart by the real grammar, so that commas inside calls don't split them. */
  expressions(key: string, count: number): string[] {
    const attribute = this.text(key);
    if (attribute === undefined) return [];
    const lead = "SELECT ";
    const outcome = parseSql(lead + attribute.value);
    const select =
      outcome.ok && outcome.statements.length === 1 ? as(outcome.statements[0]?.stmt, "SelectStmt") : undefined;
    const targets = select?.targetList ?? [];
    if (select === undefined || select.fromClause !== undefined || targets.length !== count) {
      const found = outcome.ok ? `${targets.length} found` : outcome.message;
      const wanted = count === 1 ? "one SQL expression" : `${count} SQL expressions, separated by commas`;
      this.reject(
        `${key} must be ${wanted} (${found})`,
        `write ${key}="<expression>" for each column`,
        attribute.offset,
      );
      return [];
    }
    const bytes = Buffer.from(lead + attribute.value);
    const starts = targets.map((target) => as(target, "ResTarget")?.location ?? 0);
    return starts.map((start, i) =>
      bytes
        .subarray(start, starts[i + 1] ?? bytes.length)
        .toString()
        .trim()
        .replace(/,$/, "")
        .trim(),
    );
  }

  /** One SELECT, or a problem. */
  query(sql: string, at = this.directive.offset): string {
    const outcome = parseSql(sql);
    if (!outcome.ok) this.reject(`its query does not parse: ${outcome.message}`, "write one SELECT", at);
    else if (outcome.statements.length !== 1 || as(outcome.statements[0]?.stmt, "SelectStmt") === undefined) {
      this.reject("its query is not one SELECT", "write one SELECT; it must only read", at);
    }
    return sql.trim().replace(/;$/, "");
  }

  get isClean(): boolean {
    return this.found.length === 0;
  }

  /** The value where nothing was wrong; the problems go to `problems` otherwise. */
  finish<T>(value: T, problems: Problem[]): T | undefined {
    problems.push(...this.found);
    return this.found.length === 0 ? value : undefined;
  }
}

/** Reads a `phase` or `impact` value out of `allowed`. */
export function readWord<T extends string>(
  source: SourceText,
  directive: Directive,
  allowed: readonly T[],
  problems: Problem[],
): T | undefined {
  const reader = new Reader(source, directive);
  const value = allowed.find((word) => word === directive.value);
  if (value === undefined) {
    const near = nearMiss(directive.value, allowed);
    reader.reject(
      `${directive.head} can't be "${directive.value}"${near}`,
      `write ${directive.head}=${either(allowed)}`,
    );
  }
  return reader.finish(value, problems);
}

/** Reads a version, 1 to 18 digits and not all zeros: no release is built against a schema before the first one. */
export function readVersion(source: SourceText, directive: Directive, problems: Problem[]): string | undefined {
  const reader = new Reader(source, directive);
  if (!/^(?=\d*[1-9])\d{1,18}$/.test(directive.value)) {
    const example = "the digits of a file's name, such as 0004";
    reader.reject(`${directive.head} is "${directive.value}", not a version`, `write ${directive.head}=<${example}>`);
  }
  return reader.finish(directive.value, problems);
}

export function readWaiver(source: SourceText, directive: Directive, problems: Problem[]): Waiver | undefined {
  const reader = new Reader(source, directive);
  const reason = reader.required("reason", '"why this is safe here"').trim();
  if (reason !== "" && !/\p{L}{2,}.*\p{L}{2,}/su.test(reason)) {
    reader.reject(
      `the reason "${reason}" says nothing`,
      "say in a few words why the rule's danger does not exist here",
    );
  }
  return reader.finish({ rule: directive.value, reason, offset: directive.offset }, problems);
}

export function readBackfill(source: SourceText, directive: Directive, problems: Problem[]): Backfill | undefined {
  const reader = new Reader(source, directive);
  const key = reader.columns(directive.value);
  const attribute = reader.text("batch");
  const batch = attribute === undefined ? 1000 : Number(attribute.value);
  if (!Number.isInteger(batch) || batch < 1 || batch > 100_000) {
    reader.reject(`batch is "${attribute?.value ?? ""}"`, "give whole rows a batch, 1 to 100000", attribute?.offset);
  }
  return reader.finish({ key, batch }, problems);
}

export function readVerify(source: SourceText, directive: Directive, problems: Problem[]): Verify | undefined {
  const reader = new Reader(source, directive);
  const sql = reader.query(directive.value);
  return reader.finish({ sql, expect: reader.text("expect")?.value ?? "true" }, problems);
}

export function readSync(source: SourceText, directive: Directive, problems: Problem[]): Sync | undefined {
  const reader = new Reader(source, directive);
  const shape = SYNC_SHAPES.find((word) => word === directive.value);
  if (shape === undefined) {
    const near = nearMiss(directive.value, SYNC_SHAPES);
    reader.reject(`there is no sync "${directive.value}"${near}`, `write sync=${either(SYNC_SHAPES)}`);
    reader.finish(shape, problems);
    return undefined;
  }
  const table = reader.required("table", "<table>");
  if (table !== "" && !QUALIFIED.test(table)) {
    reader.reject(
      `"${table}" is not a table name`,
      "write table=pages or table=shop.pages",
      reader.text("table")?.offset,
    );
  }
  const oldColumns = columnsOf(reader, shape, "old");
  const newColumns = columnsOf(reader, shape, "new");
  const forward = reader.expressions("forward", Math.max(1, newColumns.length));
  const backward = reader.expressions("backward", Math.max(1, oldColumns.length));
  for (const key of ["forward", "backward"] as const) {
    if (SHAPES[shape][key]) reader.required(key, '"<SQL expression for each column>"');
  }
  const manual = shape === "manual";
  for (const key of ["triggers", "differing"]) {
    const attribute = reader.text(key);
    if (!manual && attribute !== undefined) {
      reader.reject(`${key} belongs to sync=manual`, `leave ${key} out, or write sync=manual`, attribute.offset);
    }
  }
  const triggers = manual ? reader.columns(reader.required("triggers", "<names of the triggers>")) : [];
  const differing = manual
    ? reader.query(reader.required("differing", '"SELECT count(*) FROM …"') || "SELECT 0")
    : undefined;
  const sync = { shape, table, old: oldColumns, new: newColumns, forward, backward, triggers, differing };
  if (reader.isClean) assertBound(reader, sync);
  return reader.finish(sync, problems);
}

/** Refuses an expression that no trigger could carry out; what only the catalogue knows is asked when it is installed. */
function assertBound(reader: Reader, sync: Sync): void {
  try {
    bindSync(sync);
  } catch (error) {
    if (!(error instanceof UnboundExpression)) throw error;
    const { key, message } = error;
    const others =
      sync.shape === "not-null" ? "the row's other columns" : `${key === "forward" ? "old" : "new"} columns`;
    reader.reject(
      message,
      `write ${key}="…" as one value of the row, over ${others} alone: constants, operators and functions of them`,
      reader.text(key)?.offset,
    );
  }
}

function columnsOf(reader: Reader, shape: SyncShape, key: "old" | "new"): string[] {
  const wanted = SHAPES[shape][key];
  const attribute = reader.text(key);
  const names = attribute === undefined ? [] : reader.columns(attribute.value, attribute.offset);
  const fits = wanted === "0+" || (wanted === "2+" ? names.length >= 2 : names.length === Number(wanted));
  if (!fits) {
    const count = wanted === "2+" ? "two or more columns" : wanted === "0" ? "no columns" : "one column";
    reader.reject(`sync=${shape} takes ${count} as ${key}, found ${names.length}`, `write ${key}=<column>[,<column>…]`);
  }
  return names;
}
