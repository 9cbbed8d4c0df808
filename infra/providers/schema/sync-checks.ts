import type { Client } from "pg";
import type { Sync } from "../../schema";
import { bindSync, newNames, oldNames, quotedTable, sidesOf, syncTable, tableLabel } from "../../schema/sync";
import { quoted } from "../../schema/sync-expression";
import type { SyncColumn, SyncColumns, SyncSql } from "../../schema/sync-sql";
import { isConstant, type CatalogueColumn, type CatalogueTable } from "./sync-catalogue";
import type { RecordedSync } from "./sync-record";

/** A sync that is about to be installed, with what the catalogue says of its table. */
export interface Candidate {
  readonly id: string;
  readonly sync: Sync;
  readonly table: CatalogueTable;
  readonly columns: SyncColumns;
  readonly sql: SyncSql;
}

/**
 * Refuses a sync that would break a release's writes, or could not tell which shape a release has written.
 * @returns what the operator should know, though nothing forbids it
 * @throws Error with everything that is wrong, each with the way out
 */
export async function assertInstallable(
  client: Client,
  candidate: Candidate,
  active: readonly RecordedSync[],
): Promise<string[]> {
  const { sync } = candidate;
  const problems = [...tableProblems(candidate), ...columnProblems(candidate), ...overlaps(candidate, active)];
  // The queries below take the above for granted.
  if (problems.length === 0 && sync.shape !== "not-null") {
    await assertPlannable(client, candidate);
    problems.push(...(await castProblems(client, candidate)), ...(await absentProblems(client, candidate)));
  } else if (problems.length === 0) await assertPlannable(client, candidate);
  const { volatile, stable } = sync.shape === "not-null" ? none : await volatility(client, sync);
  if (volatile.length > 0)
    problems.push(
      `${volatile.join(", ")}() may give another value each time, so both shapes would never agree; declare the ` +
        "function IMMUTABLE where it is, or use another one",
    );
  if (problems.length > 0) throw new Error(`${describe(candidate)} can't be installed: ${problems.join("; and ")}`);
  return stable.length === 0
    ? []
    : [`${describe(candidate)} calls ${stable.join(", ")}(), whose value may change with the session's settings`];
}

const none = { volatile: [], stable: [] };

/** "the sync 0004/1 of people (name and first_name, last_name)". */
export const describe = ({ id, sync }: Pick<RecordedSync, "id" | "sync">): string =>
  `the sync ${id} of ${tableLabel(syncTable(sync))} (${sidesOf(sync)})`;

function tableProblems({ sync, table }: Candidate): string[] {
  const label = tableLabel(syncTable(sync));
  if (table.kind !== "r" && table.kind !== "p") return [`${label} is no table, so that no row trigger can fill it`];
  if (table.isPartition) return [`${label} is a partition; name the partitioned table instead`];
  if (table.foreignParts > 0) return [`${label} has partitions on another server; write a sync=manual`];
  if (table.kind === "r" && table.children > 0)
    return [`tables inherit from ${label}, whose rows its triggers would not see; write a sync=manual`];
  return [];
}

function columnProblems({ sync, table }: Candidate): string[] {
  const of = (names: string[]) => names.flatMap((name) => table.columns.get(name) ?? []);
  const news = of(newNames(sync));
  return [
    ...[...of(oldNames(sync)), ...news].flatMap(eitherSide),
    ...(sync.shape === "not-null" ? [] : news.flatMap(newSide)),
  ];
}

function eitherSide(column: CatalogueColumn): string[] {
  const { name } = column;
  if (column.generated) return [`${name} is a generated column, which no trigger can set; leave it out of the sync`];
  if (column.partitionKey)
    return [`${name} is in the partition key, and a trigger may not move a row to another partition`];
  if (column.domainNotNull && column.default === null && !column.domainDefault)
    return [
      `the type of ${name} refuses NULL, so a release that does not know the column could not insert a row; give the ` +
        "column a default first",
    ];
  return [];
}

/** Whether a row was given the new shape is seen from its new columns, so these must not fill themselves. */
function newSide(column: CatalogueColumn): string[] {
  const { name } = column;
  const wayOut = `leave it off ${name} (an old column's default reaches it through the sync), and set it in the contract`;
  if (column.identity)
    return [`${name} is an identity column, so a row of an old release would look like a new one's; ${wayOut}`];
  if (column.domainDefault && column.default === null)
    return [`the type of ${name} has a default, so a row of an old release would look like a new one's; ${wayOut}`];
  if (!isConstant(column.default))
    return [
      `${name} has the default ${column.default ?? ""}, which is not constant, so a row of an old release would look ` +
        `like a new one's; ${wayOut}`,
    ];
  return [];
}

/** Triggers of two syncs over one column would work against each other. */
function overlaps({ id, sync }: Candidate, active: readonly RecordedSync[]): string[] {
  const table = quotedTable(syncTable(sync));
  const mine = [...oldNames(sync), ...newNames(sync)];
  return active
    .filter((other) => other.id !== id && quotedTable(syncTable(other.sync)) === table)
    .flatMap((other) => {
      const shared = [...oldNames(other.sync), ...newNames(other.sync)].filter((name) => mine.includes(name));
      if (shared.length === 0) return [];
      return [`${shared.join(", ")} is kept in step by ${describe(other)} already; end that one by its contract first`];
    });
}

/** Planning the query finds unknown functions, types that don't fit and aggregates, without reading a row. */
async function assertPlannable(client: Client, candidate: Candidate): Promise<void> {
  const { sync, sql } = candidate;
  const values = sql.made.map((value, index) => `${value} AS v${index}`).join(", ");
  try {
    await client.query(`SELECT ${values} FROM ${quotedTable(syncTable(sync))} AS r WHERE ${sql.differs} LIMIT 0`);
  } catch (error) {
    throw new Error(
      `${describe(candidate)} can't be installed: PostgreSQL does not take its expressions (${(error as Error).message})`,
      { cause: error },
    );
  }
}

/** Plain casts between times depend on the session's TimeZone and DateStyle: two releases could read other values. */
async function castProblems(client: Client, { sync, table }: Candidate): Promise<string[]> {
  const [old = "", created = ""] = [oldNames(sync)[0], newNames(sync)[0]];
  const directions = [
    { key: "forward", given: sync.forward, from: old, to: created },
    { key: "backward", given: sync.backward, from: created, to: old },
  ].filter(({ given }) => given.length === 0);
  const problems: string[] = [];
  for (const { key, from, to } of directions) {
    const types = [table.columns.get(from)?.bareType ?? "", table.columns.get(to)?.bareType ?? ""];
    const { rows } = await client.query<{ stable: boolean }>(
      `SELECT s.oid <> t.oid AND (s.typcategory IN ('D', 'T') OR t.typcategory IN ('D', 'T'))
              AND coalesce(cast_function.provolatile <> 'i', c.castmethod IS DISTINCT FROM 'b'
                AND (written.provolatile <> 'i' OR read.provolatile <> 'i')) AS stable
         FROM pg_type s CROSS JOIN pg_type t
         LEFT JOIN pg_cast c ON c.castsource = s.oid AND c.casttarget = t.oid
         LEFT JOIN pg_proc cast_function ON cast_function.oid = c.castfunc
         LEFT JOIN pg_proc written ON written.oid = s.typoutput LEFT JOIN pg_proc read ON read.oid = t.typinput
        WHERE s.oid = to_regtype($1) AND t.oid = to_regtype($2)`,
      types,
    );
    if (rows[0]?.stable !== true) continue;
    problems.push(
      `a plain cast from ${types[0] ?? ""} to ${types[1] ?? ""} depends on the session's TimeZone and DateStyle; say ` +
        `${key}="…" (for times: ${quoted(from)} AT TIME ZONE 'UTC')`,
    );
  }
  return problems;
}

/** A row that leaves both shapes out must read alike through both, and an old release's must not be refused. */
async function absentProblems(client: Client, { table, columns, sql }: Candidate): Promise<string[]> {
  if (columns.old.some(({ required }) => required)) return [];
  const row = (defaults: (column: SyncColumn) => string | undefined): string =>
    [...columns.old, ...columns.new]
      .map((column) => `CAST(${defaults(column) ?? "NULL"} AS ${column.type}) AS ${quoted(column.name)}`)
      .join(", ");
  const shown = (names: readonly SyncColumn[]): string => names.map(({ name }) => name).join(", ");
  const problems: string[] = [];
  if (columns.new.some((column) => column.default !== undefined)) {
    const changing = columns.old.find(({ name }) => !isConstant(table.columns.get(name)?.default ?? null));
    const alike = `SELECT ${sql.newFollows} AS alike FROM (SELECT ${row((column) => column.default)}) AS r`;
    const { rows } =
      changing === undefined ? await client.query<{ alike: boolean }>(alike) : { rows: [{ alike: false }] };
    if (rows[0]?.alike !== true)
      problems.push(
        `the default of ${shown(columns.new)} is not what forward makes of the default of ${shown(columns.old)}, so a ` +
          `row that leaves both out would read differently; leave it off, or make it that value`,
      );
  }
  const strict = columns.new.filter(({ name }) => table.columns.get(name)?.notNull === true);
  const nullable = columns.old.every(({ name }) => table.columns.get(name)?.notNull === false);
  if (strict.length > 0 && nullable && problems.length === 0) {
    const tests = columns.new.map(
      ({ name }, index) => `(${strict.some((one) => one.name === name) ? sql.made[index] : "0"}) IS NULL`,
    );
    const { rows } = await client.query<{ refused: boolean }>(
      `SELECT ${tests.join(" OR ")} AS refused FROM (SELECT ${row(() => undefined)}) AS r`,
    );
    if (rows[0]?.refused === true)
      problems.push(
        `${shown(columns.old)} may be NULL, for which forward gives NULL, and ${shown(strict)} is NOT NULL: an old ` +
          "release's write would be refused; say what it is then, with coalesce(…) in forward",
      );
  }
  return problems;
}

async function volatility(client: Client, sync: Sync): Promise<{ volatile: string[]; stable: string[] }> {
  const { forward, backward } = bindSync(sync);
  const names = [...forward, ...backward].flatMap(({ calls }) => calls.map((call) => call.split(".").at(-1) ?? call));
  const { rows } = await client.query<{ name: string; kind: string }>(
    `SELECT proname AS name, CASE WHEN bool_and(provolatile = 'v') THEN 'v' WHEN bool_and(provolatile <> 'i') THEN 's' ELSE 'i' END AS kind
       FROM pg_proc WHERE proname = ANY ($1) GROUP BY proname ORDER BY proname`,
    [names],
  );
  const of = (kind: string): string[] => rows.filter((row) => row.kind === kind).map(({ name }) => name);
  return { volatile: of("v"), stable: of("s") };
}
