import type { Database, Sql } from "./database";

/** What `switchyard.migrations` says; a migration counts as applied once it has finished. */
export interface SchemaState {
  /** The newest migration that is applied; null when none is. */
  newest: string | null;
  /** Contract migrations that break this release, oldest first: applied, or half way in either direction. */
  contractsPast: string[];
}

/** What a release asks of the schema. */
export interface Wanted {
  /** The migration that it was built against. */
  schema: string;
  /** The newest expand at or below that: what has to be applied for its queries. */
  needs: string;
}

/**
 * Versions are digits of any length (0006, 20260201120000), so they are compared as numbers. `state` and `summary` are read
 * from the row as JSON, because an older history has no such columns.
 */
const readState = (schema: string): Sql => ({
  text: `
    SELECT
      (array_agg(version ORDER BY version::numeric DESC) FILTER (WHERE applied))[1] AS newest,
      coalesce(array_agg(version ORDER BY version::numeric) FILTER (WHERE breaks), '{}') AS "contractsPast"
    FROM (
      SELECT version, finished_at IS NOT NULL AS applied,
        phase = 'contract'
          AND coalesce(to_jsonb(m) -> 'summary' ->> 'breaksBelow', version)::numeric > $1::numeric
          AND (finished_at IS NOT NULL OR to_jsonb(m) ->> 'state' IN ('applying', 'taking back')) AS breaks
      FROM switchyard.migrations m
    ) AS each`,
  values: [schema],
});

/** @throws what Database.read throws; 42P01 where Switchyard has never run on this database */
export async function readSchemaState(
  database: Database,
  { schema }: Pick<Wanted, "schema">,
  withinMs: number,
): Promise<SchemaState> {
  const [state] = await database.read<SchemaState>(readState(schema), withinMs);
  return state ?? { newest: null, contractsPast: [] };
}

/** Why a release can't run on a schema; undefined where it can. */
export function judgeSchema({ schema, needs }: Wanted, { newest, contractsPast }: SchemaState): string | undefined {
  if (newest === null || BigInt(newest) < BigInt(needs))
    return `the schema is at ${newest ?? "no migration"}, this release needs ${needs} or later; run: pulumi up`;
  const [first] = contractsPast;
  if (first !== undefined)
    return `contract migration ${first} is applied, past ${schema}, which this release was built against; it can't run on this schema`;
  return undefined;
}
