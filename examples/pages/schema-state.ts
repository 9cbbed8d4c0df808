import type { Database, Sql } from "./database";

/** What `switchyard.migrations` says; a migration counts as applied once it has finished. */
export interface SchemaState {
  /** The newest migration that is applied; null when none is. */
  newest: string | null;
  /** Contract migrations applied after the one that this release was built against, oldest first. */
  contractsPast: string[];
}

/** Versions are digits of any length (0006, 20260201120000), so they are compared as numbers. */
const readState = (required: string): Sql => ({
  text: `
    SELECT
      (array_agg(version ORDER BY version::numeric DESC))[1] AS newest,
      coalesce(
        array_agg(version ORDER BY version::numeric) FILTER (WHERE phase = 'contract' AND version::numeric > $1::numeric),
        '{}'
      ) AS "contractsPast"
    FROM switchyard.migrations
    WHERE finished_at IS NOT NULL`,
  values: [required],
});

/** @throws what Database.read throws; 42P01 where Switchyard has never run on this database */
export async function readSchemaState(database: Database, required: string, withinMs: number): Promise<SchemaState> {
  const [state] = await database.read<SchemaState>(readState(required), withinMs);
  return state ?? { newest: null, contractsPast: [] };
}

/** Why a release built against migration `required` can't run on a schema; undefined where it can. */
export function judgeSchema(required: string, { newest, contractsPast }: SchemaState): string | undefined {
  if (newest === null || BigInt(newest) < BigInt(required))
    return `the schema is at ${newest ?? "no migration"}, this release needs ${required} or later; run: pulumi up`;
  const [first] = contractsPast;
  if (first !== undefined)
    return `contract migration ${first} is applied, past ${required}, which this release was built against; it can't run on this schema`;
  return undefined;
}
