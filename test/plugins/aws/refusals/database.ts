import type { Properties } from "../../protocol/values";
import { changes, type Refusal } from "../refusals";
import { momentOf, restoreWindowOf, sourceOf } from "../resources/moments";
import { number, text, textsAt } from "../values";

const instance = "aws:rds/instance:Instance";
const writes = ["create", "update"] as const;

/** The major version that a parameter group's family is for, such as 18 of postgres18. */
const majorOf = (family: string): string => /\d+$/.exec(family)?.[0] ?? "";

/** Parameters of PostgreSQL that it reads when it starts, of those that are likely to be set. */
const atStart = new Set(["shared_preload_libraries", "max_connections", "shared_buffers", "wal_level", "rds.logical_replication"]); // prettier-ignore

export const databaseRefusals: readonly Refusal[] = [
  {
    token: "aws:rds/subnetGroup:SubnetGroup",
    on: writes,
    code: "DBSubnetGroupDoesNotCoverEnoughAZs",
    when: "a database's subnets are in one zone",
    says: ({ outs, rows }) => {
      const zones = textsAt(outs, "subnetIds").map((subnet) =>
        text(rows.get("aws:ec2/subnet:Subnet", subnet)?.outs ?? {}, "availabilityZone"),
      );
      return new Set(zones).size < 2
        ? "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. Add subnets to cover at least 2 AZs."
        : undefined;
    },
  },
  {
    token: "aws:rds/parameterGroup:ParameterGroup",
    on: writes,
    code: "InvalidParameterCombination",
    when: "a parameter that is read at the start is to apply at once",
    says: ({ outs }) =>
      ((outs["parameters"] ?? []) as Properties[]).some(
        (each) => atStart.has(text(each, "name")) && text(each, "applyMethod") === "immediate",
      )
        ? "cannot use immediate apply method for static parameter"
        : undefined,
  },
  {
    token: instance,
    on: ["delete"],
    code: "InvalidParameterCombination",
    when: "a protected instance is deleted",
    says: ({ outs }) =>
      outs["deletionProtection"] === true
        ? "Cannot delete protected DB Instance, please disable deletion protection and try again."
        : undefined,
  },
  {
    token: instance,
    on: ["delete"],
    code: "DBSnapshotAlreadyExists",
    when: "a final snapshot's name is used again",
    says: ({ outs, rows }) => {
      const name = text(outs, "finalSnapshotIdentifier");
      if (outs["skipFinalSnapshot"] === true || rows.get("aws:rds/snapshot:Snapshot", name) === undefined)
        return undefined;
      return `Cannot create the snapshot because a snapshot with the identifier ${name} already exists.`;
    },
  },
  {
    token: instance,
    on: ["create"],
    code: "InvalidParameterCombination",
    when: "an instance has a password and a managed one",
    says: ({ outs }) =>
      outs["manageMasterUserPassword"] === true && text(outs, "password") !== ""
        ? "You can't specify MasterUserPassword when ManageMasterUserPassword is enabled."
        : undefined,
  },
  {
    token: instance,
    on: ["create"],
    code: "InvalidParameterValue",
    when: "an instance has no way to a master password",
    says: ({ outs }) =>
      outs["manageMasterUserPassword"] === true ||
      ["password", "passwordWo", "snapshotIdentifier", "replicateSourceDb"].some((key) => text(outs, key) !== "") ||
      outs["restoreToPointInTime"] !== undefined
        ? undefined
        : "Must specify MasterUserPassword or ManageMasterUserPassword",
  },
  {
    token: instance,
    on: ["create"],
    code: "DBInstanceNotFound",
    when: "the instance that another one is made of isn't there",
    says: ({ outs, rows }) =>
      momentOf(outs) === undefined || sourceOf(outs, rows) !== undefined
        ? undefined
        : "The source instance of the restore could not be found.",
  },
  {
    token: instance,
    on: ["create"],
    code: "InvalidParameterValue",
    when: "an instance is made of a moment that RDS can't go back to",
    says: ({ outs, rows }) => {
      const source = sourceOf(outs, rows);
      const time = Date.parse(text(momentOf(outs) ?? {}, "restoreTime"));
      if (source === undefined || Number.isNaN(time)) return undefined;
      const [earliest, latest] = restoreWindowOf(rows, text(source.outs, "identifier"));
      const refused = "The specified instance cannot be restored to a time";
      if (time > latest) return `${refused} later than ${new Date(latest).toISOString()}`;
      return time < earliest ? `${refused} earlier than ${new Date(earliest).toISOString()}` : undefined;
    },
  },
  {
    token: instance,
    on: ["create"],
    code: "InvalidParameterCombination",
    when: "an instance is made from a snapshot of more storage",
    says: ({ outs, rows }) => {
      const source = text(outs, "snapshotIdentifier");
      const snapshot = rows
        .all("aws:rds/snapshot:Snapshot")
        .find((row) => source !== "" && [row.id, row.outs["dbSnapshotArn"]].includes(source));
      const [size, wanted] = [snapshot?.outs ?? {}, outs].map((each) => number(each, "allocatedStorage") ?? 0);
      return (wanted ?? 0) < (size ?? 0)
        ? `Invalid storage size for engine name postgres and storage type ${text(outs, "storageType")}: ${wanted ?? 0}`
        : undefined;
    },
  },
  {
    token: instance,
    on: writes,
    code: "InvalidParameterCombination",
    when: "enhanced monitoring has no role",
    says: ({ outs }) =>
      (number(outs, "monitoringInterval") ?? 0) > 0 && text(outs, "monitoringRoleArn") === ""
        ? "A MonitoringRoleARN value is required if you specify a MonitoringInterval value other than 0."
        : undefined,
  },
  {
    token: instance,
    on: writes,
    code: "InvalidParameterCombination",
    when: "storage may grow to less than it is",
    says: ({ outs }) => {
      const most = number(outs, "maxAllocatedStorage") ?? 0;
      return most !== 0 && most <= (number(outs, "allocatedStorage") ?? 0)
        ? "Max storage size must be greater than storage size"
        : undefined;
    },
  },
  {
    token: instance,
    on: ["update"],
    code: "InvalidParameterCombination",
    when: "storage shrinks",
    says: (situation) =>
      changes(situation, "allocatedStorage") &&
      (number(situation.outs, "allocatedStorage") ?? 0) < (number(situation.before ?? {}, "allocatedStorage") ?? 0)
        ? "Requested storage size is smaller than the current one, which can't be decreased"
        : undefined,
  },
  {
    token: instance,
    on: ["update"],
    code: "InvalidParameterCombination",
    when: "the engine's major version goes back, or on without being allowed to",
    says: (situation) => {
      if (!changes(situation, "engineVersion")) return undefined;
      const major = (version: string) => Number(version.split(".")[0]);
      const [from, to] = [text(situation.before ?? {}, "engineVersionActual"), text(situation.outs, "engineVersion")];
      if (major(to) < major(from)) return `Cannot upgrade postgres from ${from} to ${to}`;
      return major(to) > major(from) && situation.outs["allowMajorVersionUpgrade"] !== true
        ? "The AllowMajorVersionUpgrade flag must be present when upgrading to a new major version."
        : undefined;
    },
  },
  {
    token: instance,
    on: writes,
    code: "InvalidParameterCombination",
    when: "a parameter group is for another major version",
    says: ({ outs, rows }) => {
      const name = text(outs, "parameterGroupName");
      const family = text(rows.get("aws:rds/parameterGroup:ParameterGroup", name)?.outs ?? {}, "family");
      const major = text(outs, "engineVersion").split(".")[0];
      return family === "" || major === "" || majorOf(family) === major
        ? undefined
        : `The parameter group ${name} with DBParameterGroupFamily ${family} can't be used for this instance. Please use a parameter group with DBParameterGroupFamily postgres${major}`;
    },
  },
];
