import { existsSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { checkMigrations, formatProblem, MigrationError, type Problem } from "../../schema";
import { CommandError, say, sayJson } from "../say";
import { folderName, migrationsFolder } from "./folder";

export interface LintOptions {
  readonly json?: true;
}

/**
 * Judges the migrations as strictly as can be: as if all that come before one were in use. No database is asked.
 * @param paths of files to report on; the others are read too, since they say what is there. Default all.
 * @returns the exit code: 0 where nothing is wrong, else 1
 */
export function lint(paths: readonly string[], { json }: LintOptions): number {
  const wanted = paths.map(fileNameOf);
  const found = problemsOf(migrationsFolder).filter(({ file }) => wanted.length === 0 || wanted.includes(file));
  // A problem of a file has its bare name; one of the whole folder has its path.
  const placed = found.map((problem) => ({
    ...problem,
    file: dirname(problem.file) === "." ? `${folderName}/${problem.file}` : problem.file,
  }));
  if (json === true) {
    sayJson(
      placed.map(({ file, line, column, rule, message, safeWay }) => ({ file, line, column, rule, message, safeWay })),
    );
  } else if (placed.length > 0) {
    say(placed.map(formatProblem).join("\n\n"));
    say(`\n${placed.length === 1 ? "1 problem" : `${placed.length} problems`}`);
  } else say(wanted.length === 0 ? "no problem in migrations/" : `no problem in ${wanted.join(", ")}`);
  return placed.length === 0 ? 0 : 1;
}

function problemsOf(folder: string): readonly Problem[] {
  try {
    checkMigrations(folder);
    return [];
  } catch (error) {
    if (error instanceof MigrationError) return error.problems;
    throw new CommandError((error as Error).message, { cause: error });
  }
}

/** A path from here, or a name in the folder. @throws CommandError for what is no file of the folder. */
function fileNameOf(path: string): string {
  const name = basename(path);
  const meant = [resolve(path), join(migrationsFolder, path)].find((full) => dirname(full) === migrationsFolder);
  if (meant !== undefined && existsSync(meant)) return name;
  const why = meant === undefined ? `is not in ${folderName}/` : "does not exist";
  throw new CommandError(`${path} ${why}; name files of ${folderName}/, or none for all of them`);
}
