import { compareVersions, versionKey } from "../config/version";
import type { Colour, Release, SchemaStep, StepName } from "./types";

/** Both colours, blue first. */
export const COLOURS = ["blue", "green"] as const satisfies readonly Colour[];

export const otherColour = (colour: Colour): Colour => (colour === "blue" ? "green" : "blue");

/** The percent of new requests that a colour gets. */
export const shareOf = (colour: Colour, greenWeight: number): number =>
  colour === "green" ? greenWeight : 100 - greenWeight;

export { compareVersions, versionKey };

/** Is this version among those? As numbers: "00007" is 0007. */
export const isAmong = (versions: readonly string[], version: string): boolean =>
  versions.some((other) => compareVersions(other, version) === 0);

/** Is it the same release, whatever its count? */
export function sameRelease(a: Release | null, b: Release | null): boolean {
  if (a === b) return true;
  return (
    a !== null &&
    b !== null &&
    a.version === b.version &&
    a.schema === b.schema &&
    a.fingerprint === b.fingerprint &&
    a.database === b.database
  );
}

/** Has it copies that run? */
export const isRunning = (release: Release | null): release is Release => release !== null && release.count > 0;

export const nameOf = ({ migration, direction }: SchemaStep): StepName => `${migration.version} ${direction}`;

/** Keeps the first of those that `key` can't tell apart. */
export function distinct<T>(items: Iterable<T>, key: (item: T) => string): T[] {
  const seen = new Map<string, T>();
  for (const item of items) {
    const name = key(item);
    if (!seen.has(name)) seen.set(name, item);
  }
  return [...seen.values()];
}
