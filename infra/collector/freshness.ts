// How old a materialised view is. PostgreSQL doesn't record when one was refreshed: whoever refreshes it writes that into its
// comment, in the same transaction, beside how long it is fresh for.

import type { CommentedView } from "./reading";

const seconds = { minute: 60, hour: 3_600, day: 86_400 } as const;

/** `fresh for 2 hours; refreshed 2026-01-31 08:00:00.123+00`, as PostgreSQL writes `now()`, anywhere in the comment. */
const said =
  /fresh for (\d+) (minute|hour|day)s?; refreshed (\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d(?:\.\d{1,6})?)(Z|[+-]\d\d(?::?\d\d)?)/;
/** What was meant to say so. */
const meant = /\bfresh for\b/;

/**
 * Whether a view is older than it may be at `now` (ms since the epoch). One whose comment begins to say so and can't be read
 * is stale too: a mistake in it must not be silence. One that says nothing is of no account.
 */
export function isStale({ comment }: CommentedView, now: number): boolean {
  const found = said.exec(comment);
  if (found === null) return meant.test(comment);
  const [, count = "", unit = "", day = "", time = "", zone = ""] = found;
  const refreshed = Date.parse(`${day}T${time.slice(0, 12)}${zoneOf(zone)}`);
  const fresh = Number(count) * seconds[unit as keyof typeof seconds] * 1_000;
  return Number.isNaN(refreshed) || now - refreshed > fresh;
}

/** PostgreSQL writes whole hours without minutes, and JavaScript doesn't read them. */
function zoneOf(zone: string): string {
  if (zone === "Z") return zone;
  return `${zone.slice(0, 3)}:${zone.slice(3).replace(":", "") || "00"}`;
}
