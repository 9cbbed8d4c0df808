import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Verification } from "../../backup/manifest";
import { seal } from "../../backup/seal";
import type { ObjectStore } from "../store/store";
import { storeVerification, type Backup } from "./archive";
import { drill } from "./drill";
import { readBack } from "./read-back";
import { assertRoomForFile, assertRoomForRestore, type Room } from "./space";
import { withSpool } from "./spool";
import type { BackupTarget } from "./target";

type Say = (line: string) => void;

/**
 * Shows that the store still has what was written, and records it beside the backup.
 * @throws BackupFailure; then nothing is recorded
 */
export async function verifyBackup(store: ObjectStore, backup: Backup): Promise<Verification> {
  const began = performance.now();
  await readBack(store, backup.manifest);
  return record(store, backup, performance.now() - began, backup.verification?.drill);
}

/**
 * The same, and restores it into a scratch database of `target`'s server.
 * @throws BackupFailure; then nothing is recorded
 */
export function drillBackup(
  target: BackupTarget,
  store: ObjectStore,
  backup: Backup,
  { say, room = {} }: { say: Say; room?: Room },
): Promise<Verification> {
  const { manifest } = backup;
  return withSpool(async (folder) => {
    await assertRoomForRestore(manifest.server.databaseBytes, room, "drill");
    await assertRoomForFile(manifest.dump.size, folder);
    const file = join(folder, "database.dump");
    const began = performance.now();
    await readBack(store, manifest, { into: file });
    const readBackMs = performance.now() - began;
    return record(store, backup, readBackMs, await drill(target, manifest, file, say));
  }, tmpdir());
}

async function record(
  store: ObjectStore,
  { manifest }: Backup,
  readBackMs: number,
  drilled: Verification["drill"],
): Promise<Verification> {
  const verification = seal({
    format: 1 as const,
    ...{ backup: manifest.id, manifest: manifest.digest, verifiedAt: new Date().toISOString() },
    readBackMs: Math.round(readBackMs),
    ...(drilled && { drill: drilled }),
  });
  await storeVerification(store, manifest.database, verification);
  return verification;
}
