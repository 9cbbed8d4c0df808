import { hours, type Day } from "./day";
import type { Firing } from "./firing";

/** An alarm that fired in a day. */
export interface Fired {
  readonly name: string;
  /** As CloudWatch has it: what it means, and what to do. */
  readonly description?: string;
  readonly firing: Firing;
}

/** A message about a day, as a person reads it. */
export interface Message {
  /** ASCII, below 100 characters. */
  readonly subject: string;
  readonly text: string;
  /** The same for Slack, whose sections take 3,000 characters (Slack's reference of Block Kit). */
  readonly short: string;
}

/**
 * Bytes of the text. SNS takes 262,144 of a whole message (its quotas), in which each quote and line break is two, and which has
 * the short text in it too.
 */
const longest = 100_000;
const longestShort = 3_000;

const minute = 60_000;

/**
 * @param base how the names of the stack begin
 * @param fired at least one
 */
export function messageOf(base: string, { from, to }: Day, fired: readonly Fired[]): Message {
  const sorted = fired.toSorted((a, b) => rank(b) - rank(a) || b.firing.together - a.firing.together);
  const still = fired.filter(({ firing }) => firing.end === "fires").length;
  const head = `Alarms of severity low of ${base} that fired from ${moment(from)} to ${moment(to)} (UTC):`;
  const entries = sorted.map(entry);
  return {
    subject: `${base}: ${fired.length} low ${fired.length === 1 ? "alarm" : "alarms"} fired, ${still} still firing`,
    text: within(longest, [head, ...entries], base),
    short: within(longestShort, [head, ...entries], base),
  };
}

const rank = ({ firing }: Fired): number => (firing.end === "fires" ? 1 : 0);

function entry({ name, description, firing }: Fired): string {
  const meaning = (description ?? "").split(" Missing figures: ")[0] ?? "";
  return [`${name} ${how(firing)}`, ...(meaning === "" ? [] : [`  ${meaning}`])].join("\n");
}

/** "fired 3 times, the first at …, the last at …, for 1 h 25 min together. It is over." */
function how({ times, first, last, already, together, end }: Firing): string {
  const often = times === 1 ? "once" : `${times} times`;
  const when =
    first === undefined ? "" : times === 1 ? `, at ${moment(first)}` : `, the first at ${moment(first)}, the last at ${moment(last ?? first)}`; // prettier-ignore
  const before =
    already === undefined ? "" : `had fired since ${already.since === undefined ? "before CloudWatch's history begins" : moment(already.since)}`; // prettier-ignore
  const anew = times === 0 ? "" : before === "" ? `fired ${often}${when}` : `, and began again ${often}${when}`;
  const long = times + (already === undefined ? 0 : 1) > 1 ? `${duration(together)} together` : duration(together);
  const ends = { fires: "It fires still.", over: "It is over.", gone: "The alarm itself was taken away since." };
  return `${before}${anew}: for ${long}${already === undefined ? "" : " of that time"}. ${ends[end]}`;
}

/** "2026-01-31 08:00" */
const moment = (at: number): string => new Date(at).toISOString().slice(0, 16).replace("T", " ");

function duration(milliseconds: number): string {
  if (milliseconds < minute) return "less than a minute";
  const [h, min] = [Math.floor(milliseconds / hours), Math.floor((milliseconds % hours) / minute)];
  return [...(h > 0 ? [`${h} h`] : []), ...(min > 0 ? [`${min} min`] : [])].join(" ");
}

/** As many of the parts as there is room for, and how many there is none for. */
function within(limit: number, parts: readonly string[], base: string): string {
  const room = limit - Buffer.byteLength(left(parts.length, base));
  let length = 0;
  const fitting = parts.findIndex((part) => (length += Buffer.byteLength(part) + 2) > room);
  if (fitting === -1) return parts.join("\n\n");
  return [...parts.slice(0, fitting), left(parts.length - fitting, base)].join("\n\n");
}

const left = (count: number, base: string): string =>
  `${count} more, for which there is no room here: see the alarms of ${base} in CloudWatch.`;
