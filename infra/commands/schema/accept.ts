import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../../tools/project.cjs";
import { isMigrationVersion } from "../../config";
import { compareVersions, readFolder } from "../../schema";
import { pulumi, stackNamed } from "../pulumi";
import { CommandError, oneLine, say, sayJson } from "../say";
import { migrationsFolder } from "./folder";
import { isApplied, type Recorded } from "./history";
import { knownRecords } from "./known";
import { findSource, type SourceOptions } from "./source";

export interface AcceptOptions extends SourceOptions {
  readonly reason: string;
  readonly json?: true;
}

/**
 * Accepts that the file of an applied migration was edited or deleted, by the stack's config and with a reason: nothing
 * of it is run, and the next `up` records it.
 * @returns the exit code: 0, also where it was accepted before
 * @throws CommandError where there is nothing to accept
 */
export async function accept(given: string, options: AcceptOptions): Promise<number> {
  const reason = oneLine(options.reason);
  if (!/\p{L}{2,}.*\p{L}{2,}/su.test(reason))
    throw new CommandError(`the reason "${reason}" says nothing: say in a few words why the difference does no harm`);
  const stack = await stackNamed(options.stack);
  const source = await findSource({ ...options, stack }, process.env);
  const { records = [], silence } = await knownRecords(source);
  const record = records.find((one) => isApplied(one) && sameVersion(one.version, given));
  if (record === undefined) throw new CommandError(notApplied(given, stack, records, silence?.why));
  const { version, name } = record;
  if (!isMigrationVersion(version))
    throw new CommandError(`config names migrations by 4 to 18 digits, and ${version} can't be written there`);
  const what = differenceOf(record);
  const { acceptEdited } = source.stack?.config.overrides ?? { acceptEdited: [] };
  const before = acceptEdited.some((one) => compareVersions(one, version) === 0);
  const file = `Pulumi.${stack.split("/").at(-1) ?? stack}.yaml`;
  if (!before) {
    const path = `acceptEdited[${acceptEdited.length}]`;
    await pulumi(["config", "set", "--path", path, version, "--type", "string"], stack);
  }
  const noted = before || noteReason(join(root, file), version, reason);
  const next = [
    `git commit -m "Accept ${version}: ${reason.replace(/["\\$`]/g, "\\$&")}" ${file}`,
    `npx pulumi up --stack ${stack}`,
  ];
  if (options.json === true) {
    sayJson({ stack, version, name, difference: what, reason, config: file, alreadyAccepted: before, next });
    return 0;
  }
  const done = before
    ? `It is accepted in ${file} already (acceptEdited); nothing was changed.`
    : `Accepted in ${file} (acceptEdited).`;
  const lost = noted ? [] : [`The reason could not be noted there as a comment: the commit has to say it.`];
  say(
    [
      `${version}_${name}: ${what}.`,
      done,
      ...lost,
      "Nothing of it is run: this database and one made from the files may differ.",
      `Next: ${next.join("\n      ")}`,
      "The up records it; take it out of acceptEdited once the file is as it was.",
    ].join("\n"),
  );
  return 0;
}

const sameVersion = (a: string, b: string): boolean => /^\d{1,18}$/.test(b) && compareVersions(a, b) === 0;

function notApplied(
  given: string,
  stack: string,
  records: readonly Recorded[],
  unreachable: string | undefined,
): string {
  const applied = records.filter(isApplied).map(({ version }) => version);
  const range = applied.length === 0 ? "none is" : `applied are ${applied[0] ?? ""} to ${applied.at(-1) ?? ""}`;
  const from = unreachable === undefined ? "" : `, as its state says; its database can't be asked: ${unreachable}`;
  return `${given} is not the version of a migration that stack ${stack} has applied (${range}${from})`;
}

/** @throws CommandError when the file is as it was applied. */
function differenceOf({ version, name, checksum }: Recorded): string {
  const { migrations, problems } = readFolder(migrationsFolder);
  const file = migrations.find((one) => compareVersions(one.version, version) === 0);
  const short = (sum: string): string => `${sum.slice(0, 12)}…`;
  if (file?.checksum === checksum)
    throw new CommandError(`${version}_${name} is as it was applied (${short(checksum)}): there is nothing to accept`);
  if (file !== undefined)
    return `its file was ${short(checksum)} when it was applied, and is ${short(file.checksum)} now`;
  const broken = problems.find((problem) => sameVersion(version, /^\d+/.exec(problem.file)?.[0] ?? ""));
  if (broken !== undefined)
    throw new CommandError(`${broken.file} can't be read, so nobody can say what would be accepted: ${broken.message}`);
  return `its file is gone; it was ${short(checksum)} when it was applied`;
}

/** Beside the version, as a comment: it goes where the exception goes. @returns false where the place isn't found. */
function noteReason(path: string, version: string, reason: string): boolean {
  const text = readFileSync(path, "utf8");
  const list = /^ *(?:switchyard:)?acceptEdited:[ \t]*\n(?:[ \t]*(?:-.*|#.*)?\n)*/m.exec(text);
  if (list === null) return false;
  const noted = list[0].replace(
    new RegExp(`^([ \\t]*- ["']?${version}["']?)[ \\t]*$`, "m"),
    `$1 # ${reason.replaceAll("$", "$$$$")}`,
  );
  if (noted === list[0]) return false;
  writeFileSync(path, text.slice(0, list.index) + noted + text.slice(list.index + list[0].length));
  return true;
}
