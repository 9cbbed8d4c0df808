import type { DBSnapshot, RDSClient } from "@aws-sdk/client-rds";
import { asked, clientOf, type AwsConnection } from "./sdk";
import { AwsFailed } from "./sdk-errors";

/** An instance of RDS, as its own API and its figures in CloudWatch know it. Nothing in it is secret. */
export interface RdsAddress {
  readonly connection: AwsConnection;
  /** Its identifier. */
  readonly instance: string;
}

/** A manual snapshot as RDS has it. */
export interface RdsSnapshot {
  readonly name: string;
  readonly arn: string;
  /** `creating`, `available`, or what went wrong. */
  readonly status: string;
  /** How much of it is copied, 0 to 100. */
  readonly percent: number;
  /** From when it is; undefined while RDS has not begun to copy. */
  readonly of?: Date;
}

/** What the instance is doing instead: RDS takes a snapshot of one that is available, and of no other. */
export class InstanceBusy extends Error {}

/* eslint-disable @typescript-eslint/no-require-imports -- loaded when used: most backups are over without RDS's own API */
const sdk = () => require("@aws-sdk/client-rds") as typeof import("@aws-sdk/client-rds");

const clientTo = ({ connection }: RdsAddress): RDSClient =>
  clientOf(connection, ["rds"], (settings) => new (sdk().RDSClient)(settings));

/** RDS's code, with or without the ending that some of its errors have. */
function isCode(error: unknown, code: string): boolean {
  const { name, Code } = ((error as Error).cause ?? {}) as { name?: string; Code?: string };
  return error instanceof AwsFailed && [name, Code].some((each) => each === code || each === `${code}Fault`);
}

/**
 * Begins a snapshot of the instance. It belongs to no stack: a destroy doesn't know of it.
 * @param name 1 to 255 letters, digits and single hyphens
 * @returns what is there; also where an earlier run has begun it under this very name
 * @throws InstanceBusy; AwsFailed
 */
export async function createSnapshot(
  address: RdsAddress,
  name: string,
  tags: Readonly<Record<string, string>>,
): Promise<RdsSnapshot> {
  const { connection, instance } = address;
  const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
  try {
    const { DBSnapshot } = await asked(connection, { action: "rds:CreateDBSnapshot", on: `snapshot ${name}` }, () =>
      clientTo(address).send(
        new (sdk().CreateDBSnapshotCommand)({ DBInstanceIdentifier: instance, DBSnapshotIdentifier: name, Tags }),
      ),
    );
    return asSnapshot(DBSnapshot ?? {});
  } catch (error) {
    if (isCode(error, "InvalidDBInstanceState")) throw new InstanceBusy((error as Error).message, { cause: error });
    if (!isCode(error, "DBSnapshotAlreadyExists")) throw error;
    const there = await describeSnapshot(address, name);
    if (there === undefined) throw error;
    return there;
  }
}

/** @returns undefined where there is none of that name. @throws AwsFailed */
export async function describeSnapshot(address: RdsAddress, name: string): Promise<RdsSnapshot | undefined> {
  try {
    const { DBSnapshots = [] } = await asked(
      address.connection,
      { action: "rds:DescribeDBSnapshots", on: `snapshot ${name}` },
      () => clientTo(address).send(new (sdk().DescribeDBSnapshotsCommand)({ DBSnapshotIdentifier: name })),
    );
    return DBSnapshots[0] === undefined ? undefined : asSnapshot(DBSnapshots[0]);
  } catch (error) {
    if (isCode(error, "DBSnapshotNotFound")) return undefined;
    throw error;
  }
}

/**
 * Deletes a snapshot. One that is not there is deleted already.
 * @returns whether it is gone; RDS deletes none that is still being made. @throws AwsFailed
 */
export async function deleteSnapshot(address: RdsAddress, name: string): Promise<boolean> {
  try {
    await asked(address.connection, { action: "rds:DeleteDBSnapshot", on: `snapshot ${name}` }, () =>
      clientTo(address).send(new (sdk().DeleteDBSnapshotCommand)({ DBSnapshotIdentifier: name })),
    );
    return true;
  } catch (error) {
    if (isCode(error, "DBSnapshotNotFound")) return true;
    if (isCode(error, "InvalidDBSnapshotState")) return false;
    throw error;
  }
}

function asSnapshot(found: DBSnapshot): RdsSnapshot {
  const { DBSnapshotIdentifier: name, DBSnapshotArn: arn, Status: status, PercentProgress, SnapshotCreateTime } = found;
  if (name === undefined || arn === undefined || status === undefined)
    throw new Error("RDS speaks of a snapshot without its name, ARN or status");
  return {
    ...{ name, arn, status, percent: PercentProgress ?? 0 },
    ...(SnapshotCreateTime !== undefined && { of: SnapshotCreateTime }),
  };
}
