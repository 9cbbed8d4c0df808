import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "pg";
import type { Statement } from "../../schema";
import { treeOf } from "../../schema/statement";
import { all, as, hasOption, strings } from "../../schema/tree";
import type { RangeVar } from "libpg-query";
import type { Run } from "./run";

/**
 * How long dropping what a broken build has left may wait for transactions that use the table, in ms. It holds nobody up
 * meanwhile; where it gives up, the next run drops it.
 */
const dropTimeoutMs = 5_000;

/** How long another session may go on building the same index before it is given up, in ms. */
const builderWaitMs = 120_000;

/** What PostgreSQL runs in no transaction, and what a kill in its middle leaves behind. */
export type Outside =
  | { does: "create index"; index: string; table: string }
  | { does: "drop indexes"; indexes: string[] }
  | { does: "reindex"; target: string }
  | { does: "detach"; parent: string; partition: string }
  /** VACUUM and the like: doing it again changes nothing. */
  | { does: "other" };

export function outsideOf(client: Client, statement: Statement): Outside {
  const { node } = treeOf(statement);
  const quoted = (parts: readonly (string | undefined)[]): string =>
    parts
      .filter((part) => part !== undefined)
      .map((part) => client.escapeIdentifier(part))
      .join(".");
  const relation = (of: RangeVar | undefined): string => quoted([of?.schemaname, of?.relname]);
  const create = as(node, "IndexStmt");
  if (create?.idxname !== undefined)
    return {
      does: "create index",
      index: quoted([create.relation?.schemaname, create.idxname]),
      table: relation(create.relation),
    };
  const drop = as(node, "DropStmt");
  if (drop?.removeType === "OBJECT_INDEX")
    return { does: "drop indexes", indexes: all(drop.objects, "List").map(({ items }) => quoted(strings(items))) };
  const reindex = as(node, "ReindexStmt");
  if (reindex?.relation !== undefined && hasOption(reindex.params, "concurrently"))
    return { does: "reindex", target: relation(reindex.relation) };
  const alter = as(node, "AlterTableStmt");
  const [detach] = all(alter?.cmds, "AlterTableCmd").flatMap(({ def }) => as(def, "PartitionCmd") ?? []);
  if (detach !== undefined)
    return { does: "detach", parent: relation(alter?.relation), partition: relation(detach.name) };
  return { does: "other" };
}

/**
 * Whether an earlier run did it and could not say so any more. A DETACH that broke off is brought to its end here.
 * What can be done twice is never taken for done.
 */
export async function isDone(run: Run, what: Outside): Promise<boolean> {
  const { client } = run;
  switch (what.does) {
    case "create index": {
      const index = await findIndex(client, what.index);
      return index?.valid === true && index.table === (await oidOf(client, what.table));
    }
    case "drop indexes":
      return (await Promise.all(what.indexes.map((index) => oidOf(client, index)))).every((oid) => oid === null);
    case "detach":
      return finishDetach(run, what);
    default:
      return false;
  }
}

async function finishDetach({ client, say }: Run, what: { parent: string; partition: string }): Promise<boolean> {
  const { rows } = await client.query<{ pending: boolean }>(
    "SELECT inhdetachpending AS pending FROM pg_inherits WHERE inhparent = to_regclass($1) AND inhrelid = to_regclass($2)",
    [what.parent, what.partition],
  );
  if (rows[0] === undefined) return true;
  if (!rows[0].pending) return false;
  say(`${what.partition} is half detached from ${what.parent} by a run that ended; this is brought to its end`);
  await client.query(`ALTER TABLE ${what.parent} DETACH PARTITION ${what.partition} FINALIZE`);
  return true;
}

/**
 * Drops INVALID indexes that a broken build of this statement has left: no query uses them, every write pays for them, a
 * unique one still refuses rows, and IF NOT EXISTS would take it for the index. Nobody else's build is touched.
 * @throws when somebody is still building, or the drop gets no lock
 */
export async function sweep(run: Run, what: Outside): Promise<void> {
  for (const index of await leftOvers(run.client, what)) {
    await waitForBuilder(run, index);
    // Whoever built it may have come to a good end.
    if (!(await leftOvers(run.client, what)).some(({ oid }) => oid === index.oid)) continue;
    run.say(`drops ${index.name}, an INVALID index that a build which broke off has left`);
    await run.assertHeld();
    await run.client.query(`SET lock_timeout = ${dropTimeoutMs}`);
    await run.client.query(`DROP INDEX CONCURRENTLY IF EXISTS ${index.name}`);
  }
}

interface Index {
  readonly oid: string;
  /** Quoted, and with its schema where it needs one. */
  readonly name: string;
  readonly table: string;
  readonly valid: boolean;
}

const columns = `x.indexrelid::oid::text AS oid, x.indexrelid::regclass::text AS name, x.indrelid::oid::text AS "table",
  x.indisvalid AS valid`;

async function leftOvers(client: Client, what: Outside): Promise<Index[]> {
  if (what.does === "create index") {
    const index = await findIndex(client, what.index);
    return index?.valid === false && index.table === (await oidOf(client, what.table)) ? [index] : [];
  }
  if (what.does !== "reindex") return [];
  // A table, or an index of one: PostgreSQL names the new ones _ccnew and those that go _ccold, with a number if need be.
  const { rows } = await client.query<Index>(
    `SELECT ${columns} FROM pg_index AS x JOIN pg_class AS c ON c.oid = x.indexrelid
      WHERE NOT x.indisvalid AND c.relname ~ '_cc(new|old)[0-9]*$'
        AND x.indrelid = coalesce((SELECT indrelid FROM pg_index WHERE indexrelid = to_regclass($1)), to_regclass($1))`,
    [what.target],
  );
  return rows;
}

async function findIndex(client: Client, name: string): Promise<Index | undefined> {
  const { rows } = await client.query<Index>(
    `SELECT ${columns} FROM pg_index AS x WHERE x.indexrelid = to_regclass($1)`,
    [name],
  );
  return rows[0];
}

async function oidOf(client: Client, name: string): Promise<string | null> {
  const { rows } = await client.query<{ oid: string | null }>("SELECT to_regclass($1)::oid::text AS oid", [name]);
  return rows[0]?.oid ?? null;
}

/**
 * Whoever builds holds SHARE UPDATE EXCLUSIVE on the table all along, and shows in pg_stat_progress_create_index; of other
 * roles' sessions only the lock can be seen. Autovacuum takes the same lock and has no user.
 */
async function waitForBuilder({ client, say }: Run, { oid, name, table }: Index): Promise<void> {
  const end = Date.now() + builderWaitMs;
  for (let said = false; ; said = true) {
    const { rows } = await client.query<{ pid: number; application: string }>(
      `SELECT a.pid, a.application_name AS application FROM pg_stat_activity AS a
        WHERE a.pid <> pg_backend_pid() AND a.usesysid IS NOT NULL AND (
          EXISTS (SELECT FROM pg_stat_progress_create_index AS p WHERE p.pid = a.pid AND p.index_relid = $1::oid)
          OR EXISTS (SELECT FROM pg_locks AS l WHERE l.pid = a.pid AND l.granted AND l.relation = $2::oid
            AND l.mode = 'ShareUpdateExclusiveLock' AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())))`,
      [oid, table],
    );
    const [builder] = rows;
    if (builder === undefined) return;
    const who = `pid ${builder.pid} (${builder.application === "" ? "no application name" : builder.application})`;
    if (!said) say(`${name} is INVALID, and ${who} may be building it; waits for that`);
    if (Date.now() > end)
      throw new Error(
        `${name} is INVALID, and ${who} may still be building it; waited ${builderWaitMs / 1_000} s. Run pulumi up ` +
          "again when that is over",
      );
    await delay(250);
  }
}
