import type { Client, DatabaseError } from "pg";

/** A statement of the service as pg_stat_statements knows it. */
export interface StatementFigures {
  /** Its first 200 characters. */
  readonly query: string;
  readonly calls: number;
  /** Mean time of one call, in ms. */
  readonly meanMs: number;
}

interface Counted extends StatementFigures {
  readonly id: string;
  readonly totalMs: number;
}

/** How many statements are kept: those that took most of the server's time. */
const topStatements = 10;

/** No pg_stat_statements to be had: not preloaded, not allowed, not there. */
const unavailable = new Set(["55000", "42501", "42P01", "42703"]);

/**
 * The statements on some tables that cost most, since the server began to count them, without our own; undefined where
 * they can't be read. Those of other roles are seen by members of pg_read_all_stats alone.
 * The columns are those of PostgreSQL 13 and later.
 */
export async function readStatistics(client: Client, tables: readonly string[]): Promise<Counted[] | undefined> {
  if (tables.length === 0) return undefined;
  const found = await client.query<{ view: string }>(
    `SELECT format('%I.pg_stat_statements', n.nspname) AS view
       FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace WHERE e.extname = 'pg_stat_statements'`,
  );
  const view = found.rows[0]?.view;
  if (view === undefined) return undefined;
  const names = tables.map((table) => (table.split(".").at(-1) ?? table).replace(/[^\w]/g, "\\$&"));
  try {
    const { rows } = await client.query<Counted>(
      `SELECT coalesce(queryid::text, '') AS id, left(regexp_replace(query, '\\s+', ' ', 'g'), 200) AS query,
              sum(calls)::float8 AS calls, sum(total_exec_time) AS "totalMs",
              sum(total_exec_time) / greatest(sum(calls), 1) AS "meanMs"
         FROM ${view} WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
          AND pg_get_userbyid(userid) NOT IN (current_user, session_user)
          AND query ~ $1 AND query !~* '^\\s*(create|alter|drop|analyze|vacuum|reindex|truncate|comment|begin|commit|set|copy)\\M'
        GROUP BY 1, 2 ORDER BY 4 DESC LIMIT ${topStatements}`,
      [`\\m(${names.join("|")})\\M`],
    );
    return rows;
  } catch (error) {
    if (unavailable.has((error as DatabaseError).code ?? "")) return undefined;
    throw error;
  }
}

/** Before, and since: what ran in between, its mean over those calls alone. Empty where either can't be read. */
export function compareStatistics(
  before: readonly Counted[] | undefined,
  after: readonly Counted[] | undefined,
): { query: string; before?: Omit<StatementFigures, "query">; after?: Omit<StatementFigures, "query"> }[] {
  if (before === undefined || after === undefined) return [];
  const known = new Map(before.map((each) => [each.id, each]));
  const ids = [...new Set([...known.keys(), ...after.map(({ id }) => id)])];
  return ids.flatMap((id) => {
    const was = known.get(id);
    const is = after.find((each) => each.id === id);
    const query = (is ?? was)?.query ?? "";
    const calls = (is?.calls ?? 0) - (was?.calls ?? 0);
    const meanMs = calls > 0 ? ((is?.totalMs ?? 0) - (was?.totalMs ?? 0)) / calls : 0;
    return {
      query,
      ...(was === undefined ? {} : { before: { calls: was.calls, meanMs: was.meanMs } }),
      ...(calls > 0 ? { after: { calls, meanMs } } : {}),
    };
  });
}
