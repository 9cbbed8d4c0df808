import { snapshotOnLocal } from "../../backup/decisions";
import { milliseconds, type Milliseconds } from "../duration";
import type { Facts } from "../draft";
import { section } from "../key";
import { duration, integer, oneOf, size } from "../kinds";
import { remove, set, shown, type Problem } from "../problem";
import { bytes, type Bytes } from "../size";

/** How the database is backed up before its schema changes (docs/backups.md). */
export interface BackupSettings {
  /** Default: "dump". "snapshot" is of AWS alone. */
  readonly mode: "dump" | "snapshot";
  /** A larger database gets a snapshot of the platform in place of a dump. Default: 100Gi. */
  readonly dumpUpTo: Bytes;
  /** When a backup is also restored into a scratch database and compared. Default: "narrowing". */
  readonly drill: "narrowing" | "always" | "never";
  /** How old a verified backup may be that stands in for a new one before migrations that only add. Default: 1h. */
  readonly maxAge: Milliseconds;
  /** How old the newest may get before an `up` takes another, whatever is pending. Default: never by the clock. */
  readonly every?: Milliseconds | undefined;
  readonly keep: {
    /** How many of the newest verified ones stay, 1..1000. Default: 10. */
    readonly last: number;
    /** Days for which every one stays, 0..3650. Default: 30. */
    readonly days: number;
  };
  /** Days for which S3 keeps every version of what is in the store, 1..3650. Of AWS alone. Default: no lock. */
  readonly lockDays?: number | undefined;
}

const minute = milliseconds(60_000);
const hour = milliseconds(3_600_000);

const keep = section(
  {
    last: integer(1, 1000, "backups", {
      meaning: "How many of the newest verified backups stay.",
      example: "10",
    }).default(10),
    days: integer(0, 3650, "days", {
      meaning: "For how many days every backup stays.",
      example: "30",
    }).default(30),
  },
  "Which backups stay in the store.",
).prefault({});

export const backupKeys = {
  backup: section(
    {
      mode: oneOf(["dump", "snapshot"], {
        meaning: "Whether the database is dumped into the store, or its disk is copied by the platform.",
      }).default("dump"),
      dumpUpTo: size(bytes(2 ** 20), bytes(100 * 2 ** 40), {
        meaning: "Up to which size the database is dumped; above it a snapshot of the platform stands in.",
        example: "100Gi",
      }).default(bytes(100 * 2 ** 30)),
      drill: oneOf(["narrowing", "always", "never"], {
        meaning: "Before which steps a backup is also restored into a scratch database and compared.",
      }).default("narrowing"),
      maxAge: duration(minute, milliseconds(7 * 86_400_000), {
        meaning: "How old a verified backup may be that stands in for a new one before migrations that only add.",
        example: "1h",
      }).default(hour),
      every: duration(hour, milliseconds(365 * 86_400_000), {
        meaning: "How old the last backup may get before an `up` takes another, whatever is pending.",
        example: "1d",
        unset: "none by the clock",
      }).optional(),
      keep,
      lockDays: integer(1, 3650, "days", {
        meaning: "For how many days S3 keeps every version of what is in the store, whoever deletes it.",
        example: "30",
        unset: "no lock",
      }).optional(),
    },
    "How the database is backed up before its schema changes.",
  ).prefault({}),
};

/** Where only one platform has something, and where one key asks for what another one rules out. */
export function backupRules({ draft: { platform, backup } }: Facts): Problem[] {
  if (backup === undefined) return [];
  if (platform !== "local") return drillsNone(backup);
  return [
    ...(backup.mode === "snapshot"
      ? [
          {
            path: ["backup", "mode"],
            found: shown("snapshot", "backup", "platform"),
            allowed: `dump: ${snapshotOnLocal.replace(/;.*/, "")}`,
            ways: [[set(["backup", "mode"], "dump", "backup")]],
          },
        ]
      : []),
    ...(backup.lockDays !== undefined
      ? [
          {
            path: ["backup", "lockDays"],
            found: shown(String(backup.lockDays), "backup", "platform"),
            allowed: "nothing: on the local platform the store is a folder, which locks nothing",
            ways: [[remove(["backup", "lockDays"])]],
          },
        ]
      : []),
  ];
}

function drillsNone({ mode, drill = "narrowing" }: NonNullable<Facts["draft"]["backup"]>): Problem[] {
  if (mode !== "snapshot" || drill === "never") return [];
  return [
    {
      path: ["backup", "drill"],
      found: shown(drill, "backup"),
      allowed: "never: a snapshot can't be restored into a scratch database, so it can't show that it restores",
      ways: [[set(["backup", "drill"], "never", "backup")], [set(["backup", "mode"], "dump", "backup")]],
    },
  ];
}
