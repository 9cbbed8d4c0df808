import { createHash } from "node:crypto";
import { COLOURS, compareVersions, sameRelease } from "./names";
import { decide, type Decision } from "./rules";
import { stagesOf, stepsTo } from "./schema-steps";
import type { Memory } from "./shift";
import type { BakePlan, Colour, Declared, Facts, Migration, PerColour, Release, Settled, Wiring } from "./types";

/** What a value was when something settled last, and what it is to be; null for none. */
interface FromTo<T> {
  readonly from: T | null;
  readonly to: T | null;
}

/** What config asks of a restore, beside the exception that the rules know of. */
export interface RestoreAsked {
  /** Id of the backup that is to serve. Default: none; what a restore has replaced comes back. */
  readonly from?: string;
  /** Id of the backup since which every write may be missing. Default: none. */
  readonly acceptLossSince?: string;
  /** Name of what was replaced and is to be dropped for good. Default: none. */
  readonly retire?: string;
}

/**
 * What an `up` would change in a rollout, from what settled last to what is declared; null for what stays. Attempts since
 * are left out: what broke off is taken up again as the same change.
 */
export interface Change {
  readonly weight: FromTo<number> | null;
  /** How it walks, where the weight changes. */
  readonly walk: BakePlan | null;
  readonly releases: PerColour<FromTo<Release> | null>;
  /** What runs of the schema, in order. */
  readonly steps: readonly (Pick<Migration, "version" | "name" | "phase" | "checksum"> & {
    readonly direction: "up" | "down";
  })[];
  readonly restore: (FromTo<string> & Omit<RestoreAsked, "from">) | null;
  readonly wiring: FromTo<Wiring> | null;
  /** Exceptions that are needed, as the keys and values that make them. */
  readonly exceptions: readonly string[];
  /** Applied migrations whose file is another now: the checksum of each, null where it is gone. */
  readonly edited: readonly { readonly version: string; readonly checksum: string | null }[];
}

const NOTHING: Pick<Facts, "applied" | "half"> = { applied: [], half: null };

/**
 * What an `up` of `declared` would change.
 * @param decision what the rules say of it, with everything that is remembered.
 */
export function changeOf(
  { settled, attempts }: Memory,
  declared: Declared,
  decision: Pick<Decision, "overrides">,
  restore: RestoreAsked = {},
): Change {
  const before: Memory = { settled, attempts: attempts.filter(({ id }) => id === settled?.id) };
  const { widen, narrow } = stagesOf(stepsTo(declared, settled ?? NOTHING), decide(before, declared).schema);
  const weight = fromTo(settled?.weight, declared.weight);
  return {
    weight,
    walk: weight === null ? null : declared.bake,
    releases: { blue: releaseChange("blue", settled, declared), green: releaseChange("green", settled, declared) },
    steps: [...widen, ...narrow].map(({ direction, migration: { version, name, phase, checksum } }) => ({
      ...{ direction, version, name, phase, checksum },
    })),
    restore: restoreChange(settled?.restored, restore),
    wiring: fromTo(settled?.wiring, declared.wiring),
    exceptions: [...new Set(decision.overrides.map(({ key }) => key))].sort(),
    edited: editedSince(settled?.applied ?? [], declared.migrations),
  };
}

/** Does the `up` do anything to a rollout, but for what a return does? An exception alone does nothing. */
export function asksForConfirmation(change: Change, { shifts }: Pick<Decision, "shifts">): boolean {
  const { weight, releases, steps, restore, wiring } = change;
  const advances = weight !== null && !isReturn(shifts);
  const others = [releases.blue, releases.green, restore, wiring].some((part) => part !== null);
  return advances || others || steps.length > 0;
}

/** Does the traffic only go back to where it was settled? */
export const isReturn = (shifts: Decision["shifts"]): boolean =>
  shifts.includes("return") && !shifts.includes("advance");

/** The first 64 bits of a SHA-256 in hexadecimal: the same for the same change, and for no other. */
export const digestOf = (change: Change): string =>
  createHash("sha256").update(canonical(change)).digest("hex").slice(0, 16);

/**
 * What an `up` would change, for a person: a line each.
 * @param returns does the traffic go back, and so without a walk?
 */
export function linesOf(change: Change, returns: boolean): string[] {
  const { weight, walk, releases, steps, restore, wiring, exceptions } = change;
  const walks = walk !== null && weight?.from !== null && !returns;
  return [
    ...(weight === null ? [] : [`greenWeight ${shown(weight)}${walks ? `, ${walked(walk)}` : ""}`]),
    ...COLOURS.flatMap((colour) => {
      const change = releases[colour];
      return change === null ? [] : [`${colour} ${shown({ from: named(change.from), to: named(change.to) })}`];
    }),
    ...steps.map(({ direction, version, name, phase }) => `migration ${version} ${name} (${phase}) ${direction}`),
    ...(restore === null ? [] : [`restored backup ${shown(restore)}${restore.retire === undefined ? "" : `, ${restore.retire} is dropped`}`]), // prettier-ignore
    ...(wiring === null ? [] : [`load balancer ${shown({ from: wires(wiring.from), to: wires(wiring.to) })}`]),
    ...exceptions.map((key) => `exception ${key}`),
  ];
}

const shown = ({ from, to }: FromTo<string | number>): string => `from ${from ?? "none"} to ${to ?? "none"}`;

const walked = ({ steps, bake, onInsufficient }: BakePlan): string =>
  `walking ${steps.join(", ")} %, ${bake / 1000} s each` +
  (onInsufficient === "advance" ? ", on also without having seen enough" : "");

const named = (release: Release | null): string | null =>
  release === null
    ? null
    : `${release.version} (schema ${release.schema}, count ${release.count}, ${release.fingerprint.slice(0, 8)})`;

const wires = (wiring: Wiring | null): string | null =>
  wiring === null ? null : [wiring.listener, wiring.targets.blue, wiring.targets.green].join(" ");

function fromTo<T>(from: T | undefined, to: T): FromTo<T> | null {
  return from !== undefined && canonical(from) === canonical(to) ? null : { from: from ?? null, to };
}

function releaseChange(colour: Colour, settled: Settled | undefined, declared: Declared): FromTo<Release> | null {
  const from = settled?.releases[colour] ?? null;
  const to = declared.releases[colour];
  return sameRelease(from, to) && from?.count === to?.count ? null : { from, to };
}

function restoreChange(
  restored: string | undefined,
  { from, acceptLossSince, retire }: RestoreAsked,
): Change["restore"] {
  if (restored === from && retire === undefined) return null;
  const accepted = acceptLossSince === undefined ? {} : { acceptLossSince };
  const dropped = retire === undefined ? {} : { retire };
  return { from: restored ?? null, to: from ?? null, ...accepted, ...dropped };
}

function editedSince(applied: readonly Migration[], files: readonly Migration[]): Change["edited"] {
  return applied.flatMap(({ version, checksum }) => {
    const file = files.find((each) => compareVersions(each.version, version) === 0);
    return file?.checksum === checksum ? [] : [{ version, checksum: file?.checksum ?? null }];
  });
}

/** JSON whatever the order of keys, and without those that hold nothing: the engine keeps neither. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (typeof part !== "object" || part === null || Array.isArray(part)) return part;
    const entries = Object.entries(part).filter(([, each]) => each !== null && each !== undefined);
    return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
