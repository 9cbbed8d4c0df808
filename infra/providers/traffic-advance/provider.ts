import { trafficAt, TrafficUnreachable, type LiveTraffic } from "../../platform/traffic";
import { classifyShift } from "../../rollout/shift";
import { hasUnknown, PartialFailure, sameInputs, type Difference, type Provider } from "../contract";
import { countsOf, tooFewCopies } from "../traffic/capacity";
import { systemClock } from "../traffic/clock";
import { engineAddress, engineAt } from "../traffic/engine";
import { describe, isLeftBehind, markIn } from "../traffic/mark";
import { advance, type Outcome } from "./advance";
import type { TrafficAdvanceInputs as Inputs, TrafficAdvanceState as State } from "./resource";

const heedNot = (): void => undefined;

/** One line for the operator. With the engine, the other end of the pipe goes, and a walk must survive that to return. */
function say(line: string): void {
  if (!process.stderr.listeners("error").includes(heedNot)) process.stderr.on("error", heedNot);
  console.error(line);
}

/** What would end the walk that follows from what is settled is said before anything begins. */
function check({ settled, attempts, declared }: Inputs): string[] {
  if (hasUnknown([settled, attempts, declared]) || !settled) return [];
  const shift = classifyShift(settled.weight, { settled, attempts }, declared);
  const problem = shift.kind === "advance" ? tooFewCopies(shift.gaining, countsOf(declared)) : undefined;
  return problem === undefined ? [] : [problem];
}

/**
 * Live weights count, not what state remembers: a walk may have been killed half way, or somebody moved them. They are looked
 * at even where something differs anyhow: whoever previews is to hear of a walk that was left behind.
 */
async function diff(olds: State, news: Inputs): Promise<Difference> {
  if (hasUnknown(news.traffic)) return { changes: true };
  const differs = hasUnknown(news) || news.hold.length > 0 || !sameInputs(remembered(olds), remembered(news));
  try {
    const live = await trafficAt(news.traffic).read();
    return { changes: isMarked(live) || differs || hasDrifted(live, news) };
  } catch (error) {
    if (!(error instanceof TrafficUnreachable)) throw error;
    if (!differs) say(`live weights can't be read, so state is compared instead: ${error.message}`);
    return { changes: differs };
  }
}

/** What is compared: not what was settled before, which changes with every `up` that ends well. */
const remembered = (each: Inputs | State) => ({ ...each, settled: null, attempts: null, lastWalk: null });

/** Whether a walk was left behind on the listener; and says which walk is on it. */
function isMarked(live: LiveTraffic | undefined): boolean {
  const mark = markIn(live?.tags ?? {});
  if (mark === undefined) return false;
  const left = isLeftBehind(mark, systemClock.now());
  say(`${describe(mark)} ${left ? `was left behind at greenWeight ${live?.greenWeight ?? ""}` : "is under way"}`);
  return left;
}

/** Whether live weights are not as declared though nobody asked for a shift; and says so. */
function hasDrifted(live: LiveTraffic | undefined, { greenWeight }: Inputs): boolean {
  if (live === undefined || live.greenWeight === greenWeight) return false;
  say(`live greenWeight is ${live.greenWeight}, and ${greenWeight} is declared`);
  return true;
}

async function shift(news: Inputs, olds?: State): Promise<State> {
  if (news.hold.length > 0) throw new Error(news.hold.join("\n"));
  const signals = heedSignals();
  const engine = thisEngine();
  try {
    const surroundings = { clock: systemClock, engineAlive: engine.alive, say, interrupted: signals.interrupted };
    return stateAfter(await advance(news, surroundings), news, olds);
  } finally {
    signals.heedNoMore();
    await engine.endWithIt();
  }
}

function stateAfter({ greenWeight, lastWalk, failure }: Outcome, news: Inputs, olds?: State): State {
  const walk = { greenWeight, lastWalk: lastWalk ?? olds?.lastWalk ?? null };
  if (failure === undefined) return { ...news, ...walk };
  // Where nothing has changed, state doesn't either: with the config reverted, there is nothing left to do.
  if (olds === undefined || olds.greenWeight === greenWeight) throw new Error(failure);
  throw new PartialFailure(failure, idOfAdvance, { ...olds, ...walk });
}

/** How long an answer to the engine, or a line to the operator, may take to leave, in ms, before this process ends. */
const answerMs = 500;

/** The engine that started this process: looked for only where something is about to be changed on the listener. */
function thisEngine(): { alive: () => Promise<boolean>; endWithIt: () => Promise<void> } {
  let ask: (() => Promise<boolean>) | undefined;
  return {
    alive: () => (ask ??= engineAt(engineAddress()))(),
    // Killed, it leaves its providers behind, and nobody will ever ask this one anything again.
    async endWithIt() {
      if (ask !== undefined && !(await ask())) setTimeout(() => process.exit(1), answerMs);
    },
  };
}

/** While a walk is on, a signal ends the walk first, and only then the process. */
function heedSignals(): { interrupted: AbortSignal; heedNoMore: () => void } {
  const controller = new AbortController();
  const names = ["SIGTERM", "SIGINT"] as const;
  let heard: NodeJS.Signals | undefined;
  const heed = (signal: NodeJS.Signals): void => {
    heard = signal;
    controller.abort(signal);
  };
  for (const name of names) process.on(name, heed);
  const heedNoMore = (): void => {
    for (const name of names) process.off(name, heed);
    if (heard !== undefined) setTimeout((signal) => process.kill(process.pid, signal), answerMs, heard);
  };
  return { interrupted: controller.signal, heedNoMore };
}

const idOfAdvance = "advance";

export const provider: Provider<Inputs, State> = {
  check,
  diff,
  create: async (inputs) => ({ id: idOfAdvance, outs: await shift(inputs) }),
  update: (olds, news) => shift(news, olds),
  delete: () => Promise.resolve(),
};
