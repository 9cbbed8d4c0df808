/** What a table holds, in figures: alike exactly when the rows are, but for their order. */
export interface TableContents {
  readonly rows: number;
  /** Sum of a 64-bit hash of each row's text, in decimal. */
  readonly checksum: string;
}

/** Where a sequence stands; a bigint, so in decimal. */
export interface SequencePosition {
  readonly last: string;
  /** Whether `last` was given out: the next value is the one after it. */
  readonly called: boolean;
}

/**
 * A sequence belongs to no snapshot: pg_dump reads it at some moment between these two. Where nobody uses it, or in a
 * database that nobody writes to, both are the same.
 */
export interface SequenceContents {
  readonly before: SequencePosition;
  readonly after: SequencePosition;
}

/** What a database holds, in figures that fit into a manifest. Names are as a statement writes them, schema included. */
export interface Contents {
  /** Ordinary tables and leaf partitions: each row is counted once, where it lies. */
  readonly tables: Readonly<Record<string, TableContents>>;
  readonly sequences: Readonly<Record<string, SequenceContents>>;
  /** Materialised views: SHA-256 of the definition. A restore computes their rows anew, so those are not compared. */
  readonly views: Readonly<Record<string, string>>;
  readonly largeObjects: { readonly count: number; readonly checksum: string };
}

/** What a schema has of them: large objects are the database's. */
export const noLargeObjects: Contents["largeObjects"] = { count: 0, checksum: "0" };

export interface CompareOptions {
  /** Another major may write the definition of the same view differently: then only its name is compared. @default true */
  readonly sameMajor?: boolean;
}

/**
 * How what was found differs from what was expected, a line each; empty where nothing does. What is there besides, such as
 * what an extension made, is a difference too.
 */
export function compareContents(
  expected: Contents,
  found: Contents,
  { sameMajor = true }: CompareOptions = {},
): string[] {
  const large = found.largeObjects;
  return [
    ...each("table", expected.tables, found.tables, tableDifference),
    ...each("sequence", expected.sequences, found.sequences, sequenceDifference),
    ...each("materialised view", expected.views, found.views, (a, b) =>
      !sameMajor || a === b ? undefined : "another definition",
    ),
    ...(large.count !== expected.largeObjects.count
      ? [`large objects: ${large.count}, expected ${expected.largeObjects.count}`]
      : large.checksum !== expected.largeObjects.checksum
        ? [`large objects: ${large.count} as expected, but with other bytes`]
        : []),
  ];
}

function each<T>(
  kind: string,
  expected: Readonly<Record<string, T>>,
  found: Readonly<Record<string, T>>,
  difference: (expected: T, found: T) => string | undefined,
): string[] {
  const names = [...new Set([...Object.keys(expected), ...Object.keys(found)])].sort();
  return names.flatMap((name) => {
    const [wanted, there] = [expected[name], found[name]];
    if (there === undefined) return [`${kind} ${name}: missing`];
    if (wanted === undefined) return [`${kind} ${name}: not expected`];
    const what = difference(wanted, there);
    return what === undefined ? [] : [`${kind} ${name}: ${what}`];
  });
}

function tableDifference(expected: TableContents, found: TableContents): string | undefined {
  if (found.rows !== expected.rows) return `${found.rows} rows, expected ${expected.rows}`;
  return found.checksum === expected.checksum ? undefined : `${found.rows} rows as expected, but with other values`;
}

const show = ({ last, called }: SequencePosition): string => `${last}${called ? "" : " (not given out)"}`;
const same = (a: SequencePosition, b: SequencePosition): boolean => a.last === b.last && a.called === b.called;

function sequenceDifference({ before, after }: SequenceContents, found: SequenceContents): string | undefined {
  const there = found.before;
  if (same(before, after)) return same(before, there) ? undefined : `at ${show(there)}, expected ${show(before)}`;
  const [low, high] = [BigInt(before.last), BigInt(after.last)].sort((a, b) => (a < b ? -1 : 1)) as [bigint, bigint];
  const last = BigInt(there.last);
  if (last >= low && last <= high) return undefined;
  return `at ${show(there)}, expected from ${show(before)} to ${show(after)}`;
}

/**
 * What of it lies in one schema; large objects lie in none. Names are as a statement writes them, so the schema is quoted
 * in them or not.
 */
export function ofSchema({ tables, sequences, views }: Contents, schema: string): Contents {
  const starts = [`${schema}.`, `"${schema.replaceAll('"', '""')}".`];
  const own = <T>(all: Readonly<Record<string, T>>): Record<string, T> =>
    Object.fromEntries(Object.entries(all).filter(([name]) => starts.some((start) => name.startsWith(start))));
  return { tables: own(tables), sequences: own(sequences), views: own(views), largeObjects: noLargeObjects };
}
