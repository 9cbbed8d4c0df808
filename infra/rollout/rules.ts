import { distinct } from "./names";
import { passagesFrom, type Passage } from "./passage";
import { realityOf, writersIn } from "./reality";
import { NARROWING_WAITS, schemaPlanOf } from "./rules/narrowing";
import { bakeCanTell, planWasAsked, wiringStays } from "./rules/plan";
import { leavingReleaseRuns, leavingReleaseStays, liveReleaseStays, releaseCanStart } from "./rules/release";
import type { Context, Finding, OverrideUse, Rule } from "./rules/rule";
import { appliedStays, downExists, newGoesLast, targetExists, writesStay } from "./rules/schema";
import { lossStands, oneDatabase, pointOfNoReturn, releaseCanRun, schemaReached } from "./rules/traffic";
import type { Memory } from "./shift";
import { STEPS, type Attempt, type Colour, type Declared, type SchemaPlan, type Settled, type Step } from "./types";

export { NARROWING_WAITS } from "./rules/narrowing";
export type { Finding, OverrideUse, Rule } from "./rules/rule";

/** Every rule that refuses, in the order in which a person should hear of them. `NARROWING_WAITS` puts off instead. */
export const RULES: readonly Rule[] = [
  planWasAsked,
  releaseCanRun,
  schemaReached,
  pointOfNoReturn,
  lossStands,
  oneDatabase,
  liveReleaseStays,
  leavingReleaseStays,
  leavingReleaseRuns,
  releaseCanStart,
  targetExists,
  appliedStays,
  newGoesLast,
  downExists,
  writesStay,
  bakeCanTell,
  wiringStays,
];

/** A broken rule. */
export interface Violation {
  /** The rule's id. */
  readonly rule: string;
  readonly key: string;
  readonly found: string;
  readonly expected: string;
  readonly remedy: string;
  /** The step that may not begin. */
  readonly guards: Step;
  readonly override?: Pick<OverrideUse, "key" | "risk">;
}

/** An exception that config makes, and that was needed: to be recorded. */
export interface UsedOverride extends Pick<OverrideUse, "key" | "risk"> {
  readonly rule: string;
  /** What would have been refused. */
  readonly found: string;
}

/** What the plan says of a declared `up`. Plain data. */
export interface Decision {
  /** Every broken rule for which the `up` may not begin; empty when it may. */
  readonly refused: readonly Violation[];
  /**
   * Broken rules of an `up` that returns traffic: it begins, returns the traffic, and stops before the first step that
   * one of these guards.
   */
  readonly held: readonly Violation[];
  readonly stopsBefore?: Step;
  /** Narrowings that wait, and what for. */
  readonly announced: readonly Violation[];
  readonly overrides: readonly UsedOverride[];
  readonly schema: SchemaPlan;
  /** Where the traffic may go from here, as far as is known without looking at live weights. */
  readonly shifts: readonly Passage["shift"]["kind"][];
  /** Colours that gain traffic by an advance: they have something to show before. */
  readonly gains: readonly Colour[];
  /** The schemas that the `up` may leave when it finishes: versions in order. */
  readonly leaves: readonly (readonly string[])[];
}

/** The rules that judge; tests leave one out to see that it is needed. */
export interface Ruleset {
  readonly rules: readonly Rule[];
  readonly narrowingWaits: boolean;
}

const ALL: Ruleset = { rules: RULES, narrowingWaits: true };

/**
 * Every broken rule for which an `up` of `declared` may not begin; empty when it may.
 * @param settled what the last `up` that finished left; undefined before the first.
 * @param attempts what the plan remembers (`remember`), oldest first.
 */
export function checkTransition(
  settled: Settled | undefined,
  attempts: readonly Attempt[],
  declared: Declared,
): readonly Violation[] {
  return decide({ settled, attempts }, declared).refused;
}

/** Judges an `up` of `declared` from every state that may be true now, and plans what it may do to the schema. */
export function decide(memory: Memory, declared: Declared, { rules, narrowingWaits }: Ruleset = ALL): Decision {
  const states = realityOf(memory, declared);
  const { plan, waiting, overridden } = schemaPlanOf(declared, states);
  const schema: SchemaPlan = narrowingWaits ? plan : { ...plan, waits: [] };
  const passages = states.flatMap((state) => passagesFrom(state, memory, { declared, schema }));
  const context: Context = { memory, declared, states, passages, writers: writersIn(states) };

  const found = rules.flatMap((rule) => onceEach(rule.check(context)).map((finding) => ({ rule, finding })));
  const used = found.filter(({ finding }) => finding.override?.given === true);
  const broken = found
    .filter(({ finding }) => finding.override?.given !== true)
    .map(({ rule, finding }) => violation(rule.id, rule.guards, finding));

  const shifts = [...new Set(passages.map(({ shift }) => shift.kind))];
  const returning = shifts.includes("return") && !shifts.includes("advance");
  const [held, refused] = partition(broken, ({ guards }) => returning && guards !== "return");
  return {
    refused,
    held: refused.length > 0 ? [] : held,
    ...(refused.length > 0 ? {} : stopsBefore(held)),
    announced: waiting.map(({ finding }) => violation(NARROWING_WAITS.id, "narrow", finding)),
    overrides: [
      ...used.map(({ rule, finding }) => usedOverride(rule.id, finding)),
      ...overridden.map(({ finding }) => usedOverride(NARROWING_WAITS.id, finding)),
    ],
    schema,
    shifts,
    gains: [...new Set(passages.flatMap(({ shift }) => (shift.kind === "advance" ? [shift.gaining] : [])))],
    leaves: distinct(
      passages.map(({ end }) => end.applied.map(({ version }) => version)),
      (versions) => versions.join(),
    ),
  };
}

/**
 * The attempts to keep once an `up` that was not refused begins: the settled one, to compare reality with; those since;
 * and this one. One that repeats the last and adds nothing to what may be true takes its place.
 */
export function remember(memory: Memory, declared: Declared, decision: Decision, id: string): Attempt[] {
  const { settled, attempts } = memory;
  const covered = Math.max(
    0,
    attempts.findIndex((attempt) => attempt.id === settled?.id),
  );
  const kept = attempts.slice(covered);
  const { schema, held, leaves } = decision;
  const attempt: Attempt = { id, declared, schema, ...stopsBefore(held), leaves };
  const last = kept.at(-1);
  const repeats = last !== undefined && last.id !== settled?.id && saysTheSame(last, attempt);
  if (repeats) {
    const before = realityOf({ settled, attempts: kept }, declared);
    const after = realityOf({ settled, attempts: [...kept, attempt] }, declared);
    if (before.length === after.length) return [...kept.slice(0, -1), attempt];
  }
  return [...kept, attempt];
}

const saysTheSame = (a: Attempt, b: Attempt): boolean =>
  JSON.stringify({ ...a, id: "", leaves: [] }) === JSON.stringify({ ...b, id: "", leaves: [] });

/** A violation as a message of one line. */
export function messageOf({ key, found, expected, remedy, override }: Omit<Violation, "rule" | "guards">): string {
  const instead = override === undefined ? "" : ` Or, if ${override.risk} is accepted: ${override.key}.`;
  return `${key}: found ${found}; expected ${expected}. Instead, ${remedy}.${instead}`;
}

function violation(rule: string, guards: Step, finding: Finding): Violation {
  const { key, found, expected, remedy, override } = finding;
  const exception = override === undefined ? {} : { override: { key: override.key, risk: override.risk } };
  return { rule, key, found, expected, remedy, guards: finding.guards ?? guards, ...exception };
}

const usedOverride = (rule: string, { found, override }: Finding): UsedOverride => ({
  rule,
  found,
  key: override?.key ?? "",
  risk: override?.risk ?? "",
});

const onceEach = (findings: readonly Finding[]): Finding[] =>
  distinct(findings, ({ guards, found }) => `${guards ?? ""}|${found}`);

// Left out rather than undefined: both end up in a provider's outputs, which undefined breaks.
function stopsBefore(held: readonly Violation[]): { stopsBefore?: Step } {
  const earliest = STEPS.find((step) => held.some(({ guards }) => guards === step));
  return earliest === undefined ? {} : { stopsBefore: earliest };
}

function partition<T>(items: readonly T[], test: (item: T) => boolean): [T[], T[]] {
  return [items.filter(test), items.filter((item) => !test(item))];
}
