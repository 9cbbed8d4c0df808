import * as pulumi from "@pulumi/pulumi";
import { MigrationError, pendingList, planMigrations, readMigrations } from "../../schema";
import type { DeclaredMigration } from "./resource";

/**
 * The migrations up to `migrateTo`, read from their folder, with what each will run and lock: a new one is a difference
 * that `pulumi preview --diff` shows, with no database at hand.
 * @throws pulumi.RunError with every problem of every file, or when there is no such migration.
 */
export function declareMigrations(folder: string, migrateTo: string): DeclaredMigration[] {
  try {
    const files = readMigrations(folder);
    // Declared is all of it, from an empty database on; what of it is pending, state and history know.
    const plan = planMigrations({ files, applied: [], migrateTo, live: false });
    if (plan.problems.length > 0) throw new MigrationError(plan.problems);
    return pendingList(plan).map(({ version, name, phase, statements, locks }) => ({
      version,
      name,
      phase: phase === "contract" ? "contract" : "expand",
      checksum: files.find((file) => file.version === version)?.checksum ?? "",
      statements: [...statements],
      locks: [...locks],
    }));
  } catch (error) {
    // The engine prints the message of a RunError alone, without a stack trace.
    throw error instanceof MigrationError ? new pulumi.RunError(error.message) : error;
  }
}
