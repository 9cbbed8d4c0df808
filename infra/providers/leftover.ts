import { hostname } from "node:os";

const machine = hostname().replace(/[^A-Za-z0-9]/g, "_");

/** What the name of a file or folder begins with that belongs to this process alone, and to nobody once it has ended. */
export const ownedByUs = `${machine}-${process.pid}-`;

/**
 * Whether the process that a name begins with (`ownedByUs`) is no more. Of another machine's nobody knows, so they are left
 * alone; and one whose number another process has by now stays until that one has ended too.
 */
export function isLeftover(name: string): boolean {
  if (!name.startsWith(`${machine}-`)) return false;
  const [, pid] = /^(\d+)-/.exec(name.slice(machine.length + 1)) ?? [];
  return pid !== undefined && !isThere(Number(pid));
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
