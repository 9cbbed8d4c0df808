/** What a digest is about, in milliseconds since the epoch: 24 hours, most of the time. What happens at `to` is of the next one. */
export interface Day {
  readonly from: number;
  readonly to: number;
}

export const hours = 3_600_000;
const length = 24 * hours;
/** CloudWatch keeps an alarm's history for 30 days ("Amazon CloudWatch alarms"): a day that began before is told of in part. */
const kept = 30 * length;
/** How far the clocks of the schedule and of the function may be apart. */
const apart = 60_000;

/**
 * The day that ended when its event was scheduled for: tried again, or called late, it is about the same day.
 * @param event what the schedule hands over: `{ "time": "2026-01-31T08:00:00Z" }`
 * @param now milliseconds since the epoch
 * @throws for an event without a time with its zone, a day that isn't over, and one of which there is no history any more
 */
export function dayOf(event: unknown, now: number): Day {
  const { time } = (event ?? {}) as { time?: unknown };
  const to = typeof time === "string" && /T.*(Z|[+-]\d\d:\d\d)$/.test(time) ? Date.parse(time) : NaN;
  const expected = (what: string) =>
    new Error(`found ${JSON.stringify(event ?? null)}, expected ${what}, such as {"time":"2026-01-31T08:00:00Z"}`);
  if (Number.isNaN(to)) throw expected("an event with the time at which the day ended");
  if (to > now + apart) throw expected(`a time that is over: it is ${new Date(now).toISOString()}`);
  if (to - length < now - kept) throw expected("a time of the last 29 days, of which CloudWatch keeps all");
  return { from: to - length, to };
}
