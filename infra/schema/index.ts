/** Migration files: reading, phases, lint, planning. Pure but for reading files and running squawk. */
export { analyseMigrations } from "./analyse";
export type { AnalyseOptions } from "./analyse";
export { checkMigrations } from "./check";
export type { CheckOptions } from "./check";
export type { Backfill, Sync, SyncShape, Verify, Waiver } from "./directive-kinds";
export { checksumOf, parseMigration, parseSection } from "./file";
export { parserLoadTime } from "./parser";
export { formatPending, pendingList } from "./pending";
export type { PendingEntry } from "./pending";
export { planMigrations } from "./plan";
export type { AppliedMigration, MigrationPlan, PlanInput, Step } from "./plan";
export { formatProblem, MigrationError, problemOf, sortProblems } from "./problem";
export type { Problem } from "./problem";
export { readFolder, readMigrations } from "./read";
export { RULES } from "./rules";
export type { Rule } from "./rules";
export { runSquawk } from "./squawk";
export type { SquawkFinding } from "./squawk";
export { treeOf } from "./statement";
export { summarise } from "./summary";
export { compareVersions, effectOf, LOCK_MODES, versionKey } from "./types";
export type {
  Completion,
  Direction,
  Effect,
  Impact,
  Lock,
  LockMode,
  Migration,
  Phase,
  Section,
  Statement,
} from "./types";
