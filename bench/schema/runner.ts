import { spawn } from "node:child_process";
import { once } from "node:events";
import { runStage } from "../../infra/providers/schema/stage";
import { readMigrations, summarise } from "../../infra/schema";
import type { Connection } from "../../infra/providers/connection";
import { Bench } from "./database";
import { trivial, withMigrations } from "./files";
import { quantile, seconds, type Result } from "./report";

const ROUNDS = 3;
const GOAL = 1.3;

/**
 * Trivial migrations through the runner, checks, history and lock included, against one psql that does the same
 * statements in a transaction each and keeps no history. In turns, each time in a new database; the middle of three.
 */
export async function benchRunner(major: 15 | 18, migrations: number): Promise<Result[]> {
  const bench = await Bench.open(major);
  const ours: number[] = [];
  const theirs: number[] = [];
  try {
    await withMigrations(migrations, async (folder) => {
      for (let round = 1; round <= ROUNDS; round += 1) {
        theirs.push(await timed(bench.database(`psql_${round}`), (to) => runPsql(to, bench.password, migrations)));
        ours.push(
          await timed(bench.database(`runner_${round}`), (to) => runOurs(to, bench.password, folder, migrations)),
        );
      }
    });
  } finally {
    await bench.close();
  }
  const [runner, psql] = [quantile(ours, 0.5), quantile(theirs, 0.5)];
  return [
    { what: `${migrations} migrations by the runner`, found: seconds(runner) },
    { what: "psql, a transaction each", found: seconds(psql) },
    {
      what: "ratio",
      found: (runner / psql).toFixed(2),
      goal: `at most ${GOAL}`,
      met: runner / psql <= GOAL,
    },
  ];
}

async function timed(database: Promise<Connection>, work: (to: Connection) => Promise<void>): Promise<number> {
  const to = await database;
  const began = performance.now();
  await work(to);
  return performance.now() - began;
}

async function runPsql(to: Connection, password: string, migrations: number): Promise<void> {
  const args = ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", to.host, "-p", String(to.port), "-U", to.user, to.database];
  const psql = spawn("psql", args, {
    env: { ...process.env, PGPASSWORD: password },
    stdio: ["pipe", "ignore", "inherit"],
  });
  psql.on("spawn", () => {
    for (let n = 1; n <= migrations; n += 1) psql.stdin.write(`BEGIN;\n${trivial(n)}\nCOMMIT;\n`);
    psql.stdin.end();
  });
  const [code] = (await once(psql, "exit").catch((error: unknown) => {
    throw new Error("psql can't be started; install PostgreSQL's client and put it on PATH", { cause: error });
  })) as [number | null];
  if (code !== 0) throw new Error(`psql ended with ${code === null ? "a signal" : `code ${code}`}`);
}

async function runOurs(to: Connection, password: string, folder: string, migrations: number): Promise<void> {
  const summaries = readMigrations(folder).map((one) => summarise(one, [one]));
  const facts = await runStage(
    { connection: to, password, owner: to.user },
    {
      ...{ stage: "widen", folder, migrateTo: "latest", migrations: summaries },
      ...{ plan: { early: [], waits: [] }, acceptEdited: [], acceptLoss: [], release: "bench" },
    },
    { say: () => undefined },
  );
  if (facts.applied.length !== migrations) throw new Error(`only ${facts.applied.length} migrations were applied`);
}
