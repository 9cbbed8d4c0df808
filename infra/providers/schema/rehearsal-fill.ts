import type { Client } from "pg";
import { compareCatalogues, formatDifferences } from "../../schema/catalogue-diff";
import { readCatalogue } from "./catalogue";
import type { HistoryRow } from "./history";
import type { Copy } from "./rehearsal-copy";
import { findVersion, isApplied, isHalf, readRecorded } from "./rehearsal-history";
import type { RehearsalOptions } from "./rehearsal-types";

/** Why there is nothing to rehearse on; the message says what mends it. */
export class UnfitCopy extends Error {}

const nameOf = ({ version, name }: { version: string; name: string }): string => `${version}_${name}`;

/**
 * Brings a copy to where the database is: all of it on an empty one, what came later on a restored dump.
 * @param history of the database
 * @throws UnfitCopy where that can't be done
 */
export async function fillCopy(copy: Copy, history: readonly HistoryRow[], options: RehearsalOptions): Promise<number> {
  const there = await readRecorded(copy.reader);
  refuseOther(there, history, options);
  const missing = history.filter((row) => row.state === "applied" && !isApplied(there, row));
  for (const row of missing) {
    await copy.assertKept();
    try {
      await copy.replay(row);
    } catch (error) {
      throw new UnfitCopy(
        `the scratch copy can't be brought to where the database is: ${nameOf(row)}, as it was recorded, fails on it:\n` +
          `${(error as Error).message}\nThe database was changed by hand, or its history is not its own; rehearse on a dump ` +
          "of it instead: pulumi config set --path rehearsal.from FILE",
        { cause: error },
      );
    }
  }
  return missing.length;
}

/** A dump of another branch proves nothing of this one. */
function refuseOther(there: readonly HistoryRow[], history: readonly HistoryRow[], options: RehearsalOptions): void {
  for (const row of there.filter(({ state }) => state !== "taken back")) {
    const here = [options.migrations, history].flatMap(
      (all) => findVersion<{ version: string; checksum: string }>(all, row.version) ?? [],
    );
    if (here.some(({ checksum }) => checksum === row.checksum)) continue;
    throw new UnfitCopy(
      `${options.from ?? "the scratch copy"} has ${nameOf(row)} ${row.state === "applied" ? "applied" : "half applied"}, which is ` +
        `${here.length === 0 ? "neither declared nor applied" : "another text"} here; name a dump of this database, or of ` +
        "one with the same migrations: pulumi config set --path rehearsal.from FILE",
    );
  }
}

/**
 * What somebody has changed by hand, a line each: the copy was made by the recorded migrations alone.
 * @param history of the database
 * @throws UnfitCopy where there is any and config refuses it; never while a migration is half done, which it takes to go on
 */
export async function findDrift(
  { copy, real, history }: { copy: Copy; real: Client; history: readonly HistoryRow[] },
  { drift = "warn" }: RehearsalOptions,
  say: (line: string) => void,
): Promise<string[]> {
  const found = compareCatalogues(await readCatalogue(real), await readCatalogue(copy.reader));
  const differences = formatDifferences(found, {
    before: "in the database",
    after: "in a copy made by its recorded migrations",
  });
  if (differences.length === 0) return [];
  const half = history.filter(isHalf);
  const lines = [
    "the database is not as its recorded migrations made it:",
    ...differences.map((line) => `  ${line}`),
    ...half.map((row) => `  (${nameOf(row)} broke off on it: what it did is among these)`),
  ];
  if (drift === "refuse" && half.length === 0)
    throw new UnfitCopy(
      [
        ...lines,
        "Put it back, or write a migration that says it; to go on: pulumi config set --path rehearsal.drift warn",
      ].join("\n"),
    );
  for (const line of lines) say(line);
  return differences;
}
