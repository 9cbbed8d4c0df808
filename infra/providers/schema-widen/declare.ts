import * as pulumi from "@pulumi/pulumi";
import { MigrationError, pendingList, planMigrations, readMigrations, summarise, type Migration } from "../../schema";
import type { DeclaredMigration } from "../schema/stage-inputs";

/**
 * Reads the migrations of the project.
 * @throws pulumi.RunError with every problem of every file.
 */
export const readProjectMigrations = (folder: string): Migration[] => plainly(() => readMigrations(folder));

/**
 * The migrations up to `migrateTo`, with what each will run and lock: a new one is a difference that `pulumi preview --diff`
 * shows, with no database at hand.
 * @param migrateTo "latest", a version, or all zeros for none
 * @throws pulumi.RunError when there is no such migration.
 */
export function declareMigrations(files: readonly Migration[], migrateTo: string): DeclaredMigration[] {
  if (/^0+$/.test(migrateTo)) return [];
  // Declared is all of it, from an empty database on; what of it is pending, state and history know.
  const plan = planMigrations({ files, applied: [], migrateTo, live: false });
  plainly(() => {
    if (plan.problems.length > 0) throw new MigrationError(plan.problems);
  });
  const byVersion = new Map(files.map((file) => [file.version, file]));
  return pendingList(plan).flatMap(({ version, name, statements, locks }) => {
    const file = byVersion.get(version);
    if (file === undefined) return [];
    const { phase, checksum } = file;
    const summary = summarise(file, files);
    return { ...{ version, name, phase, checksum, summary }, statements: [...statements], locks: [...locks] };
  });
}

/** The engine prints the message of a RunError alone, without a stack trace. */
function plainly<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof MigrationError ? new pulumi.RunError(error.message) : error;
  }
}
