import type { Telemetry } from "../../platform/telemetry";
import type { LiveTraffic } from "../../platform/traffic";
import { shareOf } from "../../rollout/names";
import { walk } from "../../rollout/shift";
import type { BakePlan, Colour, PerColour } from "../../rollout/types";
import { neededBy, tooFewCopies } from "./capacity";
import { bakeStep, type BakeResult } from "./bake";
import { FenceBroken, type PutBack } from "./broken";
import { Fence, type Claim, type FenceParts } from "./fence";
import { nameOf, took, type StepName } from "./progress";

/** How long the colour that gains traffic may take to have enough healthy targets: the guides' 300 s, in ms. */
const usualReadyWithin = 300_000;
/** And if it has traffic already, and nothing healthy to answer it: requests fail meanwhile. */
const readyAgainWithin = 10_000;

/** What putting the weights back may take, after the longest bake of a step, in ms. */
const returnWithin = 60_000;

/** How an advance walks. Plain data. */
export interface WalkPlan {
  readonly bake: BakePlan;
  /** Shares of the gaining colour, rising (`stepsOf`). */
  readonly steps: readonly number[];
  /** Copies that each colour is declared with. The gaining one needs as many healthy targets as the losing one has copies. */
  readonly counts: PerColour<number>;
  /** Milliseconds to wait for those at each step. @default 300 s */
  readonly readyWithin?: number;
}

/** Everything that a walk works with. */
export interface WalkParts extends FenceParts, Omit<Claim, "live"> {
  readonly telemetry: Telemetry;
  readonly plan: WalkPlan;
  /** The listener as it was read when the walk was decided on. */
  readonly live: LiveTraffic;
  /** One line for the operator. */
  readonly say: (line: string) => void;
}

/** One step as it went. Plain data: it is recorded. */
export interface StepReport {
  readonly greenWeight: number;
  /** When the weights were set, milliseconds since the epoch. */
  readonly set: number;
  /** Left out where the walk ended before there was a verdict. */
  readonly bake?: BakeResult;
}

/** How a walk went. Plain data: it is recorded. */
export interface WalkReport {
  /** `arrived`, or what became of putting the weights back. */
  readonly outcome: "arrived" | PutBack["outcome"];
  /** The green weight when it ended, as far as the walk knows. */
  readonly greenWeight: number;
  readonly steps: readonly StepReport[];
  /** Why it didn't arrive, on one line; left out when it did. */
  readonly cause?: string;
}

/** A step that did not go well: the walk ends, and its weights are put back. */
class StepFailed extends Error {}

/**
 * Walks the weights from `from` to `to`, and bakes each step; or puts them back. A walk that was left behind on the way
 * (`live` is past `from`) is taken up: the weight at which it was left is baked before anything else.
 * @throws what `Fence.claim` throws, and then nothing was changed; later failures are in the report.
 */
export async function runWalk(parts: WalkParts): Promise<WalkReport> {
  const { from, to, live, plan, say, clock } = parts;
  const weights = weightsOf(from, to, live.greenWeight, plan.steps);
  const fence = await Fence.claim({ ...parts, live: live.greenWeight }, live, parts);
  const steps: StepReport[] = [];
  try {
    say(`walks greenWeight from ${live.greenWeight} by ${weights.join(", ")}, ${took(plan.bake.bake)} each`);
    if (!isOnTheWay(from, live.greenWeight, to)) await backToTheBeginning(fence, parts);
    for (const [index, greenWeight] of weights.entries()) {
      const step: StepName = { number: index + 1, of: weights.length, greenWeight };
      // What has its weight already is better judged at once than waited for.
      if (greenWeight !== fence.live.greenWeight) await untilReady(step, fence, parts);
      await assertLasts(step, parts);
      await fence.set(greenWeight);
      say(`${nameOf(step)}: set`);
      const begun = { greenWeight, set: clock.now() };
      steps.push(begun);
      const bake = await bakeStep(step, { ...parts, fence, plan: plan.bake, gaining: gainingOf(from, to) });
      steps[steps.length - 1] = { ...begun, bake };
      goOnOrFail(step, bake, parts);
    }
    await fence.leave();
    return { outcome: "arrived", greenWeight: to, steps };
  } catch (error) {
    return await giveUp(error as Error, steps, fence, parts);
  }
}

/** From the smallest step that is left; where a walk was left behind, its own weight comes first. */
function weightsOf(from: number, to: number, live: number, steps: readonly number[]): number[] {
  if (!isOnTheWay(from, live, to)) return walk(from, to, steps);
  return live === from ? walk(from, to, steps) : [live, ...walk(live, to, steps)];
}

const isOnTheWay = (from: number, live: number, to: number): boolean =>
  Math.min(from, to) <= live && live <= Math.max(from, to);

const gainingOf = (from: number, to: number): Colour => (to > from ? "green" : "blue");

/** A walk that was left behind went elsewhere: what it gained was never judged, so it goes back first. */
async function backToTheBeginning(fence: Fence, { from, live, say }: WalkParts): Promise<void> {
  const gaining = gainingOf(live.greenWeight, from);
  if (fence.live.targets[gaining].alive === 0)
    throw new StepFailed(`no process of ${gaining} answers, so traffic can't go back to greenWeight ${from}`);
  await fence.set(from);
  say(`greenWeight is back at ${from}, where a walk that was left behind began`);
}

/** Waits until the gaining colour has the capacity of the losing one. */
async function untilReady(step: StepName, fence: Fence, { from, to, plan, clock, say }: WalkParts): Promise<void> {
  const gaining = gainingOf(from, to);
  const problem = tooFewCopies(gaining, plan.counts);
  if (problem !== undefined) throw new StepFailed(problem);
  const needed = neededBy(gaining, plan.counts);
  const usual = plan.readyWithin ?? usualReadyWithin;
  const begun = clock.now();
  let said = false;
  for (;;) {
    const { targets, greenWeight } = fence.live;
    const { healthy, registered } = targets[gaining];
    if (healthy >= needed) return;
    const hurts = healthy === 0 && shareOf(gaining, greenWeight) > 0;
    const limit = hurts ? Math.min(readyAgainWithin, usual) : usual;
    const found = `${healthy} of ${gaining}'s ${registered} targets are healthy, and ${needed} are needed`;
    if (clock.now() > begun + limit) throw new StepFailed(`${nameOf(step)}: after ${took(limit)} ${found}`);
    if (!said) say(`${nameOf(step)}: waits up to ${took(limit)}: ${found}`);
    said = true;
    await fence.guard(clock.sleep(250));
  }
}

/** What can't be changed any more when the step is over, can't be put back either. */
async function assertLasts(step: StepName, { traffic, telemetry, plan }: WalkParts): Promise<void> {
  const { bake, maxBake } = plan.bake;
  const longest = telemetry.settling + Math.max(bake, maxBake) + telemetry.lag + returnWithin;
  const problem = await traffic.endsWithin?.(longest);
  if (problem !== undefined) throw new StepFailed(`${nameOf(step)}: not begun, as ${problem}`);
}

function goOnOrFail(step: StepName, { verdict, reasons, from, until }: BakeResult, { plan, say }: WalkParts): void {
  if (verdict === "pass") return;
  const seen = `${nameOf(step)}: ${verdict} after ${took(until - from)}: ${reasons.join("; ")}`;
  if (verdict === "fail" || plan.bake.onInsufficient === "return") throw new StepFailed(seen);
  say(`${seen}; walks on all the same, as bake.onInsufficient says`);
}

async function giveUp(
  error: Error,
  steps: StepReport[],
  fence: Fence,
  { from, to, say }: WalkParts,
): Promise<WalkReport> {
  const { outcome, trouble } = await fence.putBack();
  const at = fence.live.greenWeight;
  const where = {
    returned: `greenWeight is back at ${from}`,
    stayed: `greenWeight stays at ${at}, because ${trouble ?? ""}`,
    "taken over": `the weights were left alone: ${trouble ?? ""}`,
    unreachable:
      `greenWeight could not be put back to ${from}: ${trouble ?? ""}. The walk stays marked on the listener: npm run abort puts ` +
      "its weights back, and the next npx pulumi up takes it up, or goes back where greenWeight says so",
  }[outcome];
  const isSaid = outcome === "taken over" && error instanceof FenceBroken && error.why === "taken over";
  const why = isSaid ? "" : `${error.message}; `;
  const cause = `the walk from greenWeight ${from} to ${to} ended: ${why}${where}`;
  // The engine may not be there any more to pass the failure on.
  if (error instanceof FenceBroken) say(cause);
  return { outcome, greenWeight: outcome === "returned" ? from : at, steps, cause };
}
