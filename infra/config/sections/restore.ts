import { isBackupId } from "../../backup/manifest";
import type { Facts } from "../draft";
import { section } from "../key";
import { flag, identifier, understood, type Identifier } from "../kinds";
import { remove, shown, type Problem } from "../problem";

declare const kind: unique symbol;
/** The id of a backup: its time in UTC and eight hexadecimal digits, as `npm run backups -- list` shows it. */
export type BackupId = string & { readonly [kind]: "backup id" };

/** Which backup serves in the place of the database, and what becomes of what it has replaced (docs/restore.md). */
export interface RestoreSettings {
  /** The backup to go back to. Default: none; taken out again, what was replaced comes back. */
  readonly from?: BackupId;
  /** Name of the new database until it serves. Default: {@link intoOf} says. */
  readonly into?: Identifier;
  /** The backup since which every write may be lost. Default: none, and nothing may. */
  readonly acceptLossSince?: BackupId;
  /** Is what was replaced dropped for good? Default: false. */
  readonly retire: boolean;
}

/** PostgreSQL cuts names off at this many bytes (NAMEDATALEN − 1); the names of databases here have plain characters. */
const longestName = 63;

/** Name of the database that a backup is restored into until it serves, such as `pages_restored_1a2b3c4d`. */
export function intoOf({ from = "", into }: { from?: string; into?: string }, database: string): string {
  const suffix = `_restored_${from.slice(-8)}`;
  return into ?? database.slice(0, longestName - suffix.length) + suffix;
}

const backupId = (about: { meaning: string; unset: string }) =>
  understood<BackupId>((found) => (typeof found === "string" && isBackupId(found) ? (found as BackupId) : undefined), {
    ...about,
    type: "id of a backup",
    allowed: "the id of a backup, as `npm run backups -- list` shows it, such as 2026-01-31T08-00-00.000Z-1a2b3c4d",
    example: "2026-01-31T08-00-00.000Z-1a2b3c4d",
  });

/** A config that asks for what isn't there must not look as if it had been done. */
const notHere = (meaning: string, allowed: string) =>
  understood<never>(() => undefined, { meaning, type: "none", allowed, unset: "none" }).optional();

export const restoreKeys = {
  restore: section(
    {
      from: backupId({
        meaning: "The backup that takes the place of the database; taken out again, what it has replaced comes back.",
        unset: "none",
      }).optional(),
      into: identifier({
        meaning: "Name of the new database until it serves.",
        example: "pages_restored",
        unset: "`<database.name>_restored_<the last 8 of the id>`",
      }).optional(),
      acceptLossSince: backupId({
        meaning: "The backup that is gone back to, where all that was written since may be missing afterwards.",
        unset: "none: nothing may be missing",
      }).optional(),
      retire: flag({
        meaning: "Is what a restore has replaced dropped for good? Then there is no way back to it.",
        example: "true",
      }).default(false),
      pointInTime: notHere(
        "A moment to go back to.",
        "nothing: a restore goes back to a backup (restore.from). On AWS, RDS itself makes another instance of a moment " +
          "(aws rds restore-db-instance-to-point-in-time); dump that one, and take over what is missing by hand",
      ),
      schema: notHere(
        "A part of the database to go back to.",
        "nothing: a restore is of the whole database. `npm run backups -- restore <id> --into <name> --schema <schema>` makes " +
          "another database of that schema, to take over from it what is missing (docs/backups.md)",
      ),
    },
    "Which backup takes the place of the database.",
  ).optional(),
};

/** What names the new database goes with what it is made from, and is not the one that serves. */
export function restoreRules({ draft: { restore, database }, has, found }: Facts): Problem[] {
  if (restore?.into === undefined) return [];
  const path = ["restore", "into"];
  if (!has(["restore", "from"]))
    return [
      {
        path,
        found: found(path),
        allowed: "nothing without restore.from: there is no new database then",
        ways: [[remove(path)]],
      },
    ];
  if (restore.into !== database?.name) return [];
  return [
    {
      path,
      found: shown(`"${restore.into}", the database that serves (database.name)`, "restore", "database"),
      allowed: "another name: a backup is never restored over a database",
      ways: [[remove(path)]],
    },
  ];
}
