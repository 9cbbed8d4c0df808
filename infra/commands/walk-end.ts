import { TrafficMoved, TrafficUnreachable, type LiveTraffic, type Traffic } from "../platform/traffic";
import type { Clock } from "../providers/traffic/clock";
import { describe, isLeftBehind, markIn, noWalk, type WalkMark } from "../providers/traffic/mark";
import { walkTags } from "../providers/traffic/tags";
import { CommandError } from "./say";

/** A walk looks every second, and tries for 30 s to put its weights back; in ms. */
const usualPatienceMs = 60_000;
/** Between two looks. */
const lookMs = 250;

export interface EndParts {
  readonly clock: Clock;
  /** One line for the operator. */
  readonly say: (line: string) => void;
  /** Milliseconds that the walk may take to end. @default 60 s */
  readonly patience?: number;
}

/** What there was to end, and what came of it. */
export interface WalkEnd {
  /**
   * `nothing`: no walk was on the listener. `aborted`: the walk put its weights back. `put back`: its process was gone, so
   * they were put back for it. `arrived`: it reached its end before it saw that it should not. `stayed`: it ended, and the
   * weights are not where it began.
   */
  readonly outcome: "nothing" | "aborted" | "put back" | "arrived" | "stayed";
  /** Green's live weight; undefined where there is no listener. */
  readonly greenWeight: number | undefined;
  /** The walk that was met. */
  readonly walk?: WalkMark;
  /** Another one that has begun since. */
  readonly next?: WalkMark;
}

/**
 * Ends the walk that is on a listener: asks it to put its weights back, and waits until its mark is gone; or puts them back
 * itself where the process that walked is provably gone.
 * @throws CommandError where the listener can't be asked, the walk doesn't end, or traffic can't go back
 */
export async function endWalk(traffic: Traffic, parts: EndParts): Promise<WalkEnd> {
  const { clock, say, patience = usualPatienceMs } = parts;
  const until = clock.now() + patience;
  let asked: WalkMark | undefined;
  for (;;) {
    const live = await readUntil(traffic, asked === undefined ? 0 : until, clock);
    const mark = markIn(live?.tags ?? {});
    if (live === undefined || mark === undefined || (asked !== undefined && mark.id !== asked.id))
      return cameTo(asked, live, mark);
    if (isLeftBehind(mark, clock.now())) {
      say(`${describe(mark)} has no process any more; puts its weights back`);
      if (await changed(traffic, putBack(mark, live), mark, live.greenWeight))
        return { outcome: "put back", greenWeight: mark.from, walk: mark };
    } else if (asked === undefined) {
      if (!(await changed(traffic, { tags: { [walkTags.abort]: mark.id } }, mark))) continue;
      asked = mark;
      say(`asked ${describe(mark)} to end`);
    } else {
      if (clock.now() > until) throw new CommandError(stuck(mark, live, patience));
      await clock.sleep(lookMs);
    }
  }
}

function cameTo(asked: WalkMark | undefined, live: LiveTraffic | undefined, next: WalkMark | undefined): WalkEnd {
  const greenWeight = live?.greenWeight;
  if (asked === undefined) return { outcome: "nothing", greenWeight };
  const met = { greenWeight, walk: asked, ...(next === undefined ? {} : { next }) };
  if (greenWeight === asked.from) return { outcome: "aborted", ...met };
  return { outcome: greenWeight === asked.to ? "arrived" : "stayed", ...met };
}

/** The change that its own walk would have made. @throws CommandError where traffic has nowhere to go */
function putBack(mark: WalkMark, live: LiveTraffic): Parameters<Traffic["change"]>[0] {
  const { from } = mark;
  const up = "npx pulumi up, with greenWeight as it is to be";
  if (from === undefined)
    throw new CommandError(
      `${describe(mark)} doesn't say where it began (tag ${walkTags.from}); set it right by ${up}`,
    );
  if (from === live.greenWeight) return { tags: noWalk };
  const gaining = from > live.greenWeight ? "green" : "blue";
  if (live.targets[gaining].alive === 0)
    throw new CommandError(
      `no process of ${gaining} answers, so traffic stays at greenWeight ${live.greenWeight} instead of going back to ` +
        `${from}; start it by ${up}`,
    );
  return { greenWeight: from, tags: noWalk };
}

/** Makes a change while the mark, and the weight where one is given, are what was read. @returns false when they aren't */
async function changed(
  traffic: Traffic,
  change: Parameters<Traffic["change"]>[0],
  { id }: WalkMark,
  greenWeight?: number,
): Promise<boolean> {
  const tag = { key: walkTags.walk, value: id };
  try {
    await traffic.change(change, greenWeight === undefined ? { tag } : { tag, greenWeight });
    return true;
  } catch (error) {
    if (error instanceof TrafficMoved) return false;
    throw new CommandError(`the listener could not be changed: ${(error as Error).message}`, { cause: error });
  }
}

async function readUntil(traffic: Traffic, until: number, clock: Clock): Promise<LiveTraffic | undefined> {
  for (;;) {
    try {
      return await traffic.read();
    } catch (error) {
      if (!(error instanceof TrafficUnreachable) || clock.now() > until)
        throw new CommandError(
          `the listener can't be asked, so nobody can tell who walks: ${(error as Error).message} A walk that can't ` +
            "reach it for 30 s gives up.",
          { cause: error },
        );
      await clock.sleep(lookMs);
    }
  }
}

function stuck(mark: WalkMark, { greenWeight }: LiveTraffic, patience: number): string {
  const pid = mark.owner?.process.pid;
  const kill = pid === undefined ? "its process" : `process ${pid} on ${mark.owner?.host ?? ""} (kill -9 ${pid})`;
  return (
    `${describe(mark)} was asked to end, and has not within ${patience / 1000} s; greenWeight is ${greenWeight}. It ends as ` +
    `soon as it looks again. If it is stopped, or hangs: end ${kill}, then npm run abort puts the weights back`
  );
}
