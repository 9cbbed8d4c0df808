import type { Direction, Migration } from "../../schema";
import { compareCatalogues, formatDifferences, type Catalogue } from "../../schema/catalogue-diff";
import { readCatalogue } from "./catalogue";
import type { Copy } from "./rehearsal-copy";
import { compareData, readData } from "./rehearsal-data";
import { linesOf, StepFailure } from "./rehearsal-failure";
import type { ReleaseSmoke } from "./rehearsal-smoke";

const mendDown = 'mend its down so that it undoes all of its up, or say irreversible="why" in its place';

/**
 * One migration up, down and up again. Before the up and after the down the catalogues are alike, and so are both after an
 * up; the rows of an expand come back too (a contract's down restores shape, not data). One that says that it is
 * irreversible runs up only. The smoke runs when what it writes can't be taken for the migration's any more: after the down
 * and after the second up, which leave what the database is before and after this migration.
 * @throws StepFailure
 */
export async function rehearseMigration(copy: Copy, migration: Migration, smoke: ReleaseSmoke): Promise<void> {
  const { reader } = copy;
  const reversible = migration.irreversible === undefined;
  const keepsData = reversible && migration.phase === "expand" && migration.down.statements.length > 0;
  const before = await readCatalogue(reader);
  const rows = keepsData ? await readData(reader) : undefined;
  await run(copy, migration, "up", "its up fails", "mend the file");
  if (!reversible) return smoke.after(migration, "up");
  const first = await readCatalogue(reader);
  await run(copy, migration, "down", "its down fails", mendDown);
  const left = differences(before, await readCatalogue(reader), "before the up", "after the down");
  if (rows !== undefined && left.length === 0) left.push(...compareData(rows, await readData(reader, rows)));
  if (left.length > 0) {
    const head = "what is there after its down is not what was there before its up";
    throw new StepFailure(migration, head, [...left, ...(await upAgain(copy, migration))], mendDown);
  }
  await smoke.after(migration, "down");
  await run(copy, migration, "up", "its second up fails, though its first went well", mendDown);
  const second = differences(first, await readCatalogue(reader), "after the first up", "after the second");
  if (second.length > 0)
    throw new StepFailure(migration, "its second up leaves something else than its first", second, mendDown);
  await smoke.after(migration, "up");
}

/** @throws StepFailure with what the runner says */
export async function run(
  copy: Copy,
  migration: Migration,
  direction: Direction,
  head: string,
  mend: string,
): Promise<void> {
  await copy.assertKept();
  try {
    await copy.step(migration, direction);
  } catch (error) {
    throw new StepFailure(migration, head, linesOf(error), mend, { cause: error });
  }
}

/** What is left over mostly makes the next up fail; how it does is worth a line. */
async function upAgain(copy: Copy, migration: Migration): Promise<string[]> {
  try {
    await copy.step(migration, "up");
    return [];
  } catch (error) {
    return ["and so its second up fails:", ...linesOf(error).map((line) => `  ${line}`)];
  }
}

const differences = (before: Catalogue, after: Catalogue, was: string, is: string): string[] =>
  formatDifferences(compareCatalogues(before, after), { before: was, after: is });
