import { compareVersions, type Migration } from "../../schema";
import { compareCatalogues, formatDifferences, type Catalogue } from "../../schema/catalogue-diff";
import { readCatalogue } from "./catalogue";
import type { Copy } from "./rehearsal-copy";
import { compareData, readData } from "./rehearsal-data";
import type { RehearsalOptions } from "./rehearsal-types";

/** How a migration failed: which step of its rehearsal, and what is to be read below it. */
export class StepFailure extends Error {
  constructor(
    readonly migration: Migration,
    readonly head: string,
    readonly lines: readonly string[],
    readonly mend: string,
    options?: ErrorOptions,
  ) {
    super(head, options);
  }
}

/** Runs the current release's smoke where that release can run at all. */
export type Smoke = (migration: Migration, when: string) => Promise<void>;

const mendDown = 'mend its down so that it undoes all of its up, or say irreversible="why" in its place';

/**
 * One migration up, down and up again. Before the up and after the down the catalogues are alike, and so are both after an
 * up; the rows of an expand come back too (a contract's down restores shape, not data). One that says that it is
 * irreversible runs up only. The smoke runs when what it writes can't be taken for the migration's any more: after the down
 * and after the second up, which leave what the database is before and after this migration.
 * @throws StepFailure
 */
export async function rehearseMigration(copy: Copy, migration: Migration, smoke: Smoke): Promise<void> {
  const { reader } = copy;
  const reversible = migration.irreversible === undefined;
  const keepsData = reversible && migration.phase === "expand" && migration.down.statements.length > 0;
  const before = await readCatalogue(reader);
  const rows = keepsData ? await readData(reader) : undefined;
  await up(copy, migration, "its up fails");
  if (!reversible) {
    await smoke(migration, "its up");
    return;
  }
  const first = await readCatalogue(reader);
  await down(copy, migration);
  const left = differences(before, await readCatalogue(reader), "before the up", "after the down");
  if (rows !== undefined && left.length === 0) left.push(...compareData(rows, await readData(reader, rows)));
  if (left.length > 0) {
    const again = await upAgain(copy, migration);
    const head = "what is there after its down is not what was there before its up";
    throw new StepFailure(migration, head, [...left, ...again], mendDown);
  }
  await smoke(migration, "its down");
  await up(copy, migration, "its second up fails, though its first went well");
  const second = differences(first, await readCatalogue(reader), "after the first up", "after the second");
  if (second.length > 0)
    throw new StepFailure(migration, "its second up leaves something else than its first", second, mendDown);
  await smoke(migration, "its up");
}

async function up(copy: Copy, migration: Migration, head: string): Promise<void> {
  await copy.assertKept();
  try {
    await copy.step(migration, "up");
  } catch (error) {
    throw new StepFailure(migration, head, linesOf(error), "mend the file", { cause: error });
  }
}

async function down(copy: Copy, migration: Migration): Promise<void> {
  await copy.assertKept();
  try {
    await copy.step(migration, "down");
  } catch (error) {
    throw new StepFailure(migration, "its down fails", linesOf(error), mendDown, { cause: error });
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

const linesOf = (error: unknown): string[] => (error as Error).message.split("\n");

const differences = (before: Catalogue, after: Catalogue, was: string, is: string): string[] =>
  formatDifferences(compareCatalogues(before, after), { before: was, after: is });

/**
 * The smoke of the current release, for as long as it can run: not after a contract that breaks it, nor anywhere behind
 * that.
 */
export function smokeOf({ smoke, releaseSchema }: RehearsalOptions, copy: Copy): Smoke {
  let broken = false;
  return async (migration, when) => {
    const contract = migration.phase === "contract" && when === "its up";
    broken ||=
      contract &&
      releaseSchema !== undefined &&
      compareVersions(releaseSchema, migration.breaksBelow ?? migration.version) < 0;
    if (smoke === undefined || broken) return;
    try {
      await smoke(copy.database);
    } catch (error) {
      const head = `the smoke of the current release fails after ${when}`;
      throw new StepFailure(migration, head, linesOf(error), "keep what the current release needs", { cause: error });
    }
  };
}
