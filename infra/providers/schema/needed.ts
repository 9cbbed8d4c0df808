import { compareVersions } from "../../config/version";
import type { DeclaredMigration } from "./stage-inputs";

/**
 * The migration that has to be applied for a release built against `schema`: the newest expand at or below it. A contract
 * that it was built against may still be to come.
 */
export function neededBy(schema = "0", migrations: readonly DeclaredMigration[]): string {
  const expands = migrations.filter(
    ({ phase, version }) => phase === "expand" && compareVersions(version, schema) <= 0,
  );
  return expands.at(-1)?.version ?? schema;
}
