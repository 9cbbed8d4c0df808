import * as pulumi from "@pulumi/pulumi";
import { nearest } from "../../config/nearest";
import { MigrationError } from "../../schema/problem";
import { readMigrations } from "../../schema/read";
import { compareVersions, type Migration } from "../../schema/types";
import type { DeclaredMigration } from "./resource";

/**
 * The migrations up to `migrateTo`, read from their folder.
 * @throws pulumi.RunError with every problem of every file, or when there is no such migration.
 */
export function declareMigrations(folder: string, migrateTo: string): DeclaredMigration[] {
  const all = read(folder);
  if (migrateTo !== "latest" && !all.some(({ version }) => version === migrateTo)) throw unknown(migrateTo, all);
  return all
    .filter(({ version }) => migrateTo === "latest" || compareVersions(version, migrateTo) <= 0)
    .map(({ version, name, phase, checksum }) => ({ version, name, phase, checksum }));
}

function read(folder: string): Migration[] {
  try {
    return readMigrations(folder);
  } catch (error) {
    // The engine prints the message of a RunError alone, without a stack trace.
    throw error instanceof MigrationError ? new pulumi.RunError(error.message) : error;
  }
}

function unknown(migrateTo: string, all: Migration[]): Error {
  const versions = all.map(({ version }) => version);
  const near = nearest(migrateTo, versions);
  return new pulumi.RunError(
    `switchyard:migrateTo is "${migrateTo}", and there is no such migration in migrations/ (${versions.join(", ") || "it is empty"})` +
      `${near === undefined ? "" : `: did you mean ${near}?`} Set it with: pulumi config set switchyard:migrateTo ` +
      (near ?? "latest"),
  );
}
