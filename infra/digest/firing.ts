import type { Day } from "./day";

/** One change of an alarm's state, or its end: it was taken away. */
export interface Change {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** State of before: "OK", "ALARM", "INSUFFICIENT_DATA". Of an alarm that was taken away nobody says it. */
  readonly from?: string;
  readonly to: string;
}

export const gone = "gone";
const fires = (state: string | undefined): boolean => state === "ALARM";

/** What is known of an alarm from the beginning of a day on. */
export interface Known {
  /** From then until now. */
  readonly changes: readonly Change[];
  /** The newest before the day. */
  readonly before?: Change | undefined;
  /** State of now, and since when; of an alarm that is there. */
  readonly now?: { readonly state: string; readonly since?: number };
}

/** How an alarm fired in a day. */
export interface Firing {
  /** How often it began to. */
  readonly times: number;
  /** When, the first and the last time of these. */
  readonly first?: number;
  readonly last?: number;
  /** It did already when the day began: since when, where CloudWatch still knows. */
  readonly already?: { readonly since?: number };
  /** For how long in the day, in milliseconds. */
  readonly together: number;
  readonly end: "fires" | "over" | "gone";
}

/** @returns undefined where it didn't fire in that day */
export function firingIn({ from, to }: Day, { changes, before, now }: Known): Firing | undefined {
  const sorted = changes.filter(({ at }) => at >= from).toSorted((a, b) => a.at - b.at);
  const began: number[] = [];
  const first = sorted[0];
  let state = first === undefined ? now?.state : (first.from ?? before?.to);
  const already = fires(state);
  let since = already ? from : undefined;
  let together = 0;
  for (const change of sorted.filter(({ at }) => at < to)) {
    if (fires(change.to) && since === undefined) began.push((since = change.at));
    if (!fires(change.to) && since !== undefined) [together, since] = [together + change.at - since, undefined];
    state = change.to;
  }
  if (since !== undefined) together += to - since;
  if (!already && began.length === 0) return undefined;
  return {
    times: began.length,
    ...(began.length > 0 && { first: began[0], last: began.at(-1) }),
    ...(already && { already: sinceWhen(from, before, first === undefined ? now : undefined) }),
    ...{ together, end: since !== undefined ? "fires" : state === gone ? "gone" : "over" },
  };
}

/** By its history, or where that has ended, by what CloudWatch says of an alarm that has not changed since. */
function sinceWhen(from: number, before: Change | undefined, now: Known["now"]): { since?: number } {
  if (before !== undefined && fires(before.to)) return { since: before.at };
  return now?.since !== undefined && now.since < from ? { since: now.since } : {};
}
