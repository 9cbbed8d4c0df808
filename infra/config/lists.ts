import { z } from "zod";
import { keyInfo, type KeyInfo } from "./key";
import { isMigrationVersion, plainInteger, type About, type MigrationVersion } from "./kinds";
import { remove, set, type IssueDetails, type Path } from "./problem";
import { compareVersions } from "./version";

/** What makes a list: how one value of it is read, and what was probably meant where it can't be. */
interface Values<T extends string | number> {
  readonly read: (found: unknown) => T | undefined;
  readonly meant?: (found: unknown) => T | undefined;
  readonly mayBeEmpty: boolean;
  /** The list, or the nearest one, that holds together as a whole. */
  readonly arrange: (values: readonly T[]) => readonly T[];
}

/**
 * A key that holds a list. One that isn't right is a single problem, whatever is wrong with how many of its values: the
 * commands write the whole list anew, as positions change when a value is taken out.
 */
function list<T extends string | number>(values: Values<T>, info: KeyInfo & Required<Pick<KeyInfo, "items">>) {
  return z
    .unknown()
    .refine((found) => found !== undefined, { abort: true })
    .transform((found, context): readonly T[] => {
      const read = Array.isArray(found) ? found.map(values.read) : [undefined];
      const whole = read.filter((value) => value !== undefined);
      const right = values.arrange(whole);
      const there = read.length > 0 || values.mayBeEmpty;
      if (there && whole.length === read.length && sameValues(whole, right)) return whole;
      context.addIssue({ code: "custom", params: { details: wrongList(found, values, info) } });
      return z.NEVER;
    })
    .register(keyInfo, info);
}

const sameValues = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((value, at) => value === b[at]);

function wrongList<T extends string | number>(found: unknown, values: Values<T>, info: KeyInfo): IssueDetails {
  const given: unknown[] = Array.isArray(found) ? found : [found];
  const nearest = given.map((value) => values.read(value) ?? values.meant?.(value));
  const changed = nearest.find((value, at) => value !== undefined && value !== given[at] && typeof value === "string");
  const right = values.arrange(nearest.filter((value) => value !== undefined));
  return {
    allowed: info.allowed,
    ...(changed === undefined ? {} : { remark: `did you mean "${changed}"?` }),
    ways: (path) => [[remove(path), ...right.map((value, at) => set(element(path, at), value, path[0] ?? ""))]],
  };
}

const element = (path: Path, at: number): Path => [...path, String(at)];

/** Versions of migrations, none twice; they compare as numbers, so that 0007 and 00007 are the same one. */
export function migrationVersions(about: Pick<About, "meaning">) {
  return list<MigrationVersion>(
    {
      read: (found) => (isMigrationVersion(found) ? found : undefined),
      meant: versionMeant,
      mayBeEmpty: true,
      arrange: (versions) =>
        versions.filter((version, at) => at === versions.findIndex((other) => compareVersions(other, version) === 0)),
    },
    {
      ...about,
      type: "list of migrations",
      items: { type: "text", examples: ["0007"] },
      allowed:
        "a list of numbers of migration files, none twice, each 4 to 18 digits such as 0007; in YAML each needs quotes, or its zeros are lost",
      unset: "none",
    },
  );
}

/** YAML makes 7 of 0007 where it isn't in quotes, and a hand leaves the zeros out. */
function versionMeant(found: unknown): MigrationVersion | undefined {
  if (typeof found !== "number" && typeof found !== "string") return undefined;
  const padded = String(found).padStart(4, "0");
  return found !== "" && isMigrationVersion(padded) ? padded : undefined;
}

/** Shares of a walk in percent: rising, from 1, and the last is 100. */
export function shares(about: Pick<About, "meaning">, examples: readonly number[]) {
  return list<number>(
    {
      read: (found) => {
        const share = plainInteger(found);
        return share !== undefined && share >= 1 && share <= 100 ? share : undefined;
      },
      mayBeEmpty: false,
      arrange: (given) => (given.length === 0 ? [] : [...new Set([...given, 100])].sort((a, b) => a - b)),
    },
    {
      ...about,
      type: "list of integers",
      items: { type: "integer", examples: examples.map(String) },
      allowed: "a list of rising integers from 1 to 100 (percent), the last of them 100",
      format: (given: readonly number[]) => given.join(", "),
    },
  );
}

/** Texts of one form, none twice. `type` and `allowed` are the docs' words for the whole list. */
export function texts<T extends string>(
  pattern: RegExp,
  type: string,
  allowed: string,
  {
    examples,
    atLeast = 0,
    unset,
    ...about
  }: Pick<About, "meaning" | "unset"> & { examples: readonly string[]; atLeast?: 0 | 1 },
) {
  return list<T>(
    {
      read: (found) => (typeof found === "string" && pattern.test(found) ? (found as T) : undefined),
      mayBeEmpty: atLeast === 0,
      arrange: (given) => (given.length < atLeast ? (examples as readonly T[]) : [...new Set(given)]),
    },
    {
      ...about,
      type,
      items: { type: "text", examples },
      allowed,
      ...(atLeast === 0 ? { unset: unset ?? "none" } : unset === undefined ? {} : { unset }),
    },
  );
}
