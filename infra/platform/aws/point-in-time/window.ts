import { asked, clientOf } from "../sdk";
import type { RdsAddress } from "../snapshot";

/** From when to when RDS can restore an instance, both included; undefined where it says nothing of that end. */
export interface RestoreWindow {
  readonly earliest: Date | undefined;
  /** About five minutes ago: RDS keeps the log of what was written in pieces of that length. */
  readonly latest: Date | undefined;
}

/**
 * Asks RDS how far back an instance can be restored: its automated backups know both ends, the instance only the later one.
 * @returns undefined where there is no such instance, or it has no automated backups
 * @throws AwsFailed
 */
export async function restoreWindow({ connection, instance }: RdsAddress): Promise<RestoreWindow | undefined> {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- loaded when used
  const sdk = require("@aws-sdk/client-rds") as typeof import("@aws-sdk/client-rds");
  const { DBInstanceAutomatedBackups = [] } = await asked(
    connection,
    { action: "rds:DescribeDBInstanceAutomatedBackups", on: `instance ${instance}` },
    () =>
      clientOf(connection, ["rds"], (settings) => new sdk.RDSClient(settings)).send(
        new sdk.DescribeDBInstanceAutomatedBackupsCommand({ DBInstanceIdentifier: instance }),
      ),
  );
  // An instance of that name that was deleted may have left some, too.
  const own = DBInstanceAutomatedBackups.find(({ Status }) => Status === "active");
  if (own === undefined) return undefined;
  return { earliest: own.RestoreWindow?.EarliestTime, latest: own.RestoreWindow?.LatestTime };
}

/** Why RDS can't go back to that moment; undefined where nothing speaks against it. @param now Unix time in ms */
export function whyNotAt(
  at: string,
  window: RestoreWindow | undefined | "not asked",
  instance: string,
  now: number,
): string | undefined {
  const moment = Date.parse(at);
  const found = `restore.pointInTime is ${at}`;
  if (moment > now) return `${found}, which is in the future: it is ${new Date(now).toISOString()} now`;
  if (window === "not asked") return undefined;
  if (window === undefined)
    return `${found}, and RDS has no automated backups of ${instance}; without them it knows no moment of before. Go back to a backup: restore.from`;
  const { earliest, latest } = window;
  if (earliest !== undefined && moment < earliest.getTime())
    return (
      `${found}, and RDS can restore ${instance} from ${earliest.toISOString()} on (rds.backupDays). Expected: a later moment, ` +
      "or an older backup: restore.from"
    );
  if (latest !== undefined && moment > latest.getTime())
    return (
      `${found}, and RDS can restore ${instance} up to ${latest.toISOString()}, which moves on every five minutes. Expected: ` +
      "an earlier moment, or the same in some minutes"
    );
  return undefined;
}
