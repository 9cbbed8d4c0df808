import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";

/** Named for machine and process, so that what a killed one has left is known for that. */
const prefix = "switchyard-backup-";
const machine = hostname().replace(/[^A-Za-z0-9]/g, "_");

/**
 * A folder of this machine for `work`, removed after it. Those of processes that are no more are removed first; one whose
 * number another process has by now stays until that one has ended too.
 */
export async function withSpool<T>(work: (folder: string) => Promise<T>, parent = tmpdir()): Promise<T> {
  for (const name of readdirSync(parent)) {
    const [, pid] = new RegExp(`^${prefix}${machine}-(\\d+)-`).exec(name) ?? [];
    if (pid !== undefined && !isThere(Number(pid))) rmSync(join(parent, name), { recursive: true, force: true });
  }
  const folder = mkdtempSync(join(parent, `${prefix}${machine}-${process.pid}-`));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Another user's may not be asked, and so is there.
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}
