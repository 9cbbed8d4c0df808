import { z } from "zod";
import { withSuffix } from "../database/names";
import { parseKey } from "./manifest";
import type { Sealed } from "./seal";
import { broken, readSealed, takenShape } from "./sealed-json";

const snapshotShape = z.object({
  ...takenShape,
  /**
   * `begun` is stored before AWS is asked: after a kill the next run knows by it what to look for. `fixed`: AWS has said of
   * which moment it is, and copies on. `available`: it can be restored.
   */
  state: z.enum(["begun", "fixed", "available"]),
  snapshot: z.object({
    /** As RDS knows it. */
    name: z.string(),
    instance: z.string(),
    region: z.string(),
    /** Left out while it is only begun. */
    arn: z.string().optional(),
  }),
});

/** What is stored of a snapshot of RDS. Beside a dump it is a second way back; without one it is the backup. */
export type SnapshotRecord = Sealed<Omit<z.output<typeof snapshotShape>, "digest">>;

/** Reads the record at `key`. @throws BackupFailure when it was edited, is another backup's, or is none */
export function readSnapshotRecord(text: string, key: string): SnapshotRecord {
  const record = readSealed(text, key, snapshotShape);
  const named = parseKey(key);
  if (named?.id !== record.id || named.database !== record.database)
    throw broken(key, `it is of another backup, ${record.id} of ${record.database}`);
  return record;
}

/** RDS takes so many characters. */
const longestName = 255;

/**
 * The name of a backup's snapshot: the instance, and the backup's id as RDS can write it. Not that of a set of migrations: an
 * `up` that is run again a day later would find yesterday's under its name, and take it for today's.
 */
export const snapshotName = (instance: string, id: string): string =>
  withSuffix(instance, `-${id.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-")}`, longestName);
