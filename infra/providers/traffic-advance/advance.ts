import { telemetryAt } from "../../platform/telemetry";
import { TrafficMoved, trafficAt, type LiveTraffic, type Traffic } from "../../platform/traffic";
import { declaredInFull, memoryInFull } from "../../rollout/in-full";
import { classifyShift, stepsOf } from "../../rollout/shift";
import type { Declared } from "../../rollout/types";
import {
  beginRecord,
  recordedSteps,
  recordReturn,
  sayUnstored,
  type OpenRecord,
  type ShiftEnd,
} from "../record/record";
import { countsOf } from "../traffic/capacity";
import type { FenceParts } from "../traffic/fence";
import { describe, noWalk, thisOwner, walkIdOf, type WalkMark } from "../traffic/mark";
import { untilNobodyWalks } from "../traffic/others";
import { walkTags } from "../traffic/tags";
import { runWalk, type WalkPlan } from "../traffic/walk";
import type { LastWalk, TrafficAdvanceInputs as Inputs } from "./resource";

/** How often weights that move under our hands are read again. */
const tries = 3;

/** What a shift needs from the process that it runs in. */
export interface Surroundings extends Omit<FenceParts, "traffic"> {
  readonly say: (line: string) => void;
  /** Milliseconds that another walk may take to end, and targets to get ready. @default see there */
  readonly otherEnds?: number;
  readonly readyWithin?: number;
}

/** What became of the live weights. */
export interface Outcome {
  /** Percent that green gets now. */
  readonly greenWeight: number;
  /** Left out where nothing had to be done. */
  readonly lastWalk?: LastWalk;
  /** Why the weights are not the declared ones; left out when they are. */
  readonly failure?: string;
}

/** A shift that was decided on: `from` is where it goes back to when it fails. */
interface Decided {
  readonly traffic: Traffic;
  readonly live: LiveTraffic;
  readonly left: WalkMark | undefined;
  readonly from: number;
}

/**
 * Brings the live weights to the declared ones.
 * @throws Error when nothing was begun: another walk is there, or an advance can't be recorded.
 */
export async function advance(given: Inputs, around: Surroundings): Promise<Outcome> {
  const news = { ...given, declared: declaredInFull(given.declared) };
  const traffic = trafficAt(news.traffic);
  for (let left = tries; ; left -= 1) {
    try {
      return await shift(news, traffic, around);
    } catch (error) {
      // Somebody was quicker. Who it was, and whether anything is left to do, the next look tells.
      if (!(error instanceof TrafficMoved) || left === 0) throw error;
    }
  }
}

async function shift(news: Inputs, traffic: Traffic, around: Surroundings): Promise<Outcome> {
  const { declared, settled, attempts } = news;
  const { live, left } = await untilNobodyWalks(traffic, around, around.otherEnds);
  // The listener that is to come begins at the declared weights.
  if (live === undefined) return { greenWeight: declared.weight };
  const from = left?.from ?? live.greenWeight;
  const decided = { traffic, live, left, from };
  if (left !== undefined) around.say(`${describe(left)} was left behind at greenWeight ${live.greenWeight}`);

  const { kind } = classifyShift(live.greenWeight, memoryInFull(settled ?? undefined, attempts), declared);
  // What a walk that was left behind had reached was not judged to its end, even if it is what is declared.
  const unjudged = from !== declared.weight;
  if (kind === "none" && !unjudged) return clear(decided);
  if (!(await around.engineAlive()))
    throw new Error("the pulumi that asked for this shift is gone, so it was not begun");
  if (kind === "return" || !unjudged) return goBack(news, decided, around);
  return walkOn(news, decided, around);
}

/** Nothing is to be done on the wire. */
async function clear({ traffic, live, left }: Decided): Promise<Outcome> {
  const { greenWeight } = live;
  if (left !== undefined) await traffic.change({ tags: noWalk }, expected(greenWeight, left));
  return { greenWeight };
}

const expected = (greenWeight: number, left: WalkMark | undefined) => ({
  greenWeight,
  tag: { key: walkTags.walk, value: left?.id ?? null },
});

/** A return that could not be made before, or the end of a walk that was left behind: at once. */
async function goBack(news: Inputs, { traffic, live, left }: Decided, { say, clock }: Surroundings): Promise<Outcome> {
  const to = news.declared.weight;
  const from = live.greenWeight;
  const gaining = to > from ? "green" : "blue";
  if (live.targets[gaining].alive === 0) {
    const failure = `greenWeight stays at ${from}: no process of ${gaining} answers, so traffic can't return to ${to}`;
    return { greenWeight: from, failure };
  }
  await traffic.change({ greenWeight: to, tags: noWalk }, expected(from, left));
  say(`returned from greenWeight ${from} to ${to}`);
  const end = { outcome: "arrived", greenWeight: to };
  const record = await recordReturn(news.store, { attempt: news.attempt, from, to }, end, say, () => clock.now());
  return { greenWeight: to, lastWalk: lastWalkOf("return", from, to, end, record) };
}

async function walkOn(news: Inputs, { traffic, live, left, from }: Decided, around: Surroundings): Promise<Outcome> {
  const { clock, say } = around;
  const to = news.declared.weight;
  const id = walkIdOf(news.attempt, clock.now());
  const record = await openRecord(news, from, around);
  const walk = runWalk({
    ...around,
    traffic,
    telemetry: telemetryAt(news.telemetry, () => clock.now()),
    plan: planOf(news.declared, around.readyWithin),
    id,
    owner: thisOwner(),
    from,
    to,
    live,
    replaces: left?.id ?? null,
  });
  const { outcome, greenWeight, steps, cause } = await walk.catch(async (error: unknown) => {
    const notBegun = { outcome: "not begun", greenWeight: live.greenWeight, error: (error as Error).message };
    await endRecord(record, notBegun, say);
    throw error;
  });
  const end: ShiftEnd = {
    outcome,
    greenWeight,
    steps: recordedSteps(steps),
    ...(cause === undefined ? {} : { error: cause }),
  };
  const key = await endRecord(record, end, say);
  return {
    greenWeight,
    lastWalk: lastWalkOf("advance", from, to, end, key),
    ...(cause === undefined ? {} : { failure: cause }),
  };
}

const planOf = (declared: Declared, readyWithin: number | undefined): WalkPlan => ({
  bake: declared.bake,
  steps: stepsOf(declared),
  counts: countsOf(declared),
  ...(readyWithin === undefined ? {} : { readyWithin }),
});

/** An advance can wait until it can be recorded; what can't wait is a return. */
async function openRecord(news: Inputs, from: number, { clock }: Surroundings): Promise<OpenRecord> {
  const shift = { kind: "advance", attempt: news.attempt, from, to: news.declared.weight } as const;
  try {
    return await beginRecord(news.store, shift, () => clock.now());
  } catch (error) {
    const message = `nothing was begun, because an advance is recorded and its record can't be stored: ${(error as Error).message}`;
    throw new Error(message, { cause: error });
  }
}

async function endRecord(record: OpenRecord, end: ShiftEnd, say: (line: string) => void): Promise<string | undefined> {
  try {
    return await record.end(end);
  } catch (error) {
    sayUnstored(say, record.where, end, error);
    return undefined;
  }
}

const lastWalkOf = (
  kind: LastWalk["kind"],
  from: number,
  to: number,
  { outcome, steps = [] }: ShiftEnd,
  record: string | undefined,
): LastWalk => ({
  kind,
  from,
  to,
  outcome,
  steps: steps.map(({ greenWeight, bake }) => ({ greenWeight, ...(bake && { verdict: bake.verdict }) })),
  ...(record === undefined ? {} : { record }),
});
