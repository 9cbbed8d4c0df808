import type { Properties } from "../../protocol/values";
import type { Row, Rows } from "../account";
import { AwsError } from "../errors";
import { arn } from "../identifiers";
import { snapshotOf } from "../resources/database";
import { restoreWindowOf } from "../resources/moments";
import { text } from "../values";

const instanceToken = "aws:rds/instance:Instance";
export const snapshotToken = "aws:rds/snapshot:Snapshot";

/**
 * Options of the account: how many milliseconds a snapshot takes (1,000 without a word), how many manual ones a region takes,
 * and what an instance is doing (`rds state <instance>`).
 */
export const snapshotMs = "rds snapshot ms";
export const snapshotQuota = "rds snapshot quota";
export const instanceState = (instance: string): string => `rds state ${instance}`;

const numberOf = (value: unknown, otherwise: number): number => (typeof value === "number" ? value : otherwise);

/** What the program asks RDS while it runs: snapshots of an instance, and how far back it can be restored. */
export const rds: Record<string, (parameters: Properties, rows: Rows, region: string) => Properties> = {
  CreateDBSnapshot: (parameters, rows, region) => {
    const [instance, name] = [text(parameters, "DBInstanceIdentifier"), text(parameters, "DBSnapshotIdentifier")];
    const of = rows.all(instanceToken).find(({ outs }) => outs["identifier"] === instance);
    if (of === undefined) throw new AwsError("DBInstanceNotFound", `DBInstance ${instance} not found.`, 404);
    if (!/^[a-z](?!.*--)[a-z0-9-]{0,253}[a-z0-9]$/i.test(name))
      throw new AwsError("InvalidParameterValue", "The parameter DBSnapshotIdentifier is not a valid identifier.");
    if (rows.get(snapshotToken, name) !== undefined)
      throw new AwsError(
        "DBSnapshotAlreadyExists",
        `Cannot create the snapshot because a snapshot with the identifier ${name} already exists.`,
      );
    const making = rows
      .all(snapshotToken)
      .some((row) => row.outs["dbInstanceIdentifier"] === instance && lookAt(row, rows)["status"] === "creating");
    if (making || (rows.option(instanceState(instance)) ?? "available") !== "available")
      throw new AwsError(
        "InvalidDBInstanceState",
        `Cannot create a snapshot because the database instance ${instance} is not currently in the available state.`,
      );
    const manual = rows.all(snapshotToken).filter(({ outs }) => outs["snapshotType"] === "manual");
    if (manual.length >= numberOf(rows.option(snapshotQuota), 100))
      throw new AwsError(
        "SnapshotQuotaExceeded",
        "Cannot create more than the allowed number of manual snapshots. Delete some of them first.",
      );
    const outs = {
      ...snapshotOf(of.outs, arn({ region }, "rds", `snapshot:${name}`)),
      ...{ dbInstanceIdentifier: instance, dbSnapshotIdentifier: name, status: "creating", begun: Date.now() },
      tagsAll: tagsOf(parameters),
    };
    rows.put({ token: snapshotToken, id: name, outs });
    return { DBSnapshot: shown(outs) };
  },
  DescribeDBSnapshots: (parameters, rows) => {
    const name = text(parameters, "DBSnapshotIdentifier");
    if (name === "") throw new AwsError("NotImplemented", "the stand-in describes a snapshot by its name alone", 501);
    const row = rows.get(snapshotToken, name);
    if (row === undefined) throw new AwsError("DBSnapshotNotFound", `DBSnapshot ${name} not found.`, 404);
    return { DBSnapshots: { DBSnapshot: shown(lookAt(row, rows)) } };
  },
  DescribeDBInstanceAutomatedBackups: (parameters, rows) => {
    const instance = text(parameters, "DBInstanceIdentifier");
    const of = rows.all(instanceToken).find(({ outs }) => outs["identifier"] === instance);
    if (of === undefined || of.outs["backupRetentionPeriod"] === 0) return { DBInstanceAutomatedBackups: "" };
    const [EarliestTime, LatestTime] = restoreWindowOf(rows, instance).map((at) => new Date(at).toISOString());
    const backup = { DBInstanceIdentifier: instance, DbiResourceId: of.id, Status: "active" };
    return {
      DBInstanceAutomatedBackups: {
        DBInstanceAutomatedBackup: { ...backup, RestoreWindow: { EarliestTime, LatestTime } },
      },
    };
  },
  DeleteDBSnapshot: (parameters, rows) => {
    const name = text(parameters, "DBSnapshotIdentifier");
    const row = rows.get(snapshotToken, name);
    if (row === undefined) throw new AwsError("DBSnapshotNotFound", `DBSnapshot ${name} not found.`, 404);
    const { status } = lookAt(row, rows);
    if (status !== "available")
      throw new AwsError(
        "InvalidDBSnapshotState",
        `Cannot delete the snapshot because it is not currently in the available state.`,
      );
    rows.remove(snapshotToken, name);
    return { DBSnapshot: shown({ ...row.outs, status: "deleted" }) };
  },
};

/** Of which moment it is, RDS says to whoever looks a first time, and not to who has it begun. */
function lookAt({ id, outs }: Row, rows: Rows): Properties {
  const begun = outs["begun"];
  if (outs["status"] !== "creating" || typeof begun !== "number") return outs;
  const percent = Math.floor((100 * (Date.now() - begun)) / numberOf(rows.option(snapshotMs), 1_000));
  const next = {
    ...outs,
    status: percent >= 100 ? "available" : "creating",
    createdAt: new Date(begun).toISOString(),
    percent: Math.min(100, percent),
  };
  rows.put({ token: snapshotToken, id, outs: next });
  return next;
}

const shown = (outs: Properties): Properties => ({
  DBSnapshotIdentifier: outs["dbSnapshotIdentifier"],
  DBInstanceIdentifier: outs["dbInstanceIdentifier"],
  DBSnapshotArn: outs["dbSnapshotArn"],
  Status: outs["status"],
  PercentProgress: outs["percent"] ?? (outs["status"] === "available" ? 100 : 0),
  SnapshotCreateTime: outs["createdAt"],
  SnapshotType: "manual",
});

/** `Tags.Tag.1.Key`: RDS calls the members of this list by their name. */
function tagsOf(parameters: Properties): Record<string, string> {
  const { Tag = {} } = (parameters["Tags"] ?? {}) as { Tag?: Record<string, Properties> };
  return Object.fromEntries(Object.values(Tag).map((tag) => [text(tag, "Key"), text(tag, "Value")]));
}
