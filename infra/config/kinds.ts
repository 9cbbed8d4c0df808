import { z } from "zod";
import { formatDuration, parseDuration, type Milliseconds } from "./duration";
import { keyInfo, type KeyInfo } from "./key";
import { formatSize, parseSize, type Bytes } from "./size";

declare const kind: unique symbol;

/** An unquoted PostgreSQL identifier: lower case, at most 63 bytes. */
export type Identifier = string & { readonly [kind]: "identifier" };
/** The version of a release, such as "1.4.0" or "2026-02-01.3". */
export type ReleaseVersion = string & { readonly [kind]: "release version" };
/** The number at the start of a migration file's name, such as "0006", zeros included. */
export type MigrationVersion = string & { readonly [kind]: "migration version" };

/** What a section says about a key of a given kind; the kind itself adds type and range. */
export type About = Pick<KeyInfo, "meaning" | "unset"> & { readonly example?: string };

/**
 * Reads an integer that is written out plainly: "25" or 25, never "1e2", "0x10", "25.0", " 25", "025" or "-0".
 * @returns undefined for anything else, and beyond ±(2^53-1).
 */
export function plainInteger(found: unknown): number | undefined {
  if (typeof found === "number") return Number.isSafeInteger(found) && !Object.is(found, -0) ? found : undefined;
  if (typeof found !== "string" || !/^(0|-?[1-9][0-9]*)$/.test(found)) return undefined;
  const value = Number(found);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** A key whose value `read` understands; whatever it returns undefined for is a problem, described by `info.allowed`. */
export function understood<T>(read: (found: unknown) => T | undefined, info: KeyInfo) {
  return z
    .unknown()
    .refine((found) => found !== undefined, { abort: true })
    .transform((found, context): T => {
      const value = read(found);
      if (value !== undefined) return value;
      context.addIssue({ code: "custom" });
      return z.NEVER;
    })
    .register(keyInfo, info);
}

/** An integer from `min` to `max`, both included. `what` says what is counted, with its unit. */
export function integer(min: number, max: number, what: string, about: About) {
  return understood(
    (found) => {
      const value = plainInteger(found);
      return value !== undefined && value >= min && value <= max ? value : undefined;
    },
    { example: String(min), ...about, type: "integer", allowed: `an integer from ${min} to ${max} (${what})` },
  );
}

/** One of a few integers. */
export function integerOf<const T extends number>(values: readonly T[], about: About) {
  const allowed = `${values.slice(0, -1).join(", ")} or ${String(values.at(-1))}`;
  return understood((found) => values.find((value) => value === plainInteger(found)), {
    example: String(values[0]),
    ...about,
    type: "integer",
    allowed,
  });
}

/**
 * A TCP port. Ports below 1024 are refused: they need rights that neither a user's own processes nor a container's have,
 * and a stack that works as root only would be found out on the second machine.
 */
export function port(about: About) {
  return integer(1024, 65_535, "a TCP port that needs no special rights", { example: "8080", ...about });
}

/** true or false, also in quotes, as `pulumi config set` without --path writes them. */
export function flag(about: About) {
  return understood((found) => [true, false].find((value) => found === value || found === String(value)), {
    example: "false",
    ...about,
    type: "boolean",
    allowed: "true or false",
  });
}

/** One of a few words. */
export function oneOf<const T extends string>(words: readonly [T, ...T[]], about: Pick<About, "meaning">) {
  return z.enum(words).register(keyInfo, {
    ...about,
    type: words.map((word) => `\`${word}\``).join(" or "),
    allowed: words.join(" or "),
    example: words[0],
  });
}

/** A duration from `min` to `max`, both included. */
export function duration(min: Milliseconds, max: Milliseconds, about: About) {
  return understood<Milliseconds>(
    (found) => {
      const value = typeof found === "string" ? parseDuration(found) : undefined;
      return value !== undefined && value >= min && value <= max ? value : undefined;
    },
    {
      example: formatDuration(min),
      ...about,
      type: "duration",
      allowed: `a duration from ${formatDuration(min)} to ${formatDuration(max)}, written like 250ms, 90s, 10m or 1h30m`,
      format: formatDuration,
    },
  );
}

/** From where to where a number goes; a bound that is itself left out is `above` or `below`. */
export type Range = ({ readonly above: number } | { readonly from: number }) &
  ({ readonly below: number } | { readonly to: number });

/** A number written out plainly, with or without a fraction: "0.001" or 0.001, never "1e-3", ".5" or "1,5". */
export function decimal(range: Range, what: string, about: About & { example: string }) {
  const low = "above" in range ? `above ${range.above}` : `from ${range.from}`;
  const high = "below" in range ? `and below ${range.below}` : "above" in range ? `and up to ${range.to}` : `to ${range.to}`; // prettier-ignore
  return understood(
    (found) => {
      const value = plainDecimal(found);
      if (value === undefined) return undefined;
      const isAbove = "above" in range ? value > range.above : value >= range.from;
      const isBelow = "below" in range ? value < range.below : value <= range.to;
      return isAbove && isBelow ? value : undefined;
    },
    { ...about, type: "number", allowed: `a number ${low} ${high} (${what}), written like ${about.example}` },
  );
}

/** Reads a plainly written number of at most 15 digits, which JavaScript holds exactly as written. */
function plainDecimal(found: unknown): number | undefined {
  // readJson hands over numbers that are no integers as symbols that hold them as written.
  const text = typeof found === "symbol" ? found.description : typeof found === "number" ? String(found) : found;
  if (typeof text !== "string" || !/^(0|[1-9][0-9]*)(\.[0-9]+)?$/.test(text)) return undefined;
  return text.replace(".", "").length <= 15 ? Number(text) : undefined;
}

/** A size from `min` to `max`, both included. */
export function size(min: Bytes, max: Bytes, about: About) {
  return understood<Bytes>(
    (found) => {
      const value = typeof found === "string" ? parseSize(found) : plainInteger(found);
      return value !== undefined && value >= min && value <= max ? (value as Bytes) : undefined;
    },
    {
      example: formatSize(min),
      ...about,
      type: "size",
      allowed: `a size from ${formatSize(min)} to ${formatSize(max)}, written like 512Mi, 20Gi, 1Ti or in bytes`,
      format: formatSize,
    },
  );
}

/** Text that `pattern` matches; `T` is what the text is known to be from then on. */
export function text<T extends string>(
  pattern: RegExp,
  type: string,
  allowed: string,
  about: About & { example: string },
) {
  return understood((found) => (typeof found === "string" && pattern.test(found) ? (found as T) : undefined), {
    ...about,
    type,
    allowed,
  });
}

/**
 * A PostgreSQL identifier: lower case, so that it never needs quotes; at most 63 bytes, since PostgreSQL cuts longer ones
 * off silently (NAMEDATALEN - 1).
 */
export function identifier(about: About & { example: string }) {
  return text<Identifier>(
    /^[a-z_][a-z0-9_]{0,62}$/,
    "identifier",
    "a PostgreSQL identifier: a-z, 0-9 and _, at most 63 bytes, not starting with a digit",
    about,
  );
}

/** A release version: what a container tag and a file name can hold alike. */
export function releaseVersion(about: About & { example: string }) {
  return text<ReleaseVersion>(
    /^[0-9A-Za-z][0-9A-Za-z.+_-]{0,127}$/,
    "version",
    "1 to 128 of A-Z, a-z, 0-9 and . + _ -, starting with a letter or digit; in YAML 1.10 needs quotes, or it becomes 1.1",
    about,
  );
}

const migration = /^[0-9]{4,18}$/;

/** Is this the version of a migration: 4 to 18 digits? */
export const isMigrationVersion = (found: unknown): found is MigrationVersion =>
  typeof found === "string" && migration.test(found);

/** A migration version: 4 digits for numbered files, 14 for those named after a time, 18 at most, as the files have them. */
export function migrationVersion(about: About & { example: string }) {
  return text<MigrationVersion>(migration, "migration", `4 to 18 digits, ${quotesNeeded}`, about);
}

/** A migration version, or the word "latest". */
export function migrationTarget(about: About & { example: string }) {
  return understood(
    (found): "latest" | MigrationVersion | undefined =>
      found === "latest" || isMigrationVersion(found) ? found : undefined,
    { ...about, type: "`latest` or migration", allowed: `latest, or 4 to 18 digits, ${quotesNeeded}` },
  );
}

const quotesNeeded = "the number of a migration file, such as 0006; in YAML it needs quotes, or its zeros are lost";
