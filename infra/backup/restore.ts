import { z } from "zod";
import { longestName, withSuffix } from "../database/names";
import type { Contents } from "./contents";

/** What a comment on a database says: that a restore has made it, or has replaced it. The server itself knows what is done. */
const restored = "Switchyard: restored from the backup ";
const kept = "Switchyard: kept as it was when another database took its place; ";

/**
 * Of a database that a restore has made, verified.
 * @param digest of the backup's manifest
 * @param schema that alone is in it. @default it is whole
 */
export const restoredMark = (id: string, digest: string, schema?: string): string =>
  `${restored}${id} (${digest})${schema === undefined ? "" : `, its schema ${schema} alone`}`;

/** Id of the backup that a database was restored from; undefined where it was not. */
export const restoredFrom = (comment: string | null): string | undefined =>
  comment?.startsWith(restored) === true ? comment.slice(restored.length).split(" ")[0] : undefined;

const keptShape = z.object({
  /** Name under which it served. */
  database: z.string(),
  /** Id of the backup that took its place; empty where what had been kept came back. */
  by: z.string(),
  /** Id of the backup that was taken of it right before; empty where it held nothing. */
  backup: z.string(),
  /** When, ISO 8601 in UTC. */
  at: z.iso.datetime(),
  /** Its own comment of before: it gets that back with its name. */
  comment: z.string().nullable(),
});

/** What is known of a database that another one has replaced. */
export type Kept = Readonly<z.output<typeof keptShape>>;

/** Of a database that another one has replaced. */
export const keptMark = (known: Kept): string => `${kept}${JSON.stringify(known)}`;

/** What a database's comment says of how it was replaced; undefined for any that was not. */
export function keptAs(comment: string | null): Kept | undefined {
  if (comment?.startsWith(kept) !== true) return undefined;
  try {
    return keptShape.parse(JSON.parse(comment.slice(kept.length)));
  } catch {
    // A mark that somebody has edited is none: nothing is dropped, or brought back, because of it.
    return undefined;
  }
}

/**
 * The name of a database once another one has replaced it, such as `pages_kept_1a2b3c4d`.
 * @param id of the backup that was taken right before, or else of what replaces it; its random digits make the name one of
 *   its own
 */
export const keptName = (database: string, id: string): string => withSuffix(database, `_kept_${id.slice(-8)}`);

/** Whether {@link keptName} gives such names. */
export const isKeptName = (name: string): boolean =>
  name.length <= longestName && /^[a-z_][a-z0-9_]*_kept_[0-9a-f]{8}$/.test(name);

/** What was written to one table, or to the large objects, since a backup. */
export interface Written {
  readonly what: string;
  /** Rows in the backup and now; undefined where there is no such table. */
  readonly before: number | undefined;
  readonly now: number | undefined;
}

/** Our own history of migrations: what the schema is says the backup's manifest, and no service writes it. */
const isOurs = (table: string): boolean => table.startsWith("switchyard.");

/**
 * What differs from a backup, table by table: it is not in a database restored from it. A table with as many rows as
 * before is among them where their values differ. Sequences alone are no rows; those that moved had rows to number.
 */
export function writtenSince(backup: Contents, now: Contents): Written[] {
  const names = [...new Set([...Object.keys(backup.tables), ...Object.keys(now.tables)])].sort();
  const tables = names
    .filter((name) => !isOurs(name) && !same(backup.tables[name], now.tables[name]))
    .map((name) => ({ what: `table ${name}`, before: backup.tables[name]?.rows, now: now.tables[name]?.rows }));
  const [large, found] = [backup.largeObjects, now.largeObjects];
  return large.count === found.count && large.checksum === found.checksum
    ? tables
    : [...tables, { what: "large objects", before: large.count, now: found.count }];
}

interface Figures {
  readonly rows: number;
  readonly checksum: string;
}

const same = (a: Figures | undefined, b: Figures | undefined): boolean =>
  a?.rows === b?.rows && a?.checksum === b?.checksum;

/** One line for a person: "table public.notes: 503 in the backup, 510 now". */
export function describeWritten({ what, before, now }: Written): string {
  if (before === undefined) return `${what}: not in the backup, ${now ?? 0} now`;
  if (now === undefined) return `${what}: ${before} in the backup, not there now`;
  return before === now
    ? `${what}: ${now} as in the backup, with other values`
    : `${what}: ${before} in the backup, ${now} now`;
}
