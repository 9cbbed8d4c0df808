import type { LiveTraffic, Traffic } from "../../platform/traffic";
import type { Clock } from "./clock";
import { describe, isLeftBehind, markIn, type WalkMark } from "./mark";

/** A walk whose engine has gone notices it within a second, and needs a moment to put its weights back. */
const usualWait = 10_000;

/** A listener that nobody walks on. */
export interface Unclaimed {
  /** undefined: there is no production listener. */
  readonly live: LiveTraffic | undefined;
  /** A walk that ended without taking its mark away, as one does that is killed. */
  readonly left?: WalkMark;
}

/**
 * Reads the listener once no other walk is on it.
 * @param wait milliseconds that one may take to end. Default 10 s.
 * @throws Error that names who walks, and the commands; TrafficUnreachable.
 */
export async function untilNobodyWalks(
  traffic: Traffic,
  { clock, say }: { clock: Clock; say: (line: string) => void },
  wait = usualWait,
): Promise<Unclaimed> {
  const until = clock.now() + wait;
  let said = false;
  for (;;) {
    const live = await traffic.read();
    const mark = markIn(live?.tags ?? {});
    if (mark === undefined) return { live };
    if (isLeftBehind(mark, clock.now())) return { live, left: mark };
    if (clock.now() >= until)
      throw new Error(
        `${describe(mark)} is on the listener, so nothing was begun: wait until it has ended, or end it with npm run abort`,
      );
    if (!said) say(`waits for ${describe(mark)} to end`);
    said = true;
    await clock.sleep(500);
  }
}
