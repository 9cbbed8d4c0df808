import type { Client } from "pg";
import { compareVersions, type Migration } from "../../schema";

/** A migration as a database has it on record. */
export interface Recorded {
  readonly version: string;
  readonly name: string;
  readonly phase: "expand" | "contract";
  readonly checksum: string;
  /** Empty where an older version recorded none. */
  readonly up: string;
  /** False: it began and did not end. */
  readonly finished: boolean;
  /** How many of its statements are done where it did not end. */
  readonly statements: number;
}

/** Every migration on record, in the order in which they finished; those that did not come last. */
export async function readRecorded(client: Client): Promise<Recorded[]> {
  const there = await client.query<{ there: boolean }>(
    "SELECT to_regclass('switchyard.migrations') IS NOT NULL AS there",
  );
  if (there.rows[0]?.there !== true) return [];
  const { rows } = await client.query<Recorded>(
    `SELECT version, name, phase, checksum, up, finished_at IS NOT NULL AS finished, statements_applied AS statements
       FROM switchyard.migrations ORDER BY finished_at NULLS LAST, length(version), version`,
  );
  return rows;
}

export const findVersion = <T extends { readonly version: string }>(
  all: readonly T[],
  version: string,
): T | undefined => all.find((each) => compareVersions(each.version, version) === 0);

/** Is it on record as applied? */
export const isApplied = (history: readonly Recorded[], { version }: Pick<Migration, "version">): boolean =>
  findVersion(history, version)?.finished === true;
