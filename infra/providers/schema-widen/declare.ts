import * as pulumi from "@pulumi/pulumi";
import { MigrationError, pendingList, planMigrations, readMigrations, type Migration } from "../../schema";
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
    const ahead = files.flatMap(notCarriedOut);
    if (ahead.length > 0) throw new pulumi.RunError(ahead.join("\n"));
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

/** What a file may already say and the runner does not do yet: passing over it in silence would break its promise. */
function notCarriedOut({ fileName, impact, syncs, verify, up }: Migration): string[] {
  const directives = [
    ...(impact === "low" ? [] : [`impact=${impact}`]),
    ...(syncs.length === 0 ? [] : ["sync"]),
    ...(verify.length === 0 ? [] : ["verify"]),
    ...(up.statements.some(({ backfill }) => backfill !== undefined) ? ["backfill"] : []),
  ];
  return directives.map(
    (directive) =>
      `migrations/${fileName}: the directive ${directive} is not carried out by this version; leave it out`,
  );
}
