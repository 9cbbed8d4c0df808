import type { Client } from "pg";
import { compareVersions } from "../../schema";
import { readHistory, type HistoryRow } from "./history";

/** Every migration on record, in the order in which they were applied; those that are not come last. */
export async function readRecorded(client: Client): Promise<HistoryRow[]> {
  const history = await readHistory(client);
  const time = ({ finishedAt }: HistoryRow): number => finishedAt?.getTime() ?? Infinity;
  return history.sort((a, b) => (time(a) === time(b) ? compareVersions(a.version, b.version) : time(a) - time(b)));
}

export const findVersion = <T extends { readonly version: string }>(
  all: readonly T[],
  version: string,
): T | undefined => all.find((each) => compareVersions(each.version, version) === 0);

/** Is it on record as applied? */
export const isApplied = (history: readonly HistoryRow[], { version }: { readonly version: string }): boolean =>
  findVersion(history, version)?.state === "applied";

/** Did it begin on that database, in either direction, and leave some of what it does? */
export const isHalf = ({ state }: HistoryRow): boolean => state === "applying" || state === "taking back";
