import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/**
 * A process that outlives the program that started it. A bare pid is not an identity: after a reboot, or in a busy
 * container, the same number soon belongs to somebody else, and we would signal a stranger.
 */
export interface ProcessRef {
  pid: number;
  /** Boot id and start time on Linux, start time elsewhere; compared, never interpreted. */
  startedAt: string;
}

const bootId = (): string => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();

/** What identifies the process that holds `pid` now; undefined when there is none, or only a zombie. */
export function identify(pid: number): ProcessRef | undefined {
  if (process.platform !== "linux") return identifyByPs(pid);
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
  // The command name stands in parentheses and may itself hold spaces and parentheses, so count from the last one.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, startTicks] = [fields[0], fields[19]];
  if (state === "Z" || state === "X") return undefined;
  return { pid, startedAt: `${bootId()}/${startTicks}` };
}

function isGone(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === "ENOENT" || code === "ESRCH";
}

function identifyByPs(pid: number): ProcessRef | undefined {
  try {
    const out = execFileSync("ps", ["-o", "state=,lstart=", "-p", String(pid)], { encoding: "utf8" }).trim();
    return out === "" || out.startsWith("Z") ? undefined : { pid, startedAt: out.split(/\s+/).slice(1).join(" ") };
  } catch (error) {
    // ps exits 1 when there is no such process; anything else is a fault of its own.
    if ((error as { status?: number }).status === 1) return undefined;
    throw error;
  }
}

/** True while exactly the process that `ref` names still runs. */
export function isRunning(ref: ProcessRef | undefined): boolean {
  return ref !== undefined && identify(ref.pid)?.startedAt === ref.startedAt;
}
