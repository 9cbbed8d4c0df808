/**
 * A backup against plain `pg_dump -Fc` to a file, a restore against plain `pg_restore -j`, and the memory that this process
 * takes beside pg_dump. The database is made on the spot: rows that compress about as text does.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { connectEnv, connectTo } from "../infra/providers/backup/libpq";
import { dumpProgram, restoreProgram } from "../infra/providers/backup/programs";
import { takeBackup } from "../infra/providers/backup/take";
import { drillBackup } from "../infra/providers/backup/verify";
import { storeAt } from "../infra/providers/store/store";
import { startPostgres } from "../test/support/postgres";
import { createRealDatabase, type RealDatabase } from "../test/support/rehearsal";
import { ms, quantile, seconds, type Result } from "./schema/report";

const run = promisify(execFile);
const mebibyte = 2 ** 20;

/** About 200 bytes a row, its index included. */
async function make({ owner }: RealDatabase, megabytes: number): Promise<void> {
  await owner.query(
    `CREATE TABLE made (id bigint PRIMARY KEY, text text, at timestamptz);
     INSERT INTO made SELECT i, repeat(md5(i::text), 4), now() FROM generate_series(1, ${megabytes * 5_000}) AS i;
     CREATE TABLE counter (id int PRIMARY KEY, value bigint); INSERT INTO counter VALUES (1, 0)`,
  );
}

const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const began = performance.now();
  await work();
  return performance.now() - began;
};

/** Small transactions, one after the other, while `work` runs. @returns the 99th percentile of their times, in ms */
async function p99Beside(
  { owner }: RealDatabase,
  work: () => Promise<unknown>,
): Promise<{ p99: number; took: number }> {
  const over = new AbortController();
  const times: number[] = [];
  const beside = (async () => {
    while (!over.signal.aborted)
      times.push(await timed(() => owner.query("UPDATE counter SET value = value + 1 WHERE id = 1")));
  })();
  const took = await timed(work);
  over.abort();
  await beside;
  return { p99: quantile(times, 0.99), took };
}

/** The most that this process held while `work` ran, beyond what it had before, in bytes. */
async function memoryOf(work: () => Promise<unknown>): Promise<number> {
  const before = process.memoryUsage().rss;
  let most = before;
  const timer = setInterval(() => (most = Math.max(most, process.memoryUsage().rss)), 20);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  return most - before;
}

/** @param megabytes size of the database, about. */
export async function benchBackup(megabytes: number, say: (line: string) => void): Promise<Result[]> {
  const postgres = await startPostgres(15);
  const folder = mkdtempSync(join(tmpdir(), "switchyard-bench-"));
  try {
    const database = await createRealDatabase(postgres);
    const { target } = database;
    say(`making about ${megabytes} MB`);
    await make(database, megabytes);
    const store = storeAt({ kind: "local", folder: join(folder, "store") });
    const take = () => takeBackup(target, store, { before: "asked", release: "", say });
    const file = join(folder, "plain.dump");
    const program = await dumpProgram(15);
    const plain = () =>
      run(program.path, ["-Fc", "--file", file, ...connectTo(target.connection)], {
        env: connectEnv(target.connection, target.password),
      });
    say("warming up");
    await plain();
    const alone = await timed(plain);
    const withUs = await timed(take);
    const besidePlain = await p99Beside(database, plain);
    const beside = await p99Beside(database, take);
    const memory = await memoryOf(take);
    const manifest = await take();
    say("restoring");
    const restored = (await drillBackup(target, store, { manifest }, { say })).drill?.restoreMs ?? NaN;
    const restore = await restoreProgram(15);
    await database.owner.query("RESET ROLE");
    await database.owner.query(`CREATE DATABASE plain TEMPLATE template1 OWNER ${target.owner}`);
    const into = { ...target.connection, database: "plain" };
    const jobs = String(Math.min(4, availableParallelism()));
    // The extensions are there already, so plain pg_restore can't end well with them.
    const args = ["-j", jobs, "--no-owner", "--no-privileges", "--schema=public", ...connectTo(into), file];
    const plainRestore = await timed(() => run(restore.path, args, { env: connectEnv(into, target.password) }));
    return [
      { what: "pg_dump -Fc to a file", found: seconds(alone) },
      {
        what: "a backup with its figures, against that",
        found: `${seconds(withUs)}, ${(withUs / alone).toFixed(2)} times`,
        goal: "at most 1.15",
        met: withUs / alone <= 1.15,
      },
      { what: "p99 of small transactions beside pg_dump", found: ms(besidePlain.p99) },
      { what: "p99 of small transactions beside a backup", found: ms(beside.p99) },
      {
        what: "memory beyond pg_dump's own",
        found: `${Math.round(memory / mebibyte)} MiB`,
        goal: "at most 150 MiB",
        met: memory <= 150 * mebibyte,
      },
      { what: `pg_restore -j ${jobs}`, found: seconds(plainRestore) },
      {
        what: "the restore of a drill, against that",
        found: `${seconds(restored)}, ${(restored / plainRestore).toFixed(2)} times`,
        goal: "at most 1.2",
        met: restored / plainRestore <= 1.2,
      },
    ];
  } finally {
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
