import { effectOf } from "./compatibility";
import { compareVersions, nameOf } from "./names";
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
export function stepsTo(declared: Pick<Declared, "migrateTo" | "migrations">, state: State): SchemaStep[] {
  const target = targetOf(declared);
  const present = state.half === null ? state.applied : [...state.applied, state.half];
  const done = new Set(state.applied.map(({ version }) => Number(version)));
  const downs = present.filter(({ version }) => compareVersions(version, target) > 0);
  const ups = declared.migrations.filter(
    ({ version }) => compareVersions(version, target) <= 0 && !done.has(Number(version)),
  );
  const byVersion = (a: Migration, b: Migration): number => compareVersions(a.version, b.version);
  return [
    ...downs.sort((a, b) => byVersion(b, a)).map((migration): SchemaStep => ({ migration, direction: "down" })),
    ...ups.sort(byVersion).map((migration): SchemaStep => ({ migration, direction: "up" })),
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

/** The schema after a step. A lossy contract that is taken back leaves a scar, unless a restore brings its data back. */
export function stepped(step: SchemaStep, state: State, restored: boolean): State {
  const { migration, direction } = step;
  const rest = without(migration.version, state.applied);
  if (direction === "up") {
    const applied = [...rest, migration].sort((a, b) => compareVersions(a.version, b.version));
    return { ...state, applied, half: null };
  }
  const scars = without(migration.version, state.scars);
  const scarred = migration.phase === "contract" && migration.lossy.up && !restored;
  return { ...state, applied: rest, half: null, scars: scarred ? [...scars, migration] : scars };
}

const without = (version: string, migrations: readonly Migration[]): readonly Migration[] =>
  migrations.filter((other) => compareVersions(other.version, version) !== 0);
