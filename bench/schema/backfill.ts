import { setTimeout as delay } from "node:timers/promises";
import type { Connection } from "../../infra/providers/connection";
import { runBackfill } from "../../infra/providers/schema/backfill";
import { withRun } from "../../infra/providers/schema/session";
import { parseMigration } from "../../infra/schema";
import { Bench } from "./database";
import { count, ms, quantile, seconds, type Result } from "./report";
import { besideSmall, RATE } from "./small";

const UPDATE = "UPDATE pages SET slug = lower(replace(title, ' ', '-'))";
/** Length of the undisturbed measure before, in ms. */
const ALONE = 15_000;
/** A rate at the end of the table of at least this part of the one at its beginning is called flat. */
const FLAT = 0.8;

/** A backfill of a whole table against one plain UPDATE of it, both beside small transactions on the same table. */
export async function benchBackfill(major: 15 | 18, rows: number, say: (line: string) => void): Promise<Result[]> {
  const bench = await Bench.open(major);
  try {
    const batched = await prepared(bench, "batched", rows);
    const alone = await besideSmall(
      () => bench.connect(batched),
      rows,
      () => delay(ALONE),
    );
    const backfill = await besideSmall(
      () => bench.connect(batched),
      rows,
      () => runOne(batched, bench.password, say),
    );
    const figures = backfill.result;
    if (figures.rows !== rows) throw new Error(`the backfill changed ${figures.rows} of ${rows} rows`);
    const plain = await prepared(bench, "plain", rows);
    const update = await besideSmall(
      () => bench.connect(plain),
      rows,
      () => plainUpdate(bench, plain),
    );
    const change = figures.rowsPerSecondLastTenth / figures.rowsPerSecondFirstTenth;
    const small = (times: readonly number[]): string =>
      `p50 ${ms(quantile(times, 0.5))}, p99 ${ms(quantile(times, 0.99))}, slowest ${ms(quantile(times, 1))}`;
    return [
      {
        what: `backfill of ${count(rows)} rows`,
        found: `${seconds(figures.ms)} (${seconds(figures.pausedMs)} in pauses), ${count(figures.rowsPerSecond)} rows/s`,
      },
      { what: "one plain UPDATE", found: `${seconds(update.result)}, ${count(rows / (update.result / 1_000))} rows/s` },
      {
        what: "backfill at work: first tenth, last tenth of the table",
        found: `${count(figures.rowsPerSecondFirstTenth)}, ${count(figures.rowsPerSecondLastTenth)} rows/s`,
        goal: `the last at least ${FLAT * 100} %`,
        met: change >= FLAT,
      },
      { what: `small transactions, ${RATE}/s, alone`, found: small(alone.times) },
      { what: "beside the backfill", found: small(backfill.times) },
      { what: "beside the plain UPDATE", found: small(update.times) },
    ];
  } finally {
    await bench.close();
  }
}

async function prepared(bench: Bench, name: string, rows: number): Promise<Connection> {
  const connection = await bench.database(name);
  const client = await bench.connect(connection);
  await client.query("CREATE TABLE pages (id bigint PRIMARY KEY, title text NOT NULL, slug text, views int NOT NULL)");
  await client.query(
    "INSERT INTO pages SELECT n, 'Page ' || md5(n::text), NULL, 0 FROM generate_series(1, $1::bigint) n",
    [rows],
  );
  await client.query("VACUUM ANALYZE pages");
  await client.end();
  return connection;
}

function runOne(connection: Connection, password: string, say: (line: string) => void) {
  const text = `-- switchyard: phase=expand\n-- migrate:up transaction:false\n-- switchyard: backfill=id\n${UPDATE};\n-- migrate:down\nSELECT 1;\n`;
  const [statement] = parseMigration("0001_backfill.sql", text).up.statements;
  if (statement === undefined) throw new Error("the migration has no statement");
  return withRun({ connection, password, owner: connection.user }, { say }, (run) =>
    runBackfill(run, statement, { version: "0001", direction: "up", index: 0 }),
  );
}

async function plainUpdate(bench: Bench, connection: Connection): Promise<number> {
  const client = await bench.connect(connection);
  const began = performance.now();
  await client.query(UPDATE);
  const took = performance.now() - began;
  await client.end();
  return took;
}
