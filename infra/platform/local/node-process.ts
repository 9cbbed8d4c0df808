import { join } from "node:path";
import { projectFolder } from "../../providers/project";
import type { ProcessRef } from "./process/identity";
import { record } from "./process/ledger";
import { launch } from "./process/lifecycle";

export interface NodeProcess {
  /** Path of a TypeScript or JavaScript file, relative to the project. */
  entry: string;
  args?: string[];
  env: Record<string, string>;
  /** Become environment variables inside the process only. */
  secrets: Record<string, string>;
  /** The stack's own folder, absolute: the log and the record of what was started go there. */
  folder: string;
  /** Names the log file, and what the process is on record as: blue, green, balancer. */
  group: string;
}

/** Starts a Node.js file of the project, compiled as it is loaded, with this very Node.js. */
export async function launchNode({ entry, args = [], env, secrets, folder, group }: NodeProcess): Promise<ProcessRef> {
  const project = projectFolder();
  const preload = join(project, "infra/platform/local/process/secrets-from-stdin.cjs");
  const ref = await launch({
    command: process.execPath,
    args: ["--require", preload, "--import", "tsx", join(project, entry), ...args],
    cwd: project,
    env: { PATH: "/usr/local/bin:/usr/bin:/bin", HOME: process.env.HOME ?? "/", TZ: "UTC", ...env },
    log: logOf(folder, group),
    stdin: JSON.stringify(secrets),
  });
  record(folder, group, ref);
  return ref;
}

/** Where a process of that group writes what it prints. */
export const logOf = (folder: string, group: string): string => join(folder, "logs", `${group}.log`);
