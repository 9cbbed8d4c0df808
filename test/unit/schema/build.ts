import { readFiles } from "../../../infra/schema/read";
import type { Migration, Problem } from "../../../infra/schema";

export interface Shape {
  readonly phase?: "expand" | "contract";
  /** Options of the up marker, and of the down marker. */
  readonly up?: "transaction:false";
  readonly down?: "transaction:false";
  readonly undo?: string;
}

/** The text of a migration around the statements of its up. */
export function migrationText(sql: string, { phase = "expand", up, down, undo = "SELECT 1;" }: Shape = {}): string {
  const marker = (direction: string, option?: string): string =>
    `-- migrate:${direction}${option === undefined ? "" : ` ${option}`}`;
  return [`-- switchyard: phase=${phase}`, marker("up", up), sql, marker("down", down), undo, ""].join("\n");
}

/** Reads texts as the files 0001_a.sql, 0002_a.sql and so on. */
export function readTexts(...texts: string[]): { migrations: Migration[]; problems: Problem[] } {
  return readFiles(texts.map((text, index) => ({ fileName: `${String(index + 1).padStart(4, "0")}_a.sql`, text })));
}

/** One migration that must be readable. */
export function migrationOf(sql: string, shape?: Shape): Migration {
  const { migrations, problems } = readTexts(migrationText(sql, shape));
  const [migration] = migrations;
  if (migration === undefined) throw new Error(problems.map(({ message }) => message).join("\n"));
  return migration;
}
