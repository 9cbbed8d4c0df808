import type { Migration, Release } from "../../../../infra/rollout/types";

/** A column, by number; what it stores is a field. */
export type Column = number;
export type Field = number;

/** What a migration file does. This is the world's truth; the rules only ever see `summaryOf`. */
export type Script =
  /** Adds a column for a new field. `reads`: its backfill reads another column. */
  | { readonly kind: "add"; readonly field: Field; readonly column: Column; readonly reads?: Column }
  /** Adds a second column for a field, kept in step by triggers; code from here on uses it and no longer the first. */
  | { readonly kind: "rename"; readonly field: Field; readonly from: Column; readonly column: Column }
  /** Drops a column. `since`: the version from which code doesn't use it any more. */
  | {
      readonly kind: "drop";
      readonly field: Field;
      readonly column: Column;
      readonly lossy: boolean;
      readonly since: string;
    }
  | { readonly kind: "index" };

export interface File {
  readonly version: string;
  readonly script: Script;
  readonly hasDown: boolean;
  readonly edition: number;
}

/** A release as it was built: what its queries use, by field. */
export interface Build {
  readonly release: Omit<Release, "count">;
  /** The migration files that were in its folder, up to its `schema`. */
  readonly files: readonly File[];
  readonly uses: ReadonlyMap<Field, Column>;
}

export function summaryOf(file: File): Migration {
  const known = summaries.get(file);
  if (known !== undefined) return known;
  const { version, script, hasDown, edition } = file;
  const summary: Migration = {
    version,
    name: script.kind,
    phase: script.kind === "drop" ? "contract" : "expand",
    checksum: JSON.stringify([edition, hasDown, script]),
    lossy: { up: script.kind === "drop" && script.lossy, down: script.kind === "add" },
    hasDown,
    breaksBelow: script.kind === "drop" ? script.since : undefined,
  };
  summaries.set(file, summary);
  return summary;
}

const summaries = new WeakMap<File, Migration>();

/** Files in the order in which a database made from them would run them. */
export const inOrder = (files: readonly File[]): File[] =>
  [...files].sort((a, b) => Number(a.version) - Number(b.version));

export const filesBelow = (files: readonly File[], schema: string): File[] =>
  files.filter(({ version }) => Number(version) <= Number(schema));

/** What code uses that was written with these files in its folder. */
export function usesOf(files: readonly File[], schema: string): Map<Field, Column> {
  const uses = new Map<Field, Column>();
  for (const { script } of inOrder(filesBelow(files, schema))) {
    if (script.kind === "add" || script.kind === "rename") uses.set(script.field, script.column);
    if (script.kind === "drop" && uses.get(script.field) === script.column) uses.delete(script.field);
  }
  return uses;
}

/** Does every file find what it needs when they all run on an empty database? */
export function isSound(files: readonly File[]): boolean {
  const columns = new Set<Column>();
  return inOrder(files).every(({ script }) => {
    if (needs(script).some((column) => !columns.has(column))) return false;
    if (script.kind === "add" || script.kind === "rename") columns.add(script.column);
    if (script.kind === "drop") columns.delete(script.column);
    return true;
  });
}

/** The columns without which a file's up fails. */
export function needs(script: Script): Column[] {
  if (script.kind === "rename") return [script.from];
  if (script.kind === "drop") return [script.column];
  return script.kind === "add" && script.reads !== undefined ? [script.reads] : [];
}
