import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isRunning, type ProcessRef } from "./identity";
import { stop } from "./lifecycle";

/**
 * What was started, on disk from its first moment: state learns of a process only when the whole step is done, and an
 * `up` that is killed before would leave processes that nobody knows of.
 */
export function record(folder: string, group: string, ref: ProcessRef): void {
  const file = fileOf(folder, group, ref);
  mkdirSync(join(folder, "run"), { recursive: true });
  writeFileSync(`${file}.new`, JSON.stringify(ref));
  renameSync(`${file}.new`, file);
}

/** Ends every process of `group` that is on record and not among `known`, and forgets the ones that are gone. */
export async function endStrays(folder: string, group: string, known: readonly ProcessRef[]): Promise<void> {
  const strays = list(folder, group).filter(
    (ref) => !known.some(({ pid, startedAt }) => pid === ref.pid && startedAt === ref.startedAt),
  );
  for (const ref of strays) {
    if (isRunning(ref)) await stop(ref);
    rmSync(fileOf(folder, group, ref), { force: true });
  }
}

function list(folder: string, group: string): ProcessRef[] {
  let names: string[];
  try {
    names = readdirSync(join(folder, "run"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
  return names
    .filter((name) => name.startsWith(`${group}-`) && name.endsWith(".json"))
    .map((name) => JSON.parse(readFileSync(join(folder, "run", name), "utf8")) as ProcessRef);
}

const fileOf = (folder: string, group: string, { pid }: ProcessRef): string =>
  join(folder, "run", `${group}-${pid}.json`);
