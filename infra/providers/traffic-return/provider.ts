import { TrafficMoved, trafficAt, TrafficUnreachable, type LiveTraffic, type Traffic } from "../../platform/traffic";
import { declaredInFull, memoryInFull } from "../../rollout/in-full";
import { classifyShift, type Shift } from "../../rollout/shift";
import { hasUnknown, PartialFailure, type Difference, type Provider } from "../contract";
import { recordReturn } from "../record/record";
import { noWalk } from "../traffic/mark";
import type { TrafficReturnInputs as Inputs, TrafficReturnState as State } from "./resource";

/** How often weights that move under our hands are read again: a walk that is being left changes them a few times at most. */
const tries = 10;

const say = (line: string): void => {
  console.error(line);
};

type Return = Extract<Shift, { gaining: unknown }>;

function returnFrom(greenWeight: number, { settled, attempts, declared }: Inputs): Return | undefined {
  const shift = classifyShift(greenWeight, memoryInFull(settled, attempts), declaredInFull(declared));
  return shift.kind === "return" ? shift : undefined;
}

/** Live weights count, not what state remembers: a walk may have been killed half way, or somebody moved them. */
async function diff(olds: State, news: Inputs): Promise<Difference> {
  if (hasUnknown(news) || news.hold.length > 0) return { changes: true };
  const live = await lookAt(news, olds);
  return { changes: live !== undefined && returnFrom(live, news) !== undefined };
}

/** The live weight; where it can't be read, what state remembers, and that is said. */
async function lookAt({ traffic }: Inputs, olds: State): Promise<number | undefined> {
  if (!traffic) return undefined;
  try {
    return (await trafficAt(traffic).read())?.greenWeight;
  } catch (error) {
    if (!(error instanceof TrafficUnreachable)) throw error;
    say(`live weights can't be read, so state is compared instead: ${error.message}`);
    return olds.greenWeight;
  }
}

async function bringBack(news: Inputs): Promise<State> {
  const outcome = news.traffic ? await moveBack(trafficAt(news.traffic), news) : undefined;
  const state: State = { ...news, ...(outcome === undefined ? {} : { greenWeight: outcome }) };
  if (news.hold.length === 0) return state;
  const where = outcome === undefined ? "" : `The traffic is at greenWeight ${outcome}. `;
  throw new PartialFailure(`${where}Nothing else was begun:\n${news.hold.join("\n")}`, idOfReturn, state);
}

/** @returns the live weight afterwards; undefined where there is no listener, or none that can be reached. */
async function moveBack(traffic: Traffic, news: Inputs): Promise<number | undefined> {
  for (let left = tries; ; left -= 1) {
    const live = await readOrSay(traffic);
    if (live === undefined) return undefined;
    const shift = returnFrom(live.greenWeight, news);
    if (shift === undefined) return live.greenWeight;
    if (live.targets[shift.gaining].alive === 0) {
      say(`no copy of ${shift.gaining} answers, so its traffic comes back only when it runs again, later in this up`);
      return live.greenWeight;
    }
    try {
      // Whoever walks sees that the tag is no longer its own, and ends without touching anything.
      await traffic.change({ greenWeight: shift.to, tags: noWalk }, { greenWeight: live.greenWeight });
      say(`returned from greenWeight ${shift.from} to ${shift.to}`);
      await record(shift, news);
      return shift.to;
    } catch (error) {
      if (!(error instanceof TrafficMoved) || left === 0) throw error;
    }
  }
}

/** After the fact, and never in its way: a store that can't be written is said, and no more. */
async function record({ from, to }: Return, { store, attempts }: Inputs): Promise<void> {
  if (store === undefined) return;
  const attempt = attempts.at(-1)?.id ?? "";
  await recordReturn(store, { attempt, from, to }, { outcome: "arrived", greenWeight: to }, say);
}

async function readOrSay(traffic: Traffic): Promise<LiveTraffic | undefined> {
  try {
    return await traffic.read();
  } catch (error) {
    if (!(error instanceof TrafficUnreachable)) throw error;
    say(`the listener can't be reached, so nothing is returned before it can: ${error.message}`);
    return undefined;
  }
}

const idOfReturn = "return";

export const provider: Provider<Inputs, State> = {
  diff,
  create: async (inputs) => ({ id: idOfReturn, outs: await bringBack(inputs) }),
  update: (_olds, news) => bringBack(news),
  delete: () => Promise.resolve(),
};
