import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isLeftover, ownedByUs } from "../leftover";

const prefix = "switchyard-backup-";

/** A folder of this machine for `work`, removed after it. What killed processes have left is removed first. */
export async function withSpool<T>(work: (folder: string) => Promise<T>, parent = tmpdir()): Promise<T> {
  for (const name of readdirSync(parent))
    if (name.startsWith(prefix) && isLeftover(name.slice(prefix.length)))
      rmSync(join(parent, name), { recursive: true, force: true });
  const folder = mkdtempSync(join(parent, `${prefix}${ownedByUs}`));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
