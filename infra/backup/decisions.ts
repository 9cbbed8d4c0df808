import { effectOf } from "../rollout/compatibility";
import type { SchemaStep } from "../rollout/types";

/** When a backup is also restored into a scratch database and compared. */
export type DrillWhen = "narrowing" | "always" | "never";

/**
 * Whether a backup has to show that it restores before these steps run. `narrowing`: before a step that takes something
 * away, a contract or the down of an expand: after it, the backup may be the only place where that is.
 */
export function needsDrill(when: DrillWhen, steps: readonly SchemaStep[]): boolean {
  return when === "always" || (when === "narrowing" && steps.some((step) => effectOf(step) === "narrow"));
}

/** Whether these steps only add: ups of expands. */
export const expandOnly = (steps: readonly SchemaStep[]): boolean =>
  steps.every(({ migration, direction }) => migration.phase === "expand" && direction === "up");

/** A backup as far as reuse is asked of it. */
export interface Reusable {
  /** Unix time in ms. */
  readonly takenAt: number;
  readonly verified: boolean;
  /** Of the database that it is of. */
  readonly databaseOid: number;
}

/**
 * Whether an earlier backup will do: it is verified, of this very database, younger than `maxAge`, and what comes only adds.
 * Before anything is taken away there is always a new one.
 * @param maxAge ms; `now` Unix time in ms. A backup from the future is no young one.
 */
export function mayReuse(
  backup: Reusable,
  {
    steps,
    databaseOid,
    maxAge,
    now,
  }: { steps: readonly SchemaStep[]; databaseOid: number; maxAge: number; now: number },
): boolean {
  const age = now - backup.takenAt;
  return backup.verified && backup.databaseOid === databaseOid && expandOnly(steps) && age >= 0 && age < maxAge;
}

/** Whether one is due by the clock. @param every ms; undefined for never. `last`: Unix time in ms of the last one, if any */
export const isDue = (every: number | undefined, last: number | undefined, now: number): boolean =>
  every !== undefined && (last === undefined || now - last >= every);

/** `dump`: pg_dump into the object store. `snapshot`: the platform copies the database's disk. */
export type BackupMode = "dump" | "snapshot";

export interface ModeQuestion {
  readonly mode: BackupMode;
  /** Bytes of the database up to which it is dumped. */
  readonly dumpUpTo: number;
  /** Bytes of the database on disk. */
  readonly size: number;
  readonly platform: "local" | "aws";
}

/** How a database of this size is backed up, or why it can't be, with what mends it. */
export function chooseMode({ mode, dumpUpTo, size, platform }: ModeQuestion): BackupMode | { refused: string } {
  const chosen = mode === "snapshot" || size > dumpUpTo ? "snapshot" : "dump";
  if (chosen === "dump" || platform === "aws") return chosen;
  if (mode === "snapshot") return { refused: snapshotOnLocal };
  return {
    refused:
      `the database has ${size} bytes, more than backup.dumpUpTo (${dumpUpTo}), and the local platform has no snapshots that ` +
      `could stand in for a dump; allow a larger one: pulumi config set --path backup.dumpUpTo ${Math.ceil(size / gibibyte) + 1}Gi`,
  };
}

const gibibyte = 2 ** 30;

export const snapshotOnLocal =
  "backup.mode is snapshot, and the local platform has none; take a dump: pulumi config set --path backup.mode dump";
