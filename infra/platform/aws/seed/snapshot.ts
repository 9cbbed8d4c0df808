import * as rds from "@pulumi/aws/rds";
import * as pulumi from "@pulumi/pulumi";
import type { Account } from "../account";
import type { Keys } from "../keys";

/** What `rds.seedFrom` begins with where it names an instance, whose newest snapshot is meant. */
const latest = "latest:";

/**
 * The snapshot that the instance is made from: a copy under the stack's own key. RDS keeps the key of what it restores, and
 * another key than the declared one would be a reason to replace the instance for ever after.
 * @returns its name
 */
export function seedSnapshot(
  name: string,
  seedFrom: string,
  { account, keys }: { account: Account; keys: Keys },
  options: pulumi.CustomResourceOptions,
): pulumi.Output<string> {
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
    // Once: a later snapshot of production is no change of this stack.
    pulumi.mergeOptions(options, { ignoreChanges: ["sourceDbSnapshotIdentifier"] }),
  );
  return copy.targetDbSnapshotIdentifier;
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
