import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { compareVersions } from "../../schema";
import { CommandError, say, sayJson } from "../say";
import { folderName, migrationsFolder } from "./folder";

export interface NewOptions {
  readonly contract?: true;
  /** False for `transaction:false`. */
  readonly transaction: boolean;
  readonly json?: true;
}

/** As a file name has it; long ones are cut off by listings, and by some file systems at 255 bytes. */
const NAME = /^[a-z0-9][a-z0-9_-]{0,79}$/;

/**
 * Writes the next migration, to be filled in: it is refused by `lint` and preview until it has statements.
 * @returns the exit code: 0
 * @throws CommandError for a bad name, or where the next version doesn't fit; no file is ever written over.
 */
export function createMigration(name: string, options: NewOptions): number {
  assertName(name);
  const version = nextVersion(versionsIn(migrationsFolder), new Date());
  const file = `${folderName}/${version}_${name}.sql`;
  try {
    writeFileSync(join(migrationsFolder, `${version}_${name}.sql`), skeleton(options), { flag: "wx" });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === "EEXIST" ? "it was made by somebody else just now; run the command again" : message;
    throw new CommandError(`${file} can't be written: ${why}`, { cause: error });
  }
  if (options.json === true) sayJson({ version, name, file });
  else say(`${file}\nFill it in, then: npm run schema -- lint ${version}_${name}.sql`);
  return 0;
}

function assertName(name: string): void {
  if (NAME.test(name)) return;
  const near = name
    .replace(/^(?:\d+_)?(.*?)(?:\.sql)?$/i, "$1")
    .toLowerCase()
    .replace(/[^a-z0-9_-]+/g, "_")
    .replace(/^[_-]+|_+$/g, "")
    .slice(0, 80);
  throw new CommandError(
    `"${name}" is no name for a migration: give 1 to 80 of a-z, 0-9, _ and -, starting with a letter or digit, without ` +
      `number and .sql${NAME.test(near) ? `, such as ${near}` : ""}`,
  );
}

function versionsIn(folder: string): string[] {
  try {
    return readdirSync(folder).flatMap((file) => /^(\d{1,18})_/.exec(file)?.[1] ?? []);
  } catch (error) {
    throw new CommandError(`${folderName}/ can't be read: ${(error as Error).message}`, { cause: error });
  }
}

/**
 * The version after the newest, with as many digits: one more, or the time where they are times (14 digits, as dbmate
 * numbers them).
 * @throws CommandError when there is none with so many digits
 */
export function nextVersion(versions: readonly string[], now: Date): string {
  const newest = [...versions].sort(compareVersions).at(-1);
  if (newest === undefined) return "0001";
  const time = now.toISOString().replace(/\D/g, "").slice(0, 14);
  if (newest.length === time.length && compareVersions(time, newest) > 0) return time;
  const next = (BigInt(newest) + 1n).toString().padStart(newest.length, "0");
  if (next.length === newest.length) return next;
  throw new CommandError(
    `${newest} is the last version of ${newest.length} digits, and ${next} would be listed before it; rename the files so ` +
      `that all have ${next.length} digits or more (0${newest}_…): versions count as numbers, so nothing else changes`,
  );
}

function skeleton({ contract, transaction }: NewOptions): string {
  const option = transaction ? "" : " transaction:false";
  const head =
    contract === true
      ? [
          "-- switchyard: phase=contract",
          "-- Runs once no release that it breaks can run: those whose schema is below this migration, or below",
          "-- the version that breaks-below names. Say here what they still use.",
        ]
      : ["-- switchyard: phase=expand", "-- Safe beside old code: say here why the releases that run survive it."];
  const single = transaction
    ? "Up and down are one transaction each."
    : "Each statement is committed by itself; after a kill the next run goes on with the one that was not done.";
  return [
    ...head,
    `-- migrate:up${option}`,
    "",
    `-- ${single} npm run schema -- lint judges them; docs/migrations.md has the rules.`,
    "",
    `-- migrate:down${option}`,
    "",
    "-- What takes it back. It restores the shape; data that it drops is gone.",
    "",
  ].join("\n");
}
