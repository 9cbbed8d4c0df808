import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { blank, scanRegions } from "./lexer";
import { OffsetMap } from "./source";
import type { Direction, Migration, Section } from "./types";

/** Something that squawk found, at a place in the migration's file. */
export interface SquawkFinding {
  readonly file: string;
  readonly direction: Direction;
  /** squawk's name of its rule. */
  readonly name: string;
  /** UTF-16 units in `Migration.text`. */
  readonly offset: number;
  readonly message: string;
  readonly help?: string;
}

/**
 * Rules of squawk that rules of ours judge too, and better: ours know phases, what is new, and waivers with reasons.
 * squawk still says it where none of ours has even looked at the statement: a gap in ours must not pass in silence.
 */
export const SQUAWK_COVERED: Readonly<Record<string, readonly string[]>> = {
  "require-concurrent-index-creation": ["index-blocks-writes"],
  "require-concurrent-index-deletion": ["drop-index-blocks"],
  "require-concurrent-partition-detach": ["detach-blocks"],
  "require-concurrent-reindex": ["blocking-maintenance"],
  "ban-concurrent-index-creation-in-transaction": ["outside-transaction"],
  "constraint-missing-not-valid": [
    "constraint-scans",
    "constraint-builds-index",
    "lock-held-while-slow",
    "set-not-null-scans",
  ],
  "adding-field-with-default": ["rewrites-table"],
  "adding-foreign-key-constraint": ["constraint-scans", "new-foreign-key"],
  "adding-not-nullable-field": ["set-not-null", "not-null-without-default"],
  "adding-required-field": ["not-null-without-default", "rewrites-table"],
  "adding-serial-primary-key-field": ["rewrites-table", "constraint-builds-index", "new-unique"],
  "changing-column-type": ["change-type"],
  "renaming-column": ["rename"],
  "renaming-table": ["rename"],
  "disallowed-unique-constraint": ["constraint-builds-index", "new-unique"],
  "ban-alter-domain-with-add-constraint": ["new-check"],
  "ban-drop-column": ["drop-column"],
  "ban-drop-table": ["drop-object"],
  "ban-drop-database": ["server-wide"],
  "ban-drop-not-null": ["drop-not-null"],
  "ban-truncate-cascade": ["drop-cascade"],
  "prefer-repack": ["blocking-maintenance"],
  "transaction-nesting": ["transaction-control"],
  "ban-uncommitted-transaction": ["transaction-control"],
};

/** Rules of squawk that are switched off, each with the reason. */
export const SQUAWK_EXCLUDED: Readonly<Record<string, string>> = {
  "prefer-robust-stmts":
    "IF NOT EXISTS takes an INVALID index for a finished one; the runner looks into the catalogue instead",
  "require-timeout-settings": "the runner sets lock, statement and idle timeouts for each of its sessions",
  "require-lock-timeout": "the runner sets lock_timeout for each of its sessions, and tries again",
  "require-statement-timeout": "the runner sets statement_timeout for each of its sessions",
  "prefer-bigint-over-int": "a choice of the data model, which says nothing of old code or locks",
  "prefer-bigint-over-smallint": "a choice of the data model, which says nothing of old code or locks",
  "prefer-identity": "a choice of the data model, which says nothing of old code or locks",
  "prefer-text-field": "a choice of the data model, which says nothing of old code or locks",
  "prefer-timestamp-tz": "a choice of the data model, which says nothing of old code or locks",
  "ban-char-field": "a choice of the data model, which says nothing of old code or locks",
  "ban-create-domain-with-constraint": "creating a domain locks no table; making one stricter is judged by new-check",
  "require-enum-value-ordering": "the order of enum values is the data model's",
  "require-table-schema": "the runner's search_path is public; a name says its schema where it is another",
};

/** Rules of squawk that stand as they are, under `squawk/<name>`. */
export const SQUAWK_ADOPTED = ["identifier-too-long", "ban-duplicate-column-assignments", "syntax-error"] as const;

/** All names that a waiver may use behind "squawk/". */
export const SQUAWK_RULES: readonly string[] = [...Object.keys(SQUAWK_COVERED), ...SQUAWK_ADOPTED];

/** Whether a finding is to be reported, given the rules of ours that have looked at its statement. */
export function judgeSquawk(name: string, ours: ReadonlySet<string>): boolean {
  const covering = Object.hasOwn(SQUAWK_COVERED, name) ? SQUAWK_COVERED[name] : undefined;
  return !(covering?.some((rule) => ours.has(rule)) ?? false);
}

interface SquawkReport {
  readonly file: string;
  /** 0-based, and bytes of UTF-8 within the line. */
  readonly line: number;
  readonly column: number;
  readonly message: string;
  readonly help: string | null;
  readonly rule_name: string;
}

/**
 * Runs squawk once over all sections of these migrations, in a folder of its own that is removed again. Comments are
 * taken away before it reads, so that squawk-ignore can't pass a waiver by.
 *
 * @param migrations those to judge; none costs nothing
 * @param options.postgresMajor server version that squawk reckons with. Default 15, the oldest that is supported
 * @param options.binary path of squawk. Default that of the npm package squawk-cli
 * @throws Error where squawk is missing, fails or answers with anything but its JSON
 */
export function runSquawk(
  migrations: readonly Migration[],
  options: { postgresMajor?: number; binary?: string } = {},
): SquawkFinding[] {
  if (migrations.length === 0) return [];
  const binary = options.binary ?? squawkBinary();
  const folder = mkdtempSync(join(tmpdir(), "switchyard-squawk-"));
  try {
    const inputs = new Map<string, { migration: Migration; section: Section; sql: string }>();
    migrations.forEach((migration, index) => {
      const bare = blank(migration.text, scanRegions(migration.text));
      for (const section of [migration.up, migration.down]) {
        const name = `${index}.${section.direction}.sql`;
        const sql = onlySection(migration, section, bare);
        inputs.set(name, { migration, section, sql });
        writeFileSync(join(folder, name), sql);
      }
    });
    writeFileSync(join(folder, ".squawk.toml"), configFor(options.postgresMajor ?? 15));
    return execute(binary, folder).map((report) => {
      const input = inputs.get(report.file);
      if (input === undefined) throw new Error(`squawk speaks of a file that it was not given: ${report.file}`);
      const { migration, section, sql } = input;
      const { message, rule_name: name } = report;
      const help = report.help ?? undefined;
      return {
        file: migration.fileName,
        direction: section.direction,
        name,
        offset: placeIn(sql, migration, report),
        message,
        help,
      };
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The offset in the migration's text; the marker's line differs in length there, but no finding stands on it. */
function placeIn(sql: string, migration: Migration, { line, column }: SquawkReport): number {
  const bytes = new OffsetMap(sql.split("\n")[line] ?? "").fromBytes(column);
  const before = migration.text.split("\n").slice(0, line);
  return before.reduce((sum, text) => sum + text.length + 1, 0) + bytes;
}

/** The section at its own lines, everything else blank; the marker's line says whether a transaction is around it. */
function onlySection({ text }: Migration, section: Section, bare: string): string {
  const start = section.direction === "up" ? text.indexOf(section.text) : text.lastIndexOf(section.text);
  const end = start + section.text.length;
  const line = text.slice(start).split("\n", 1)[0] ?? "";
  const hush = (part: string): string => part.replace(/[^\n]/g, " ");
  const marker = section.transaction ? "" : "-- squawk-disable-assume-in-transaction";
  return hush(bare.slice(0, start)) + marker + bare.slice(start + line.length, end) + hush(bare.slice(end));
}

function configFor(postgresMajor: number): string {
  const excluded = Object.keys(SQUAWK_EXCLUDED).map((name) => `"${name}"`);
  return [
    `pg_version = "${postgresMajor}"`,
    "assume_in_transaction = true",
    `excluded_rules = [${excluded.join(", ")}]`,
    "",
  ].join("\n");
}

function squawkBinary(): string {
  const require = createRequire(__filename);
  try {
    return (require("squawk-cli/js/index.js") as { getBinaryPath(): string }).getBinaryPath();
  } catch (error) {
    throw new Error(
      `squawk, which checks migrations beside our own rules, is not installed: ${(error as Error).message}\n` +
        "Run npm ci, without leaving optional packages out (--omit=optional).",
      { cause: error },
    );
  }
}

function execute(binary: string, folder: string): SquawkReport[] {
  const run = spawnSync(binary, ["--reporter", "json", "--config", ".squawk.toml", "*.sql"], {
    cwd: folder,
    encoding: "utf8",
    maxBuffer: 256 * 1024 * 1024,
  });
  const fail = (why: string, cause?: unknown): Error =>
    new Error(`squawk failed: ${why}. It is ${binary}; run npm ci to install it again.`, { cause });
  if (run.error !== undefined) throw fail(run.error.message, run.error);
  // 0: nothing found; 1: findings, or an error that is told on stderr with nothing on stdout.
  if (run.status !== 0 && run.status !== 1) {
    throw fail(`exit code ${run.status ?? run.signal ?? "unknown"}, ${run.stderr.trim()}`);
  }
  let reports: unknown;
  try {
    reports = JSON.parse(run.stdout);
  } catch (error) {
    throw fail(`no JSON came, but "${`${run.stdout}${run.stderr}`.trim().slice(0, 300)}"`, error);
  }
  if (!Array.isArray(reports) || !reports.every(isReport)) {
    throw fail("its JSON is not the list of findings that version 2 writes");
  }
  return reports;
}

function isReport(value: unknown): value is SquawkReport {
  const report = value as Partial<SquawkReport> | null;
  return (
    typeof report?.file === "string" &&
    typeof report.line === "number" &&
    typeof report.column === "number" &&
    typeof report.rule_name === "string" &&
    typeof report.message === "string"
  );
}
