import { firstMissing, pointsOfNoReturn } from "./compatibility";
import { COLOURS, distinct, isAmong, isRunning, nameOf } from "./names";
import { distinctStates, passagesFrom } from "./passage";
import { realityOf, writersIn } from "./reality";
import { messageOf, RULES } from "./rules";
import { schemaPlanOf } from "./rules/narrowing";
import { called, type Context } from "./rules/rule";
import { stagesOf, stepsTo } from "./schema-steps";
import type { Memory } from "./shift";
import type { Colour, Declared, Facts, Migration, Overrides, Release, SchemaPlan, State } from "./types";

/** What the history of a database says. */
export type Schema = Pick<Facts, "applied" | "half" | "scars">;

/** The `up` in which another database takes the place of the one that serves. */
export interface Exchange {
  /** Without this `up` itself: nothing of it has begun but the return of traffic. */
  readonly memory: Memory;
  readonly declared: Declared;
  /** What the plan lets the `up` do to the schema; it was made without knowing what the other database has. */
  readonly plan: SchemaPlan;
}

/**
 * Why a database with this schema must not take the place of the one that serves, one sentence each; empty where it may. A
 * plan knows what may be true of the database that it was made for. So all is judged once more, from the schema that comes:
 * every release that runs, or may, is then on it at once; and migrations go on from it.
 * @param name of the database or backup, for messages
 */
export function whyNotOn(name: string, schema: Schema, { memory, declared, plan }: Exchange): string[] {
  const before = realityOf(memory, declared);
  const states = distinctStates(before.map((state): State => ({ ...state, ...schema })));
  const known = [...declared.migrations, ...before.flatMap(({ applied }) => applied), ...schema.applied];
  const reasons = running(before).flatMap((one) => cantRun(one, name, schema, known));
  if (reasons.length > 0) return reasons;
  // That the restore is asked for excuses nothing that comes after it.
  const after = withoutRestore(declared);
  return [...brokenRules(states, { memory, declared: after, plan }), ...runAgain(before, name, schema, declared, plan)];
}

/** The migrations of a backup as far as anybody knows them: its manifest has nothing but their versions. */
export function schemaOf(
  backup: { readonly applied: readonly string[]; readonly half: string | null; readonly scars: readonly string[] },
  { memory, declared }: Pick<Exchange, "memory" | "declared">,
): Schema | undefined {
  const recorded = realityOf(memory, declared).flatMap(({ applied, half, scars }) => [
    ...applied,
    ...(half === null ? [] : [half]),
    ...scars,
  ]);
  const known = [...recorded, ...declared.migrations];
  const find = (version: string): Migration | undefined => known.find((each) => isAmong([version], each.version));
  const whole = (versions: readonly string[]) => versions.map(find).filter((each) => each !== undefined);
  const [applied, scars] = [whole(backup.applied), whole(backup.scars)];
  const half = backup.half === null ? null : find(backup.half);
  const all = applied.length === backup.applied.length && scars.length === backup.scars.length && half !== undefined;
  return all ? { applied, half, scars } : undefined;
}

/** What an `up` declares once the restore that it asks for is done, and is no exception from anything any more. */
export function withoutRestore(declared: Declared): Declared {
  const overrides: { -readonly [K in keyof Overrides]: Overrides[K] } = { ...declared.overrides };
  delete overrides.restore;
  return { ...declared, overrides };
}

interface Running {
  readonly colour: Colour;
  readonly release: Release;
}

/** Every release that runs in any of these states: with traffic or kept warm, it meets the other database. */
const running = (states: readonly State[]): Running[] =>
  distinct(
    states.flatMap(({ releases }) =>
      COLOURS.flatMap((colour): Running[] => {
        const release = releases[colour];
        return isRunning(release) ? [{ colour, release }] : [];
      }),
    ),
    ({ colour, release: { version, schema, fingerprint } }) => [colour, version, schema, fingerprint].join("|"),
  );

function cantRun({ colour, release }: Running, name: string, schema: Schema, known: readonly Migration[]): string[] {
  const state = schema as State;
  const missing = firstMissing(release, state, known);
  const on = `${called(colour, release)} (schema ${release.schema}) runs, or may, and can't on ${name}`;
  const instead = `take another backup, or retire ${colour} first (${colour}.count 0 once its traffic is gone), in an up of its own`;
  const broken = pointsOfNoReturn(release, state).map(
    (contract) => `${on}: contract ${contract.version} (${contract.name}) is applied there. Instead, ${instead}`,
  );
  return missing === undefined
    ? broken
    : [`${on}: migration ${missing} is not applied there. Instead, ${instead}`, ...broken];
}

function brokenRules(states: readonly State[], { memory, declared, plan }: Exchange): string[] {
  const passages = states.flatMap((state) => passagesFrom(state, memory, { declared, schema: plan }));
  const context: Context = { memory, declared, states, passages, writers: writersIn(states) };
  const broken = RULES.flatMap((rule) => rule.check(context))
    .filter(({ override }) => override?.given !== true)
    .map(messageOf);
  const own = schemaPlanOf(declared, states).plan;
  const unforeseen = [
    ...plan.early.filter((step) => passages.some(runs(step)) && !own.early.includes(step)),
    ...own.waits.filter((step) => !plan.waits.includes(step)),
  ];
  const narrows = unforeseen.map(
    (step) =>
      `migrateTo: found ${step}, which a release that runs would not survive; expected that it waits. Instead, ` +
      "set migrateTo below it, and raise it in an up of its own",
  );
  return [...new Set([...broken, ...narrows])];
}

const runs =
  (step: string) =>
  ({ stages: { widen } }: Context["passages"][number]): boolean =>
    widen.some((each) => nameOf(each) === step);

/** A lossy contract that is applied now and not there would drop again, in this very `up`, what was brought back. */
function runAgain(
  before: readonly State[],
  name: string,
  schema: Schema,
  declared: Declared,
  plan: SchemaPlan,
): string[] {
  const now = before.flatMap(({ applied, half }) => (half === null ? applied : [...applied, half]));
  const { widen, narrow } = stagesOf(stepsTo(declared, schema), plan);
  return [...widen, ...narrow]
    .filter(({ direction, migration: { phase, lossy } }) => direction === "up" && phase === "contract" && lossy.up)
    .map(({ migration }) => migration)
    .filter(({ version }) =>
      isAmong(
        now.map((each) => each.version),
        version,
      ),
    ) // prettier-ignore
    .map(
      (contract) =>
        `migrateTo: found ${declared.migrateTo}, which would run contract ${contract.version} (${contract.name}) again, and drop ` +
        `what ${name} brings back; expected a migrateTo below ${contract.version}. Instead, set migrateTo to "${below(contract, schema)}" ` +
        "for now, or mend the contract first",
    );
}

const below = ({ version }: Migration, { applied }: Schema): string =>
  applied.filter((each) => !isAmong([version], each.version)).at(-1)?.version ?? "0000";
