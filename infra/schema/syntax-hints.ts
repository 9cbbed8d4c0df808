/** What the parser's bare "syntax error" means when the SQL was written for another database or another tool. */
interface Hint {
  /** Id of the rule it is reported under; "syntax" where it has no name of its own. */
  readonly rule: "syntax" | "update-limit";
  /** The word that the parser stopped at, in small letters. */
  readonly near?: RegExp;
  /** The statement, its comments and strings blanked. */
  readonly statement?: RegExp;
  readonly means: string;
  readonly safeWay: string;
}

const HINTS: readonly Hint[] = [
  {
    rule: "update-limit",
    near: /^(?:limit|order)$/,
    statement: /^\s*(?:with\b[\s\S]*\)\s*)?(?:update|delete)\b/i,
    means: "PostgreSQL has no UPDATE … LIMIT and no DELETE … LIMIT",
    safeWay:
      "put `-- switchyard: backfill=id` before the plain statement, and the runner does it in batches; " +
      "or choose the rows in a subquery: WHERE id IN (SELECT id FROM … ORDER BY id LIMIT 1000)",
  },
  {
    rule: "syntax",
    near: /^`/,
    means: "backticks are MySQL's quotes",
    safeWay: 'write the name bare, or in double quotes: "order"',
  },
  {
    rule: "syntax",
    near: /^auto_?increment$/,
    means: "AUTO_INCREMENT is MySQL's and AUTOINCREMENT SQLite's",
    safeWay: "write: id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
  },
  { rule: "syntax", near: /^engine$/, means: "ENGINE=… is MySQL's", safeWay: "leave the table options of MySQL out" },
  {
    rule: "syntax",
    near: /^(?:after|first)$/,
    statement: /\bcolumn\b|^\s*alter\s+table\b/i,
    means: "PostgreSQL adds columns at the end only",
    safeWay: "leave AFTER or FIRST out; queries name their columns",
  },
  {
    rule: "syntax",
    near: /^(?:modify|change)$/,
    means: "MODIFY and CHANGE are MySQL's",
    safeWay: "write ALTER TABLE … ALTER COLUMN … TYPE …, in a contract migration",
  },
  {
    rule: "syntax",
    near: /^(?:duplicate|ignore|replace|or)$/,
    statement: /^\s*(?:insert|replace)\b/i,
    means: "upserts are written otherwise here",
    safeWay: "write INSERT … ON CONFLICT (key) DO NOTHING, or DO UPDATE SET …",
  },
  {
    rule: "syntax",
    near: /^on$/,
    statement: /^\s*drop\s+index\b/i,
    means: "an index is dropped by its own name, without its table",
    safeWay: "write DROP INDEX CONCURRENTLY <index>",
  },
  {
    rule: "syntax",
    statement: /\badd\s+constraint\s+if\s+not\s+exists\b/i,
    means: "ADD CONSTRAINT has no IF NOT EXISTS",
    safeWay: "leave IF NOT EXISTS out: each migration runs once, and its record says so",
  },
  {
    rule: "syntax",
    near: /^:/,
    means: "a psql variable (:name) is filled in by psql only",
    safeWay: "write the value itself; what differs between environments belongs into stack config",
  },
  {
    rule: "syntax",
    near: /^(?:\{|\$|%)/,
    means: "templates are not filled in: a migration's checksum must stand for what it does",
    safeWay: "write the value itself",
  },
  { rule: "syntax", near: /^go$/, means: "GO separates batches in SQL Server's tools", safeWay: "leave GO out" },
  {
    rule: "syntax",
    near: /^\[/,
    means: "square brackets are SQL Server's quotes",
    safeWay: 'use double quotes: "name"',
  },
  {
    rule: "syntax",
    near: /^delimiter$/,
    means: "DELIMITER is a command of MySQL's client",
    safeWay: "quote the function's body with $$ … $$",
  },
  { rule: "syntax", near: /^pragma$/, means: "PRAGMA is SQLite's", safeWay: "leave PRAGMA out" },
];

const INVISIBLE = /[\u00a0\u200b-\u200f\u2028\u2029\u202a-\u202e\u2060\ufeff]/;
const TYPOGRAPHIC = /[\u2018\u2019\u201c\u201d]/;

export interface Explanation {
  readonly rule: "syntax" | "update-limit";
  readonly means?: string;
  readonly safeWay: string;
}

/**
 * Explains a syntax error.
 *
 * @param message the parser's own words
 * @param statement the statement with comments and strings blanked
 * @param before what stands before the statement in its section
 */
export function explainSyntax(message: string, statement: string, before: string): Explanation {
  const near = (/at or near "([\s\S]*)"$/.exec(message)?.[1] ?? "").toLowerCase();
  if (/\bfrom\s+stdin\b[^;]*;\s*$/i.test(before)) {
    return {
      rule: "syntax",
      means: "rows for COPY … FROM stdin can stand in a psql script, not in a migration",
      safeWay: "write INSERT INTO … VALUES …, or load the rows outside of migrations",
    };
  }
  const strange = INVISIBLE.exec(statement)?.[0];
  if (strange !== undefined) {
    const code = `U+${(strange.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
    return {
      rule: "syntax",
      means: `the statement holds the invisible character ${code}`,
      safeWay: "delete it and type a plain space",
    };
  }
  if (TYPOGRAPHIC.test(statement)) {
    return {
      rule: "syntax",
      means: "the statement holds typographic quotes",
      safeWay: "type ' around strings and \" around names",
    };
  }
  const hint = HINTS.find(
    (candidate) =>
      (candidate.near === undefined || candidate.near.test(near)) &&
      (candidate.statement === undefined || candidate.statement.test(statement)),
  );
  if (hint !== undefined) return { rule: hint.rule, means: hint.means, safeWay: hint.safeWay };
  return { rule: "syntax", safeWay: "mend the SQL at the caret; the grammar is that of PostgreSQL 18" };
}
