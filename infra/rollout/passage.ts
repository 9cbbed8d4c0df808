import { distinct, COLOURS } from "./names";
import { afterSteps, halfWay, stagesOf, stepsTo, type Stages } from "./schema-steps";
import { classifyShift, type Memory, type Shift } from "./shift";
import { STEPS, type Declared, type SchemaPlan, type SchemaStep, type State, type Step } from "./types";

/** How one `up` goes from one state of the world, if nothing fails. */
export interface Passage {
  readonly shift: Shift;
  readonly stages: Stages;
  readonly start: State;
  readonly returned: State;
  readonly widened: State;
  /** Its colours run what is declared; the traffic has not advanced yet. */
  readonly coloured: State;
  readonly advanced: State;
  readonly end: State;
}

/** What an `up` was going to do. */
export interface Plan {
  readonly declared: Declared;
  readonly schema: SchemaPlan;
  readonly stopsBefore?: Step;
}

/**
 * The passages of an `up` from a state. More than one where the live weight is uncertain: what lies on either side of
 * the declared weight moves differently.
 */
export function passagesFrom(state: State, memory: Memory, plan: Plan): Passage[] {
  return splitAt(plan.declared.weight, state).map((start) => passage(start, memory, plan));
}

function passage(start: State, memory: Memory, { declared, schema }: Plan): Passage {
  const shift: Shift = start.weight === null ? { kind: "none" } : classifyShift(liveOf(start.weight), memory, declared);
  const returned = shift.kind === "return" ? withWeight(declared.weight, start) : start;
  const platform = afterPlatform(returned, declared);
  const stages = stagesOf(stepsTo(declared, platform), schema);
  const restored = declared.overrides.restore !== undefined;
  const before = restored ? { ...platform, scars: [] } : platform;
  const widened = afterSteps(stages.widen, before, restored);
  const coloured = { ...widened, releases: declared.releases };
  const advanced = withWeight(declared.weight, coloured);
  const end = afterSteps(stages.narrow, advanced, restored);
  return { shift, stages, start, returned, widened, coloured, advanced, end };
}

/**
 * Every state that an `up` may leave behind from a state: unbegun, failed or killed anywhere in it, or finished but
 * never settled. Failing twice, failing on the way back and resuming are compositions of this.
 */
export function outcomesFrom(state: State, memory: Memory, plan: Plan): State[] {
  const { declared } = plan;
  const reached = (step: Step): boolean =>
    plan.stopsBefore === undefined || STEPS.indexOf(step) < STEPS.indexOf(plan.stopsBefore);
  const restored = declared.overrides.restore !== undefined;
  return passagesFrom(state, memory, plan).flatMap((way) => {
    const outcomes = [way.start];
    if (reached("return")) outcomes.push(way.returned);
    if (reached("platform")) outcomes.push(afterPlatform(way.returned, declared));
    if (reached("widen")) outcomes.push(...along(way.stages.widen, afterPlatform(way.returned, declared), restored));
    if (reached("colours")) {
      const changed = COLOURS.map((colour) => ({
        ...way.widened,
        releases: { ...way.widened.releases, [colour]: declared.releases[colour] },
      }));
      outcomes.push(...changed, way.coloured);
    }
    if (reached("advance")) outcomes.push(onTheWay(way.coloured, declared.weight), way.advanced);
    if (reached("narrow")) outcomes.push(...along(way.stages.narrow, way.advanced, restored));
    return outcomes;
  });
}

/**
 * Of a longer run of migrations, only this many steps at either end are looked at one by one. Every rule is monotone in
 * between: what may be applied is most at the far end, and what may be missing at the near one.
 */
const LOOKED_AT = 6;

function along(steps: readonly SchemaStep[], from: State, restored: boolean): State[] {
  const states: State[] = [];
  let state = from;
  let done = 0;
  const goTo = (index: number): void => {
    state = afterSteps(steps.slice(done, index), state, restored);
    done = index;
  };
  steps.forEach((step, index) => {
    if (index >= LOOKED_AT && index < steps.length - LOOKED_AT) return;
    goTo(index);
    states.push(halfWay(step, state));
    goTo(index + 1);
    states.push(state);
  });
  return states;
}

/** States that no rule can tell apart, once each. */
export const distinctStates = (states: Iterable<State>): State[] => distinct(states, stateKey);

const versionsOf = (migrations: State["applied"]): string =>
  migrations.map(({ version, checksum }) => `${version}:${checksum}`).join();

function stateKey({ weight, releases, applied, half, scars, wiring }: State): string {
  const running = COLOURS.map((colour) => {
    const release = releases[colour];
    return release === null
      ? "-"
      : `${release.version}/${release.schema}/${release.count}/${release.fingerprint}/${release.database}`;
  });
  return [
    weight === null ? "-" : `${weight.low}..${weight.high}`,
    ...running,
    versionsOf(applied),
    half === null ? "-" : versionsOf([half]),
    versionsOf(scars),
    wiring.listener,
    wiring.targets.blue,
    wiring.targets.green,
  ].join("|");
}

const liveOf = ({ low, high }: { low: number; high: number }): number => (low + high) / 2;

const withWeight = (weight: number, state: State): State => ({ ...state, weight: { low: weight, high: weight } });

// A new listener is created with the declared weights at once; there is nobody to walk it.
function afterPlatform(state: State, declared: Declared): State {
  const replaced = state.weight !== null && state.wiring.listener !== declared.wiring.listener;
  return { ...(replaced ? withWeight(declared.weight, state) : state), wiring: declared.wiring };
}

// A walk that fails goes back to where it began, and one that is killed stays where it is.
function onTheWay(state: State, target: number): State {
  if (state.weight === null) return state;
  const { low, high } = state.weight;
  return { ...state, weight: { low: Math.min(low, target), high: Math.max(high, target) } };
}

function splitAt(weight: number, state: State): State[] {
  if (state.weight === null) return [state];
  const { low, high } = state.weight;
  const pieces: State[] = [];
  if (low < weight) pieces.push({ ...state, weight: { low, high: Math.min(high, weight - 1) } });
  if (low <= weight && weight <= high) pieces.push(withWeight(weight, state));
  if (high > weight) pieces.push({ ...state, weight: { low: Math.max(low, weight + 1), high } });
  return pieces;
}
