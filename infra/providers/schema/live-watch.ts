import { telemetryAt, type Look, type Telemetry, type TelemetryAddress } from "../../platform/telemetry";
import { trafficAt, type Traffic, type TrafficAddress } from "../../platform/traffic";
import type { BakePlan, Colour, PerColour } from "../../rollout/types";
import { bakeWindow, judge, type Figures, type Sample, type Verdict } from "../../rollout/verdict";
import { FenceBroken } from "../traffic/broken";
import type { Clock } from "../traffic/clock";
import { Fence } from "../traffic/fence";
import { thisOwner, walkIdOf } from "../traffic/mark";
import { untilNobodyWalks } from "../traffic/others";
import { shown, took } from "../traffic/progress";
import { thinned } from "../traffic/samples";
import type { Run } from "./run";
import { addFigures } from "./run-log";

/** What the live colour is watched by, after each migration. Plain data: it is an input. */
export interface WatchInputs {
  /** How long, in ms, 1..3,600,000 (`watchAfter`). */
  after: number;
  traffic: TrafficAddress;
  telemetry: TelemetryAddress;
  /** As a bake's. */
  limits: BakePlan["limits"];
  minRequests: number;
}

/** What a watch needs of the process that it runs in. */
export interface WatchSurroundings {
  readonly clock: Clock;
  /** Whether the engine that asked for the migrations still is there. */
  readonly engineAlive: () => Promise<boolean>;
}

/** A migration that has just run, and what is next. */
export interface Watched {
  readonly version: string;
  /** "0007_page_summary up". */
  readonly name: string;
  readonly next: string | undefined;
}

/** What a watch has seen. Plain data: it goes on record with the migration. */
interface Seen {
  readonly colour: Colour | null;
  readonly verdict: Verdict;
  /** Why not `pass`; empty for a pass. */
  readonly reasons: readonly string[];
  readonly figures: Figures | null;
}

/** Longest and shortest time between two looks at the figures, in ms. */
const lookMs = { most: 1_000, least: 100 };
/** Between two lines of progress. */
const sayMs = 10_000;

/**
 * Watches the colour with most traffic after each migration, as a bake does. Only `fail` ends the run: too few requests say
 * nothing, and a dead source of figures must not keep a schema from being mended; both are said, and on record.
 *
 * It is marked on the listener as a walk that goes nowhere: `npm run abort` ends it, and so does the end of its engine.
 */
export class LiveWatch {
  readonly #traffic: Traffic;
  readonly #telemetry: Telemetry;
  /** Alarms that fired before the first migration: none of its doing. */
  #before: PerColour<readonly string[]> = { blue: [], green: [] };

  /** @param watches how many there will be, 1 or more: they share the confidence of a walk */
  constructor(
    private readonly run: Run,
    private readonly inputs: WatchInputs,
    private readonly around: WatchSurroundings,
    private readonly watches: number,
  ) {
    this.#traffic = trafficAt(inputs.traffic);
    this.#telemetry = telemetryAt(inputs.telemetry, () => around.clock.now(), run.say);
  }

  /** Before the first migration. */
  async begin(): Promise<void> {
    const source = new Source(this.#telemetry, this.run.say);
    const look = await source.look();
    if (look !== undefined) this.#before = look.firing;
  }

  /** @throws Error when the migration did harm, when the watch was ended, or when the schema lock is lost: nothing further may run */
  async after(migration: Watched): Promise<void> {
    let listener: Listener | undefined;
    try {
      listener = await this.#claim(migration);
    } catch (error) {
      return this.#record(migration, unseen(`the live colour can't be told: ${(error as Error).message}`));
    }
    if (listener === undefined) return;
    const { fence, colour } = listener;
    try {
      const seen = await this.#watch(migration, colour, fence);
      await this.#record(migration, seen);
      if (seen.verdict === "fail") throw harmed(migration, seen.reasons);
      await fence?.leave();
    } catch (error) {
      await this.#takeMarkAway(migration, fence);
      throw ended(migration, error as Error);
    }
  }

  /** The weights were never moved, so putting them back changes nothing else. */
  async #takeMarkAway({ name }: Watched, fence: Fence | undefined): Promise<void> {
    const { outcome, trouble } = (await fence?.putBack()) ?? { outcome: "returned" };
    if (outcome === "returned") return;
    this.run.say(`${name}: the mark of its watch could not be taken off the listener (${trouble ?? outcome})`);
  }

  /** @returns undefined where no colour has traffic */
  async #claim({ version }: Watched): Promise<Listener | undefined> {
    const { clock } = this.around;
    const { live, left } = await untilNobodyWalks(this.#traffic, { clock, say: this.run.say });
    if (live === undefined) return undefined;
    const { greenWeight } = live;
    const colour = greenWeight >= 50 ? "green" : "blue";
    if (live.targets[colour].registered === 0) return undefined;
    // Where a walk began that was left behind on its way is TrafficAdvance's to know: its mark stays.
    if (left !== undefined && left.from !== greenWeight) return { colour };
    const claim = {
      id: walkIdOf(`watch after ${version}`, clock.now()),
      owner: thisOwner(),
      ...{ from: greenWeight, to: greenWeight, live: greenWeight },
      replaces: left?.id ?? null,
    };
    return { colour, fence: await Fence.claim(claim, live, { ...this.around, traffic: this.#traffic }) };
  }

  async #watch({ name }: Watched, colour: Colour, fence: Fence | undefined): Promise<Seen> {
    const { run, inputs } = this;
    const { clock } = this.around;
    const { lag } = this.#telemetry;
    const source = new Source(this.#telemetry, run.say);
    // Settling and lag are added to it, never taken out; late figures (CloudWatch's minutes) get one lag more.
    const window = bakeWindow(clock.now(), { bake: inputs.after, maxBake: inputs.after + lag }, 0, lag);
    const bake = { gaining: colour, share: 100, window, bakes: this.watches };
    run.say(`${name}: watches ${colour} for ${took(inputs.after)}`);
    for (let said = clock.now(); ;) {
      const look = await source.look();
      const firing = (look?.firing[colour] ?? []).filter((alarm) => !this.#before[colour].includes(alarm));
      const now = clock.now();
      const judged = judge(bake, source.samples, firing, now, inputs);
      const figures = judged.figures[colour];
      const isOver = now - lag >= window.until && source.samples.some(({ from }) => from >= window.from);
      const verdict = judged.verdict ?? (isOver ? "insufficient" : undefined);
      if (verdict !== undefined) {
        run.say(`${name}: watched ${colour} for ${took(now - window.from)}: ${shown(figures)}: ${verdict}`);
        const dead = source.trouble === "" ? [] : [`no figures: ${source.trouble}`];
        return { colour, verdict, reasons: [...dead, ...judged.reasons], figures };
      }
      if (now - said >= sayMs) {
        said = now;
        run.say(
          `${name}: watched ${colour} for ${took(now - window.from)} of ${took(inputs.after)}: ${shown(figures)}`,
        );
      }
      await this.#pause(fence);
    }
  }

  /** A moment, after which all that the run stands on is asked for again. */
  async #pause(fence: Fence | undefined): Promise<void> {
    const { clock, engineAlive } = this.around;
    const pause = clock.sleep(Math.min(lookMs.most, Math.max(lookMs.least, this.inputs.after / 10)));
    await (fence === undefined ? pause : fence.guard(pause));
    await this.run.assertHeld();
    if (!(await engineAlive())) throw new FenceBroken("engine gone", "the pulumi that asked for it is gone");
  }

  async #record({ version, name }: Watched, seen: Seen): Promise<void> {
    await this.run.assertHeld();
    await addFigures(this.run.client, version, { watched: seen });
    if (seen.verdict === "insufficient")
      this.run.say(`${name}: whether it did harm can't be told (${seen.reasons.join("; ")}); goes on`);
  }
}

/** What is marked for the watch; without a fence where somebody else's mark has to stay. */
interface Listener {
  readonly colour: Colour;
  readonly fence?: Fence;
}

const unseen = (reason: string): Seen => ({ colour: null, verdict: "insufficient", reasons: [reason], figures: null });

/** The figures since its first look; while they can't be read, that is said, once for each reason. */
class Source {
  samples: readonly Sample[] = [];
  /** Why the last look saw nothing; empty where it did. */
  trouble = "";
  readonly #watch: ReturnType<Telemetry["watch"]>;

  constructor(
    telemetry: Telemetry,
    private readonly say: (line: string) => void,
  ) {
    this.#watch = telemetry.watch();
  }

  async look(): Promise<Look | undefined> {
    try {
      const look = await this.#watch.look();
      this.trouble = "";
      this.samples = look.reset ? [] : thinned([...this.samples, ...look.samples]);
      return look;
    } catch (error) {
      const { message } = error as Error;
      if (message !== this.trouble) this.say(`no figures for now: ${message}`);
      this.trouble = message;
      return undefined;
    }
  }
}

const goesOn = (next: string | undefined): string => (next === undefined ? "" : ` with ${next}`);

function harmed({ name, next }: Watched, reasons: readonly string[]): Error {
  return new Error(
    `after ${name}, ${reasons.join("; ")}: nothing further was run, and traffic was not touched. If the migration is why, ` +
      `revert the commit that brought it, or set migrateTo below it; if not, run pulumi up again, which goes on${goesOn(next)} ` +
      "(watchAfter 0s watches nothing)",
  );
}

/** The schema lock's own words say all; what else ends a watch leaves the run to be taken up again. */
function ended({ name, next }: Watched, error: Error): Error {
  if (!(error instanceof FenceBroken)) return error;
  return new Error(
    `the watch after ${name} ended: ${error.message}; the migration is done and on record, and nothing further was run. Run ` +
      `pulumi up again to go on${goesOn(next)}`,
    { cause: error },
  );
}
