import { excerpt, positionAt } from "./source";
import type { SourceText } from "./source";

/** One thing wrong with a migration: where it stands, which rule says so, and how to write it instead. */
export interface Problem {
  /** Id of the rule, as a waiver names it. */
  readonly rule: string;
  /** File name without its folder, or the folder itself for a problem of the whole set. */
  readonly file: string;
  /** 1-based; 0 where the problem has no line (a missing file, an unknown version). */
  readonly line: number;
  /** 1-based, counted in characters; 0 where the problem has no line. */
  readonly column: number;
  /** What was found, and why it is refused. */
  readonly message: string;
  /** What to write or run instead. */
  readonly safeWay: string;
  /** The source line and a caret under the column; empty where the problem has no line. */
  readonly excerpt: string;
}

/** Builds a problem at `offset` (UTF-16 units) of `source`. */
export function problemAt(
  source: SourceText,
  offset: number,
  found: Pick<Problem, "rule" | "message" | "safeWay">,
): Problem {
  return { ...found, file: source.name, ...positionAt(source, offset), excerpt: excerpt(source, offset) };
}

/** Builds a problem that concerns a whole file or the set of them. */
export function problemOf(file: string, found: Pick<Problem, "rule" | "message" | "safeWay">): Problem {
  return { ...found, file, line: 0, column: 0, excerpt: "" };
}

/** `file:line:column: rule: message`, the source line with its caret, and the safe way, for a terminal. */
export function formatProblem(problem: Problem): string {
  const place = problem.line > 0 ? `${problem.file}:${problem.line}:${problem.column}` : problem.file;
  const parts = [`${place}: ${problem.rule}: ${problem.message}`];
  if (problem.excerpt !== "") parts.push(problem.excerpt);
  parts.push(`  safe way: ${problem.safeWay}`);
  return parts.join("\n");
}

/** Orders problems as a reader meets them: by file, then by place in it. */
export function sortProblems(problems: readonly Problem[]): Problem[] {
  return [...problems].sort(
    (a, b) =>
      a.file.localeCompare(b.file, "en", { numeric: true }) ||
      a.line - b.line ||
      a.column - b.column ||
      a.rule.localeCompare(b.rule),
  );
}

/**
 * Every problem of every file, thrown once. Its message is made for people; programs read `problems`.
 * A dynamic provider must rethrow it as a plain `Error`, since the engine drops the message of subclasses.
 */
export class MigrationError extends Error {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    const sorted = sortProblems(problems);
    const count = sorted.length === 1 ? "1 problem" : `${sorted.length} problems`;
    super(`The migrations have ${count}:\n\n${sorted.map(formatProblem).join("\n\n")}`);
    this.name = "MigrationError";
    this.problems = sorted;
  }
}
