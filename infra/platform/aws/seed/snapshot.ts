import * as rds from "@pulumi/aws/rds";
import * as pulumi from "@pulumi/pulumi";
import type { RdsSettings } from "../../../config";
import { leastMaximum } from "../../../config/sections/rds";
import type { Account } from "../account";
import type { Keys } from "../keys";

/** What `rds.seedFrom` begins with where it names an instance, whose newest snapshot is meant. */
const latest = "latest:";

/** A snapshot, and the storage that an instance made from it has at the least. */
export interface SeedSnapshot {
  readonly name: pulumi.Output<string>;
  /** GiB: `rds.storage`, or the snapshot's where that is more. RDS makes nothing smaller of it. */
  readonly storage: pulumi.Output<number>;
}

/**
 * The snapshot that the instance is made from: a copy under the stack's own key. RDS keeps the key of what it restores, and
 * another key than the declared one would be a reason to replace the instance for ever after.
 */
export function seedSnapshot(
  name: string,
  seedFrom: string,
  { account, keys, rds: settings }: { account: Account; keys: Keys; rds: RdsSettings },
  options: pulumi.CustomResourceOptions,
): SeedSnapshot {
  const source = seedFrom.startsWith(latest)
    ? pulumi.output(newestOf(seedFrom.slice(latest.length), account))
    : pulumi.output(seedFrom);
  const copy = new rds.SnapshotCopy(
    name,
    {
      sourceDbSnapshotIdentifier: source,
      targetDbSnapshotIdentifier: `${account.base}-seed`,
      kmsKeyId: keys.of.database,
    },
    pulumi.mergeOptions(options, {
      // Once: a later snapshot of production is no change of this stack.
      ignoreChanges: ["sourceDbSnapshotIdentifier"],
      // Under another key every block is copied; the provider would wait for 20 minutes.
      customTimeouts: { create: "6h" },
    }),
  );
  return {
    name: copy.targetDbSnapshotIdentifier,
    storage: copy.allocatedStorage.apply((size) => storageFor(size, settings)),
  };
}

/**
 * @param size GiB of the snapshot
 * @throws pulumi.RunError where storage could not grow from there
 */
export function storageFor(
  size: number,
  { storage, maxStorage, seedFrom }: Pick<RdsSettings, "storage" | "maxStorage" | "seedFrom">,
): number {
  const most = leastMaximum(size);
  if (maxStorage >= most) return Math.max(storage, size);
  throw new pulumi.RunError(
    `switchyard:rds.maxStorage is ${maxStorage}, and the snapshot in switchyard:rds.seedFrom (${seedFrom ?? ""}) has ${size} GiB: ` +
      `expected ${most} or more, a tenth above it: pulumi config set --path switchyard:rds.maxStorage ${most}`,
  );
}

async function newestOf(instance: string, { provider }: Account): Promise<string> {
  try {
    const found = await rds.getSnapshot({ dbInstanceIdentifier: instance, mostRecent: true }, { provider });
    return found.dbSnapshotArn;
  } catch (error) {
    throw new pulumi.RunError(
      `switchyard:rds.seedFrom is ${latest}${instance}, and no snapshot of that instance is found in this region and account: ` +
        `${(error as Error).message}. Name one that is there (pulumi config set --path rds.seedFrom <snapshot>), or, where the ` +
        "stack is seeded already, take it out: pulumi config rm --path rds.seedFrom",
    );
  }
}
