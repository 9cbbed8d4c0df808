import { isBackupId } from "../../backup/manifest";
import { isKeptName } from "../../backup/restore";
import { withSuffix } from "../../database/names";
import { section } from "../key";
import { identifier, understood, type Identifier } from "../kinds";
import { isMoment, momentDigits, type Moment } from "../moment";
import { tunnel, type TunnelSettings } from "./database";

declare const kind: unique symbol;
/** The id of a backup: its time in UTC and eight hexadecimal digits, as `npm run backups -- list` shows it. */
export type BackupId = string & { readonly [kind]: "backup id" };

/** The name of a database that a restore has replaced, such as `pages_kept_1a2b3c4d`. */
export type KeptName = string & { readonly [kind]: "name of a kept database" };

/** Which backup serves in the place of the database, and what becomes of what it has replaced (docs/restore.md). */
export interface RestoreSettings {
  /** The backup to go back to. Default: none; taken out again, what was replaced comes back. */
  readonly from?: BackupId;
  /** On AWS, the moment to go back to, in place of a backup. Default: none. */
  readonly pointInTime?: Moment;
  /** Name of the new database until it serves. Default: {@link intoOf} says. */
  readonly into?: Identifier;
  /** The backup or moment since which every write may be lost. Default: none, and nothing may. */
  readonly acceptLossSince?: BackupId | Moment;
  /** Name of what was replaced, dropped for good with all that was replaced before it. Default: none is. */
  readonly retire?: KeptName;
  /** How whoever runs `pulumi up` reaches the instance of that moment. Default: directly, from inside its network. */
  readonly via?: TunnelSettings | undefined;
}

/** What config calls what is to serve: the id of a backup, or a moment; undefined where it asks for neither. */
export const nameOf = ({ from, pointInTime }: Pick<RestoreSettings, "from" | "pointInTime"> = {}): string | undefined =>
  from ?? pointInTime;

interface Source {
  from?: string;
  pointInTime?: Moment;
  into?: string;
}

/**
 * Name of the database that a backup is restored into until it serves, such as `pages_restored_1a2b3c4d`, or
 * `pages_restored_20260131070000` of a moment.
 */
export function intoOf({ from = "", pointInTime, into }: Source, database: string): string {
  const digits = pointInTime === undefined ? from.slice(-8) : momentDigits(pointInTime);
  return into ?? withSuffix(database, `_restored_${digits}`);
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
        unset: "`<database.name>_restored_<the last 8 of the id, or the moment in UTC>`",
      }).optional(),
      acceptLossSince: understood<BackupId | Moment>(
        (found) =>
          (typeof found === "string" && isBackupId(found)) || isMoment(found)
            ? (found as BackupId | Moment)
            : undefined,
        {
          meaning:
            "The backup or moment that is gone back to, where all that was written since may be missing afterwards.",
          type: "id of a backup, or moment",
          allowed: "what is gone back to: the id of a backup, or restore.pointInTime as it is written there",
          example: "2026-01-31T08-00-00.000Z-1a2b3c4d",
          unset: "none: nothing may be missing",
        },
      ).optional(),
      retire: understood<KeptName>(
        (found) => (typeof found === "string" && isKeptName(found) ? (found as KeptName) : undefined),
        {
          meaning:
            "The name of what a restore has replaced: it is dropped for good, and all that was replaced before it. Then there is " +
            "no way back to it.",
          type: "name of a kept database",
          allowed:
            "the name of a database that a restore has kept, as the `pulumi up` has said it that replaced it, such as " +
            "pages_kept_1a2b3c4d",
          example: "pages_kept_1a2b3c4d",
          unset: "none",
        },
      ).optional(),
      pointInTime: understood<Moment>((found) => (isMoment(found) ? found : undefined), {
        meaning: "On AWS, the moment that the database goes back to, in place of a backup (`from`).",
        type: "moment",
        allowed:
          "a moment to the second, with its zone, in ISO 8601, such as 2026-01-31T08:00:00+01:00 or 2026-01-31T07:00:00Z",
        example: "2026-01-31T08:00:00+01:00",
        unset: "none",
      }).optional(),
      via: tunnel(
        "Host of the near end of a tunnel to the instance of that moment.",
        "The near end of a tunnel to the instance of `pointInTime`, where there is one to the database (`database.via`).",
      ).optional(),
      schema: notHere(
        "A part of the database to go back to.",
        "nothing: a restore is of the whole database. `npm run backups -- restore <id> --into <name> --schema <schema>` makes " +
          "another database of that schema, to take over from it what is missing (docs/backups.md)",
      ),
    },
    "Which backup takes the place of the database.",
  ).optional(),
};
