import { setTimeout as delay } from "node:timers/promises";
import { BackupFailure } from "../../backup/failure";
import { backupKey, type Manifest } from "../../backup/manifest";
import { seal } from "../../backup/seal";
import { snapshotName, type SnapshotRecord } from "../../backup/snapshot";
import { AwsFailed, passing } from "../../platform/aws/sdk-errors";
import type { RdsAddress, RdsSnapshot } from "../../platform/aws/snapshot";
import { asText, type ObjectStore } from "../store/store";

/*
 * Snapshots are asked for here, by the SDK, and are no resources of the program. A native aws.rds.Snapshot would have to have
 * a new name for each set of pending changes, which is known only once the database was asked, in the middle of an `up`; the
 * engine would then replace the older one, and keep it (retainOnDelete) where nothing knows of it any more. Here a snapshot
 * is a part of its backup: begun under the schema lock, recorded beside the dump, and kept or deleted by the same retention.
 * What no state has, no destroy can take.
 */

/** Loaded when used: a stack without RDS never asks for it. */
// eslint-disable-next-line @typescript-eslint/no-require-imports
const aws = () => require("../../platform/aws/snapshot") as typeof import("../../platform/aws/snapshot");

/** What a backup's record says whatever it is made of. */
export type Taken = Pick<
  Manifest,
  "id" | "database" | "takenAt" | "before" | "release" | "server" | "schemaVersion" | "applied" | "scars" | "half"
>;

export interface SnapshotWork {
  readonly store: ObjectStore;
  readonly rds: RdsAddress;
  readonly taken: Taken;
  /** One line for the operator, without a line end. */
  readonly say: (line: string) => void;
  /** @throws when the schema lock is lost: whoever has it now takes the snapshot for a leftover */
  readonly assertHeld: () => Promise<void>;
}

export interface BegunSnapshot {
  /**
   * Waits until RDS has said from which moment it is (`fixed`), or until it can be restored (`available`), and records that.
   * @throws BackupFailure
   */
  reach(state: "fixed" | "available"): Promise<SnapshotRecord>;
}

/** Between two looks, in ms: short at first, for a test and for a small disk. */
const pauses = { first: 500, most: 15_000 } as const;

/**
 * How long an instance may be busy with something else, and how long a snapshot may make no progress, in ms: RDS's own backup
 * window is 30 minutes by default, and a change of the instance's class takes up to as long.
 */
const patienceMs = 3_600_000;

/** Begins a snapshot; while the instance is busy with something else, waits for that. @throws BackupFailure; StoreFailed */
export async function beginSnapshot(work: SnapshotWork): Promise<BegunSnapshot> {
  const { store, rds, taken } = work;
  const began = performance.now();
  const { instance, connection } = rds;
  const name = snapshotName(instance, taken.id);
  const { region } = connection;
  const key = backupKey(taken.database, taken.id, "snapshot");
  const keep = async (state: SnapshotRecord["state"], found?: RdsSnapshot): Promise<SnapshotRecord> => {
    const record = seal({
      format: 1 as const,
      ...taken,
      ...(found?.of && { takenAt: found.of.toISOString() }),
      ...{ state, snapshot: { name, instance, region, ...(found && { arn: found.arn }) } },
      durationMs: Math.round(performance.now() - began),
    });
    await store.put(key, asText(record));
    return record;
  };
  await keep("begun");
  await inWords(instance, () => createWhenFree(work, name));
  return {
    reach: async (state) => keep(state, await inWords(instance, () => reached(work, name, state))),
  };
}

async function createWhenFree({ rds, taken, say, assertHeld }: SnapshotWork, name: string): Promise<void> {
  const { createSnapshot, InstanceBusy } = aws();
  const tags = { "switchyard:backup": taken.id, "switchyard:database": taken.database };
  const until = Date.now() + patienceMs;
  for (let pause: number = pauses.first, said = false; ; pause = Math.min(pause * 2, pauses.most), said = true) {
    try {
      await createSnapshot(rds, name, tags);
      return;
    } catch (error) {
      if (!(error instanceof InstanceBusy)) throw error;
      if (!said) say(`waiting for ${rds.instance}: ${error.message}`);
      if (Date.now() > until)
        throw new BackupFailure(
          "snapshot",
          `${error.message}; waited ${patienceMs / 60_000} minutes. Run pulumi up again once aws rds describe-db-instances ` +
            `--db-instance-identifier ${rds.instance} shows it as available`,
          { cause: error },
        );
    }
    await assertHeld();
    await delay(pause);
  }
}

async function reached(
  { rds, say, assertHeld }: SnapshotWork,
  name: string,
  state: "fixed" | "available",
): Promise<RdsSnapshot> {
  let until = Date.now() + patienceMs;
  let percent = -1;
  for (let pause: number = pauses.first; ; pause = Math.min(pause * 2, pauses.most)) {
    const found = await look(rds, name, until);
    if (found === "gone") throw new BackupFailure("snapshot", `the snapshot ${name} is gone while it was waited for`);
    if (/fail|delet|incompatible|error/.test(found.status))
      throw new BackupFailure(
        "snapshot",
        `the snapshot ${name} is ${found.status}, expected: available. aws rds describe-events --source-identifier ${name} ` +
          "--source-type db-snapshot says why",
      );
    if (found.status === "available" || (state === "fixed" && found.of !== undefined)) return found;
    if (found.percent > percent) {
      percent = found.percent;
      until = Date.now() + patienceMs;
      if (state === "available") say(`waiting for the snapshot ${name} of ${rds.instance}: ${percent} % copied`);
    } else if (Date.now() > until)
      throw new BackupFailure(
        "snapshot",
        `the snapshot ${name} is ${found.status} at ${percent} %, and has not moved for ${patienceMs / 60_000} minutes`,
      );
    await assertHeld();
    await delay(pause);
  }
}

/** What passes by itself ends no wait of hours: it is as if nothing had moved yet. @param until Unix time in ms */
async function look(rds: RdsAddress, name: string, until: number): Promise<RdsSnapshot | "gone"> {
  try {
    return (await aws().describeSnapshot(rds, name)) ?? "gone";
  } catch (error) {
    if (!(error instanceof AwsFailed) || !passing.includes(error.kind) || Date.now() > until) throw error;
    return { name, arn: "", status: "not known", percent: -1 };
  }
}

async function inWords<T>(instance: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof AwsFailed)) throw error;
    const { message } = error;
    const hint = /SnapshotQuotaExceeded/.test(message)
      ? ". Delete manual snapshots that nobody needs, lower backup.keep, or ask AWS for more than 100 of them a region"
      : "";
    throw new BackupFailure("snapshot", `no snapshot of ${instance} could be taken: ${message}${hint}`, {
      cause: error,
    });
  }
}

/**
 * Deletes a backup's snapshot.
 * @param rds where it is. @default nothing is known of RDS
 * @returns why it is still there; undefined where it is gone
 * @throws AwsFailed
 */
export async function deleteSnapshotOf(
  { id, snapshot: { name, region } }: SnapshotRecord,
  rds: RdsAddress | undefined,
): Promise<string | undefined> {
  if (rds?.connection.region !== region)
    return `the backup ${id} stays: its snapshot ${name} is one of RDS in ${region}, which this stack has nothing in`;
  if (await aws().deleteSnapshot(rds, name)) return undefined;
  return `the backup ${id} stays for now: RDS deletes no snapshot that it is still making (${name})`;
}

/** What RDS says of a backup's snapshot; undefined where it is gone. @throws AwsFailed */
export const snapshotStatus = async (rds: RdsAddress, { snapshot }: SnapshotRecord): Promise<string | undefined> =>
  (await aws().describeSnapshot(rds, snapshot.name))?.status;
