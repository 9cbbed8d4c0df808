import { isUtf8 } from "node:buffer";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readMigration } from "./file";
import { MigrationError, problemOf } from "./problem";
import type { Problem } from "./problem";
import { compareVersions } from "./types";
import type { Migration } from "./types";

/** Files that may lie beside migrations: notes for people, and what tools hide. */
const BESIDE = /^\.|^readme(?:\.\w+)?$|\.md$/i;

/**
 * Reads all migrations of a folder, in order of version.
 *
 * @param folder path of the folder; it must exist, and may be empty
 * @throws MigrationError with all problems of all files
 */
export function readMigrations(folder: string): Migration[] {
  const { migrations, problems } = readFolder(folder);
  if (problems.length > 0) throw new MigrationError(problems);
  return migrations;
}

/** As `readMigrations`, but hands the problems over, with the migrations that have none. */
export function readFolder(folder: string): { migrations: Migration[]; problems: Problem[] } {
  const problems: Problem[] = [];
  const files: { fileName: string; text: string }[] = [];
  for (const fileName of listFolder(folder, problems)) {
    const text = readText(join(folder, fileName), fileName, problems);
    if (text !== undefined) files.push({ fileName, text });
  }
  const read = readFiles(files);
  return { migrations: read.migrations, problems: [...problems, ...read.problems] };
}

/** What was read last, by name. An `up` reads the same files at each of its steps, mostly in one process. */
let lastRead: ReadonlyMap<string, Migration> = new Map();

/** The same for texts that are at hand already. */
export function readFiles(files: readonly { fileName: string; text: string }[]): {
  migrations: Migration[];
  problems: Problem[];
} {
  const problems: Problem[] = [];
  const migrations: Migration[] = [];
  for (const { fileName, text } of files) {
    const known = lastRead.get(fileName);
    const read = known?.text === text ? { migration: known, problems: [] } : readMigration(fileName, text);
    problems.push(...read.problems);
    if (read.migration !== undefined) migrations.push(read.migration);
  }
  lastRead = new Map(migrations.map((migration) => [migration.fileName, migration]));
  migrations.sort((a, b) => compareVersions(a.version, b.version) || (a.fileName < b.fileName ? -1 : 1));
  problems.push(...versionProblems(files.map((file) => file.fileName)));
  return { migrations, problems };
}

/** Two files of one version; and versions whose order by number is not the order that `ls`, git and dbmate show. */
function versionProblems(fileNames: readonly string[]): Problem[] {
  const named = fileNames
    .flatMap((fileName) => {
      const version = /^(\d{1,18})_/.exec(fileName)?.[1];
      return version === undefined ? [] : [{ fileName, version }];
    })
    .sort((a, b) => compareVersions(a.version, b.version) || (a.fileName < b.fileName ? -1 : 1));
  return named.flatMap((file, index) => {
    const before = named[index - 1];
    if (before === undefined) return [];
    if (compareVersions(before.version, file.version) === 0) {
      return problemOf(file.fileName, {
        rule: "duplicate-version",
        message: `version ${file.version} is taken by ${before.fileName}`,
        safeWay: "give the newer of the two the next free version",
      });
    }
    if (before.fileName > file.fileName) {
      return problemOf(file.fileName, {
        rule: "version-order",
        message: `by number it comes after ${before.fileName}, by text before it, as dbmate and every listing show it`,
        safeWay: "write versions with the same number of digits, 0009 and 0010",
      });
    }
    return [];
  });
}

function listFolder(folder: string, problems: Problem[]): string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    return entries
      .filter((entry) => !BESIDE.test(entry.name))
      .map((entry) => entry.name)
      .sort();
  } catch (error) {
    const message = `the folder of migrations can't be read: ${(error as Error).message}`;
    problems.push(
      problemOf(folder, { rule: "unreadable", message, safeWay: "create it, or mend the path in stack config" }),
    );
    return [];
  }
}

function readText(path: string, fileName: string, problems: Problem[]): string | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const message = `the file can't be read: ${(error as Error).message}`;
    const safeWay = "make it a plain, readable file, or move it out of the folder";
    problems.push(problemOf(fileName, { rule: "unreadable", message, safeWay }));
    return undefined;
  }
  if (isUtf8(bytes)) return bytes.toString("utf8");
  problems.push(
    problemOf(fileName, { rule: "encoding", message: "the file is not UTF-8 text", safeWay: "save it as UTF-8" }),
  );
  return undefined;
}
