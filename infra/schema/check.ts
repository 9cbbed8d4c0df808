import { analyseMigrations } from "./analyse";
import { MigrationError } from "./problem";
import { readFolder } from "./read";
import { runSquawk } from "./squawk";
import { compareVersions } from "./types";
import type { Migration } from "./types";

export interface CheckOptions {
  /** Versions that the database has already; see `AnalyseOptions.applied`. */
  readonly applied?: readonly string[];
  /** Oldest server that the migrations must run on. Default 15. */
  readonly postgresMajor?: number;
}

/**
 * All that preview does with the folder: reads every file, judges those that are not applied by our rules and by
 * squawk, and refuses once, with everything that is wrong.
 *
 * @returns the migrations in order of version
 * @throws MigrationError with all problems of all files; Error where squawk can't run
 */
export function checkMigrations(folder: string, options: CheckOptions = {}): Migration[] {
  const { migrations, problems } = readFolder(folder);
  const applied = options.applied ?? [];
  const judged = migrations.filter(({ version }) => !applied.some((one) => compareVersions(one, version) === 0));
  const squawk = runSquawk(judged, { postgresMajor: options.postgresMajor });
  const found = [...problems, ...analyseMigrations(migrations, { applied: options.applied, squawk })];
  if (found.length > 0) throw new MigrationError(found);
  return migrations;
}
