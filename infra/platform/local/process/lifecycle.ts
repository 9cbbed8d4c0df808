import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { identify, isRunning, type ProcessRef } from "./identity";

export interface Launch {
  command: string;
  args: string[];
  cwd: string;
  /** The whole environment: nothing is inherited, so what a process gets does not depend on who ran `pulumi up`. */
  env: Record<string, string>;
  /** Both output streams are appended to this file. */
  log: string;
  /** Written to standard input, which is then closed: `ps` shows neither argv nor environment of ours with a secret. */
  stdin?: string;
  /** The account to run as; only root can give one. */
  account?: { uid: number; gid: number };
}

/**
 * Starts a process in a session of its own, so that neither the end of `pulumi up` nor a Ctrl-C on its terminal ends it.
 * Returns once the kernel has it; readiness is the caller's to await (`waitUntil`).
 */
export async function launch(what: Launch): Promise<ProcessRef> {
  mkdirSync(dirname(what.log), { recursive: true });
  const log = openSync(what.log, "a", 0o600);
  try {
    const child = spawn(what.command, what.args, {
      cwd: what.cwd,
      env: what.env,
      detached: true,
      stdio: ["pipe", log, log],
      uid: what.account?.uid,
      gid: what.account?.gid,
    });
    await new Promise<void>((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", reject);
    });
    // A child that dies at once closes its end; that is reported by whoever waits for it to be ready.
    child.stdin?.on("error", () => undefined);
    await new Promise<void>((resolve) => (child.stdin ? child.stdin.end(what.stdin ?? "", resolve) : resolve()));
    child.unref();
    const pid = child.pid;
    const ref = pid === undefined ? undefined : identify(pid);
    if (ref === undefined) throw new Error(`${what.command} ended as soon as it was started${logTail(what.log)}`);
    return ref;
  } finally {
    closeSync(log);
  }
}

/** The last lines of a log, for an error message: "; its log ends with:\n…", or where to look when it is empty. */
export function logTail(file: string, lines = 12): string {
  let text: string;
  try {
    text = readFileSync(file, "utf8").trimEnd();
  } catch {
    return `; it left no log at ${file}`;
  }
  if (text === "") return `; its log ${file} is empty`;
  const tail = text
    .split("\n")
    .slice(-lines)
    .map((line) => `  ${line}`);
  return `; its log ${file} ends with:\n${tail.join("\n")}`;
}

/**
 * Polls `condition` every 50 ms until it gives a value.
 * @throws when `timeoutMs` is over, with the last error that `condition` threw, or at once when `ref` stops running.
 */
export async function waitUntil<T>(
  what: string,
  condition: () => Promise<T | undefined> | T | undefined,
  options: { timeoutMs: number; ref?: ProcessRef; log?: string },
): Promise<T> {
  const end = Date.now() + options.timeoutMs;
  const tail = () => (options.log === undefined ? "" : logTail(options.log));
  let last = "";
  for (;;) {
    const gone = options.ref !== undefined && !isRunning(options.ref);
    try {
      const value = await condition();
      if (value !== undefined) return value;
    } catch (error) {
      last = `: ${(error as Error).message}`;
    }
    if (gone) throw new Error(`${what} ended before it was ready${last}${tail()}`);
    if (Date.now() > end) throw new Error(`${what} was not ready within ${options.timeoutMs / 1000} s${last}${tail()}`);
    await delay(50);
  }
}

/**
 * Ends a process and waits until it is gone: `signal` first, SIGKILL when `graceMs` is over. Returns false when it was
 * not running (or its pid has passed to another process, which is left alone).
 */
export async function stop(
  ref: ProcessRef | undefined,
  options: { signal?: NodeJS.Signals; graceMs?: number } = {},
): Promise<boolean> {
  if (ref === undefined || !isRunning(ref)) return false;
  signal(ref, options.signal ?? "SIGTERM");
  if (await goneWithin(ref, options.graceMs ?? 30_000)) return true;
  signal(ref, "SIGKILL");
  if (await goneWithin(ref, 5_000)) return true;
  throw new Error(`process ${ref.pid} did not end, not even on SIGKILL; look at it with: ps -fp ${ref.pid}`);
}

function signal(ref: ProcessRef, name: NodeJS.Signals): void {
  try {
    process.kill(ref.pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

async function goneWithin(ref: ProcessRef, ms: number): Promise<boolean> {
  const end = Date.now() + ms;
  while (isRunning(ref)) {
    if (Date.now() > end) return false;
    await delay(25);
  }
  return true;
}
