import { effectOf } from "./compatibility";
import { compareVersions, nameOf, versionKey } from "./names";
import type { Declared, Migration, SchemaPlan, SchemaStep, State } from "./types";

/** The version that `migrateTo` stands for: "latest" is the newest declared one, "0" where there is none. */
export function targetOf({ migrateTo, migrations }: Pick<Declared, "migrateTo" | "migrations">): string {
  if (migrateTo !== "latest") return migrateTo;
  return migrations.reduce((newest, { version }) => (compareVersions(version, newest) > 0 ? version : newest), "0");
}

/**
 * Everything between a state's schema and the declared one, in the order in which it has to run: downs of what is past
 * the target, newest first, then ups of what is missing, oldest first. A migration that broke off half way goes first,
 * in whichever direction the target asks for.
 */
export function stepsTo(
  declared: Pick<Declared, "migrateTo" | "migrations">,
  state: Pick<State, "applied" | "half">,
): SchemaStep[] {
  const target = targetOf(declared);
  const present = state.half === null ? state.applied : [...state.applied, state.half];
  const done = new Set(state.applied.map(({ version }) => versionKey(version)));
  const downs = present.filter(({ version }) => compareVersions(version, target) > 0);
  const ups = declared.migrations.filter(
    ({ version }) => compareVersions(version, target) <= 0 && !done.has(versionKey(version)),
  );
  return [
    ...downs
      .sort((a, b) => compareVersions(b.version, a.version))
      .map((migration): SchemaStep => ({ migration, direction: "down" })),
    ...ups
      .sort((a, b) => compareVersions(a.version, b.version))
      .map((migration): SchemaStep => ({ migration, direction: "up" })),
  ];
}

/** The steps of one `up`, by where they run. Versions keep their order, so whatever stands behind one that waits waits too. */
export interface Stages {
  /** Before the colours change and traffic advances (SchemaWiden). */
  readonly widen: readonly SchemaStep[];
  /** After the shift (SchemaNarrow). */
  readonly narrow: readonly SchemaStep[];
  /** Not in this `up`. */
  readonly waiting: readonly SchemaStep[];
}

export function stagesOf(steps: readonly SchemaStep[], plan: SchemaPlan): Stages {
  const isNarrow = (step: SchemaStep): boolean => effectOf(step) === "narrow" && !plan.early.includes(nameOf(step));
  const firstOf = (from: number, found: (step: SchemaStep) => boolean): number => {
    const index = steps.slice(from).findIndex(found);
    return index < 0 ? steps.length : from + index;
  };
  const narrowing = firstOf(0, isNarrow);
  const waiting = firstOf(narrowing, (step) => plan.waits.includes(nameOf(step)));
  return {
    widen: steps.slice(0, narrowing),
    narrow: steps.slice(narrowing, waiting),
    waiting: steps.slice(waiting),
  };
}

/** The schema while a step runs: it may break off here. */
export function halfWay(step: SchemaStep, state: State): State {
  const { version } = step.migration;
  return { ...state, applied: without(version, state.applied), half: step.migration };
}

/**
 * The schema after some steps. A lossy contract that is taken back leaves a scar, unless a restore brings its data back.
 * @param restored are downs made by restoring a backup?
 */
export function afterSteps(steps: readonly SchemaStep[], state: State, restored: boolean): State {
  if (steps.length === 0) return state;
  const applied = byVersion(state.applied);
  const scars = byVersion(state.scars);
  for (const { migration, direction } of steps) {
    const version = versionKey(migration.version);
    if (direction === "up") {
      applied.set(version, migration);
      continue;
    }
    applied.delete(version);
    scars.delete(version);
    if (migration.phase === "contract" && migration.lossy.up && !restored) scars.set(version, migration);
  }
  const inOrder = [...applied.values()].sort((a, b) => compareVersions(a.version, b.version));
  return { ...state, applied: inOrder, half: null, scars: [...scars.values()] };
}

const byVersion = (migrations: readonly Migration[]): Map<string, Migration> =>
  new Map(migrations.map((migration) => [versionKey(migration.version), migration]));

const without = (version: string, migrations: readonly Migration[]): readonly Migration[] =>
  migrations.filter((other) => compareVersions(other.version, version) !== 0);
