import type { Look, Telemetry, Watch } from "../../platform/telemetry";
import { shareOf } from "../../rollout/names";
import type { BakePlan, Colour, PerColour } from "../../rollout/types";
import {
  bakeWindow,
  judge,
  type Bake,
  type Figures,
  type Judgement,
  type Sample,
  type Verdict,
} from "../../rollout/verdict";
import type { Clock } from "./clock";
import type { Fence } from "./fence";
import { bakingLine, nameOf, type StepName } from "./progress";
import { follows, thinned } from "./samples";

/** Longest and shortest time between two looks at the figures, in ms. */
const lookMs = { most: 1_000, least: 100 };
/** Between two lines of progress. */
const sayMs = 10_000;

/** What is needed to watch a step. */
export interface BakeParts {
  readonly fence: Fence;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
  readonly plan: BakePlan;
  readonly gaining: Colour;
  readonly say: (line: string) => void;
}

/** What a bake came to. Plain data: it is recorded. */
export interface BakeResult {
  readonly verdict: Verdict;
  /** Why not `pass`; empty for a pass. */
  readonly reasons: readonly string[];
  readonly figures: PerColour<Figures>;
  /** What counted: milliseconds since the epoch, and the number of intervals looked at. */
  readonly from: number;
  readonly until: number;
  readonly samples: number;
  /** Whether the requests were seen to follow the weights before, or the settling time passed. */
  readonly followed: boolean;
}

/**
 * Watches a step whose weights were just set: waits until requests follow them, then bakes, and judges at every look.
 * @throws FenceBroken when the walk may not go on.
 */
export async function bakeStep(step: StepName, parts: BakeParts): Promise<BakeResult> {
  const { clock, plan, gaining, telemetry, fence, say } = parts;
  const figures = new Figured(parts);
  const { followed, from } = await converge(step, figures, parts);
  const share = shareOf(gaining, step.greenWeight);
  let window = bakeWindow(from, plan, 0, telemetry.lag);
  let said = clock.now();
  for (;;) {
    await figures.look();
    if (figures.begunAnew) {
      const again = bakeWindow(figures.until, plan, 0, telemetry.lag);
      window = { ...again, untilAtMost: Math.max(window.untilAtMost, again.until) };
      say(`${nameOf(step)}: the figures begin anew (was the balancer restarted?), and so does the bake`);
    }
    const bake: Bake = { gaining, share, window, bakes: step.of };
    const now = clock.now();
    const judged = judge(bake, figures.samples, figures.firing[gaining], now, plan);
    const judgement = unlessDead(judged, bake, fence, now);
    const { verdict, reasons } = judgement;
    if (verdict !== undefined || now - said >= sayMs) {
      say(bakingLine(step, now - window.from, plan.bake, judgement.figures, figures.firing));
      if (verdict === undefined && reasons.length > 0) say(`${nameOf(step)}: waits on: ${reasons.join("; ")}`);
      said = now;
    }
    if (verdict !== undefined) {
      const { from: counted } = window;
      return {
        verdict,
        reasons,
        figures: judgement.figures,
        from: counted,
        until: now,
        samples: figures.samples.length,
        followed,
      };
    }
  }
}

/** Nothing goes on to a colour that can't answer, however good it was before or however little was asked of it. */
function unlessDead(judgement: Judgement, { gaining, window }: Bake, { live }: Fence, now: number): Judgement {
  const { healthy, registered } = live.targets[gaining];
  if (judgement.verdict === undefined || judgement.verdict === "fail" || healthy > 0) return judgement;
  const reasons = [`none of ${gaining}'s ${registered} targets is healthy`, ...judgement.reasons];
  // A single check that came late is no death.
  return { ...judgement, verdict: now < window.untilAtMost ? undefined : "fail", reasons };
}

/** Waits until requests follow the weights, or the source's settling time is over. @returns when the bake may begin. */
async function converge(
  { greenWeight }: StepName,
  figures: Figured,
  { clock, telemetry }: BakeParts,
): Promise<{ followed: boolean; from: number }> {
  const settled = clock.now() + telemetry.settling;
  await figures.begin();
  while (clock.now() < settled && !follows(figures.samples, greenWeight)) await figures.look();
  const followed = follows(figures.samples, greenWeight);
  figures.forget();
  return { followed, from: followed ? figures.until : Math.max(figures.until, settled) };
}

/** The figures of a step as they come in; while they can't be read, that is said, and nothing is made up. */
class Figured {
  samples: readonly Sample[] = [];
  firing: Look["firing"] = { blue: [], green: [] };
  /** Up to here they are known. */
  until: number;
  /** Whether nothing is known of the time before the latest look. */
  begunAnew = false;
  #hasBegun = false;
  #trouble = "";
  readonly #watch: Watch;
  readonly #pause: number;

  constructor(private readonly parts: BakeParts) {
    this.#watch = parts.telemetry.watch();
    this.until = parts.clock.now();
    this.#pause = Math.min(lookMs.most, Math.max(lookMs.least, parts.plan.bake / 10));
  }

  /** Counting begins. */
  begin(): Promise<void> {
    return this.#take();
  }

  /** Waits a moment and reads what has come since. @throws FenceBroken */
  async look(): Promise<void> {
    await this.parts.fence.guard(this.parts.clock.sleep(this.#pause));
    await this.#take();
  }

  /** What was seen so far doesn't count. */
  forget(): void {
    this.samples = [];
  }

  async #take(): Promise<void> {
    const { fence, say } = this.parts;
    const look = await fence.guard(this.#read());
    this.begunAnew = look !== undefined && (look.reset || !this.#hasBegun);
    if (look === undefined) return;
    if (this.#trouble !== "") say("figures can be read again");
    this.#trouble = "";
    this.#hasBegun = true;
    this.samples = look.reset ? [] : thinned([...this.samples, ...look.samples]);
    this.firing = look.firing;
    this.until = Math.max(this.until, look.until);
  }

  async #read(): Promise<Look | undefined> {
    try {
      return await this.#watch.look();
    } catch (error) {
      const trouble = (error as Error).message;
      if (trouble !== this.#trouble) this.parts.say(`no figures for now: ${trouble}`);
      this.#trouble = trouble;
      return undefined;
    }
  }
}
