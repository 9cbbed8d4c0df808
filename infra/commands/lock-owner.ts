import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { identify } from "../platform/local/process/identity";
import type { Lock } from "./lock-file";

/** Whether the process that took a lock is still there. `unknown`: it may be, and nothing here can tell. */
export interface OwnerState {
  readonly state: "runs" | "gone" | "unknown";
  /** What that is known from, as the end of a sentence. */
  readonly because: string;
}

/** What holds a process id now. */
interface Holder {
  /** Its program, as the system names it. */
  readonly program: string;
  readonly started: Date;
}

/**
 * A process starts before it takes a lock. What started later than this after it is another; start times are known to
 * 10 ms on Linux and to 1 s elsewhere, and the system rounds the time of its boot to 1 s.
 */
const marginMs = 2_000;

/** Looks for the owner of a lock. Only what proves its end counts as its end. */
export function ownerOf({ pid, hostname: host, since }: Lock): OwnerState {
  if (host !== hostname())
    return {
      state: "unknown",
      because: `its processes can't be seen from ${hostname()}: look there for process ${pid}`,
    };
  const holder = holderOf(pid);
  if (holder === undefined) return { state: "gone", because: `there is no process ${pid} any more` };
  const { program, started } = holder;
  const isLater = started.getTime() > since.getTime() + marginMs;
  if (!isLater) return { state: "runs", because: `process ${pid} (${program}) runs since ${started.toISOString()}` };
  // A clock that was put forward makes every process look younger; another program is another program by any clock.
  if (program.startsWith("pulumi"))
    return {
      state: "unknown",
      because: `process ${pid} is a pulumi, though one that began after the lock was taken, or the clock was changed`,
    };
  return { state: "gone", because: `process ${pid} is another by now (${program}, since ${started.toISOString()})` };
}

/** undefined when there is none, or only a zombie. */
function holderOf(pid: number): Holder | undefined {
  if (identify(pid) === undefined) return undefined;
  try {
    return process.platform === "linux" ? fromProc(pid) : fromPs(pid);
  } catch (error) {
    if (identify(pid) === undefined) return undefined;
    throw error;
  }
}

/** Clock ticks a second in /proc: fixed by Linux's interface to programs, whatever the kernel counts by. */
const ticks = 100;

function fromProc(pid: number): Holder {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const [open, close] = [stat.indexOf("("), stat.lastIndexOf(")")];
  const startTicks = Number(stat.slice(close + 2).split(" ")[19]);
  const boot = Number(/^btime (\d+)$/m.exec(readFileSync("/proc/stat", "utf8"))?.[1]);
  return { program: stat.slice(open + 1, close), started: new Date((boot + startTicks / ticks) * 1000) };
}

function fromPs(pid: number): Holder {
  const env = { ...process.env, LC_ALL: "C" };
  const ask = (column: string) =>
    execFileSync("ps", ["-o", `${column}=`, "-p", String(pid)], { encoding: "utf8", env }).trim();
  return { program: ask("comm").split("/").at(-1) ?? "", started: new Date(ask("lstart")) };
}
