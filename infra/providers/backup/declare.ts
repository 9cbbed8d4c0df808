import type { Config } from "../../config";
import type { SettledOutput } from "../rollout-plan/settled";
import type { DeclaredMigration } from "../schema/stage-inputs";

/** What a backup has to be, as config says, and what is declared that it may have to come before. */
export function backupOf(
  { backup, platform, database, migrateTo }: Config,
  before: SettledOutput | undefined,
  migrations: readonly DeclaredMigration[],
) {
  const { mode, dumpUpTo, drill, maxAge, every, keep } = backup;
  return {
    ...{ platform, majorVersion: database.majorVersion, migrateTo },
    migrations: migrations.map(({ summary }) => summary),
    ...(before && { settled: factsOf(before) }),
    ...{ mode, drill, keep: { ...keep }, dumpUpTo: Number(dumpUpTo), maxAge: Number(maxAge) },
    ...(every !== undefined && { every: Number(every) }),
  };
}

const factsOf = ({ plan: { applied, half, scars } }: SettledOutput) => ({
  applied: [...applied],
  half,
  scars: [...scars],
});
