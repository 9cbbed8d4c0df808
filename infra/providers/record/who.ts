import { execFile } from "node:child_process";
import { hostname, userInfo } from "node:os";
import { promisify } from "node:util";

const run = promisify(execFile);

/** git answers within this, in ms, or is not waited for. */
const gitMs = 5_000;

/** Who runs this process: `user@host`. */
export function whoRuns(): string {
  return `${user()}@${hostname()}`;
}

function user(): string {
  try {
    return userInfo().username;
  } catch {
    // An account without a name, as containers have them.
    return process.env.USER ?? `uid ${process.getuid?.() ?? "unknown"}`;
  }
}

export interface Commit {
  /** Full hash of what is checked out. */
  readonly id: string;
  /** Whether files differ from it. */
  readonly dirty: boolean;
}

/** The commit that a folder is at; undefined where git doesn't know one. */
export async function commitAt(folder: string): Promise<Commit | undefined> {
  const git = async (...args: string[]): Promise<string> =>
    (await run("git", args, { cwd: folder, timeout: gitMs, maxBuffer: 64 * 1024 * 1024 })).stdout.trim();
  try {
    const id = await git("rev-parse", "--verify", "HEAD");
    // Not to wait for, nor disturb, somebody's git.
    const changes = await git("--no-optional-locks", "status", "--porcelain");
    return { id, dirty: changes !== "" };
  } catch {
    // No git, no repository, no commit yet: the record does without.
    return undefined;
  }
}
