import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { withMigrations } from "./files";
import { ms, quantile, type Result } from "./report";

/** What `planning.child.ts` prints: ms of each round, the first of them cold. */
export interface PlanningTimes {
  readonly wall: readonly number[];
  /** Of the thread that plans, without the compiler's threads and without waiting for other processes. */
  readonly cpu: readonly number[];
}

const PROCESSES = 5;
const GOAL = 300;

/** Reading, judging and planning all files in a fresh process, and again in the same one. */
export async function benchPlanning(files: number): Promise<Result[]> {
  const runs = await withMigrations(files, (folder) =>
    Array.from({ length: PROCESSES }, (): PlanningTimes => {
      const child = spawnSync(process.execPath, ["--import", "tsx", join(__dirname, "planning.child.ts"), folder], {
        encoding: "utf8",
      });
      if (child.status !== 0) throw new Error(`planning failed: ${child.stderr}`);
      return JSON.parse(child.stdout) as PlanningTimes;
    }),
  );
  const middle = (pick: (times: PlanningTimes) => number | undefined): number =>
    quantile(
      runs.map((times) => pick(times) ?? NaN),
      0.5,
    );
  const cold = middle(({ wall }) => wall[0]);
  const fastest = Math.min(...runs.map(({ wall }) => wall[0] ?? NaN));
  const coldCpu = middle(({ cpu }) => cpu[0]);
  return [
    {
      what: `planning ${files} files in a fresh process`,
      found: `${ms(cold)}, fastest of ${PROCESSES} ${ms(fastest)} (${ms(coldCpu)} of its thread's CPU)`,
      goal: `at most ${GOAL} ms`,
      met: cold <= GOAL,
    },
    {
      what: "again in the same process",
      found: `${ms(middle(({ wall }) => wall[1]))} (${ms(middle(({ cpu }) => cpu[1]))} CPU)`,
    },
  ];
}
