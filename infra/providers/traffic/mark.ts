import { hostname } from "node:os";
import { identify, isRunning, type ProcessRef } from "../../platform/local/process/identity";
import { walkTags } from "./tags";

/** What a walk has written on the listener, for others to know it by. */
export interface WalkMark {
  /** Whole content of the tag `switchyard-walk`. */
  readonly id: string;
  /** When it began; undefined when the id doesn't say. */
  readonly since: Date | undefined;
  /** The green weight that it began at, and that it is to. */
  readonly from: number | undefined;
  readonly to: number | undefined;
  /** Which process walks; undefined when the tag can't be read. */
  readonly owner: { readonly host: string; readonly process: ProcessRef } | undefined;
  /** When it last looked. */
  readonly beat: Date | undefined;
}

/**
 * A walk on another machine can't be looked at. One that hasn't looked for so long has missed 60 beats, and if it ever
 * goes on, it finds that the weights are no longer its own.
 */
const silentMs = 600_000;

/** Tags with no walk in them. */
export const noWalk: Readonly<Record<string, null>> = Object.fromEntries(
  Object.values(walkTags).map((key) => [key, null]),
);

/** Names a walk by the attempt that it is part of and the moment at which it begins. */
export const walkIdOf = (attempt: string, now: number): string => `${attempt}@${new Date(now).toISOString()}`;

/** This process, as the owner tag has it. */
export function thisOwner(): string {
  const self = identify(process.pid);
  if (self === undefined) throw new Error("this process can't be told from others: its start can't be read");
  return `${hostname()}/${self.pid}/${self.startedAt}`;
}

/** The walk that is on the listener; undefined when there is none. */
export function markIn(tags: Readonly<Record<string, string>>): WalkMark | undefined {
  const id = tags[walkTags.walk];
  if (id === undefined) return undefined;
  return {
    id,
    since: dateIn(id.slice(id.indexOf("@") + 1)),
    from: weightIn(tags[walkTags.from]),
    to: weightIn(tags[walkTags.to]),
    owner: ownerIn(tags[walkTags.owner]),
    beat: dateIn(tags[walkTags.beat]),
  };
}

/** Whether a walk has surely ended without taking its mark away. */
export function isLeftBehind({ owner, beat }: WalkMark, now: number): boolean {
  if (owner?.host === hostname()) return !isRunning(owner.process);
  return beat !== undefined && now - beat.getTime() > silentMs;
}

/** Who walks, for a message: host, process and since when. */
export function describe({ id, owner, since, from, to }: WalkMark): string {
  const who =
    owner === undefined
      ? `by nobody who can be read (tag ${walkTags.owner})`
      : `${owner.host}, process ${owner.process.pid}`;
  const way = from === undefined || to === undefined ? "" : ` from greenWeight ${from} to ${to}`;
  return `walk ${id}${way} (${who}${since === undefined ? "" : `, since ${since.toISOString()}`})`;
}

function ownerIn(tag: string | undefined): WalkMark["owner"] {
  const [host, pid, ...start] = (tag ?? "").split("/");
  if (host === undefined || host === "" || !/^\d+$/.test(pid ?? "") || start.length === 0) return undefined;
  return { host, process: { pid: Number(pid), startedAt: start.join("/") } };
}

function weightIn(tag: string | undefined): number | undefined {
  return tag !== undefined && /^(100|\d{1,2})$/.test(tag) ? Number(tag) : undefined;
}

function dateIn(text: string | undefined): Date | undefined {
  const date = new Date(text ?? NaN);
  return Number.isNaN(date.getTime()) ? undefined : date;
}
