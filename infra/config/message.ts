import { infoOf, schemaAt, type KeyInfo } from "./key";
import type { Mend, Path, Problem, Shown } from "./problem";
import { isPlainName, keyPath, shellWord } from "./quote";
import { schema } from "./schema";

/** Where a config comes from, for the keys and commands of its messages. */
export interface Source {
  /** Name of the stack, such as "local": its config lies in Pulumi.local.yaml. */
  readonly stack: string;
  /** Name of the project: the namespace of its keys ("switchyard" in "switchyard:greenWeight"). */
  readonly project: string;
}

/** What a message needs to know to be written. */
export interface Audience extends Source {
  /** Top-level keys whose values are secret, and never shown. */
  readonly secret: ReadonlySet<string>;
}

/**
 * Everything that is wrong with a stack's config, in one message for the person who wrote it: for each problem the key,
 * what was found, what is allowed, and the command that mends it. No value of a secret key is in it.
 */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  /** The keys that are wrong, each as the names that lead to it. Values stay out: errors get logged whole. */
  readonly keys: readonly Path[];

  constructor(problems: readonly Problem[], audience: Audience) {
    super(message(problems, audience));
    this.keys = problems.map(({ path }) => path);
  }
}

function message(problems: readonly Problem[], audience: Audience): string {
  const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  return [
    `The config of stack ${audience.stack} has ${count} (file ${stackFile(audience)}; add --stack ${audience.stack} to the commands when another stack is selected):`,
    ...problems.map((problem) => describe(problem, audience)),
  ].join("\n\n");
}

/** The file that holds a stack's config. */
export const stackFile = ({ stack }: Source): string => `Pulumi.${stack}.yaml`;

function describe({ path, remark, found, allowed, ways }: Problem, audience: Audience): string {
  const tell = (text: string | Shown): string => reveal(text, audience) ?? "[secret]";
  const note = remark === undefined ? undefined : reveal(remark, audience);
  const remedies = ways.map((way) => way.map((mend) => command(mend, audience)));
  const [only = []] = remedies;
  const remedy = remedies.length === 1 ? only : ["one of", ...remedies.flatMap(listed)];
  return [
    keyPath(audience.project, path) + (note === undefined ? "" : `: ${note}`),
    `  found    ${tell(found)}`,
    `  allowed  ${tell(allowed)}`,
    ...remedy.map((line, at) => (at === 0 ? "  mend     " : "           ") + line),
  ].join("\n");
}

/** The text, or undefined when a secret could be read off it. */
function reveal(text: string | Shown, { secret }: Audience): string | undefined {
  if (typeof text === "string") return text;
  return text.reveals.some((key) => secret.has(key)) ? undefined : text.text;
}

/** One of several ways, as an entry of a list. */
const listed = (lines: readonly string[]): string[] => lines.map((line, at) => (at === 0 ? "- " : "  ") + line);

function command(mend: Mend, audience: Audience): string {
  if (mend.step === "edit") return mend.what;
  const key = keyArgument(mend.path, audience);
  if (key === undefined)
    return `take ${keyPath(audience.project, mend.path)} out of ${stackFile(audience)} with an editor`;
  if (mend.step === "remove") return `pulumi config rm ${key}`;
  const secret = mend.path.length === 1 && audience.secret.has(mend.path[0] ?? "") ? "--secret " : "";
  const value = reveal(mend.value, audience);
  // Without a value the command asks for it, which is also how a secret stays out of the shell's history.
  if (value === undefined) return `pulumi config set ${secret}${key}`;
  const word = shellWord(value);
  if (word === undefined) return `set ${keyPath(audience.project, mend.path)} in ${stackFile(audience)} with an editor`;
  const type = turnsIntoOther(mend.path, value) ? "--type string " : "";
  return `pulumi config set ${secret}${type}${key} ${word.startsWith("-") ? "-- " : ""}${word}`;
}

/** The key as an argument of `pulumi config`, --path included; undefined when it can't be pasted into a shell. */
function keyArgument([first = "", ...rest]: Path, { project }: Source): string | undefined {
  if (rest.length === 0) return shellWord(`${project}:${first}`);
  // Pulumi's paths know one escape, \", so that a backslash in a name can't be written (properties_path.go).
  if (rest.some((name) => name.includes("\\") || shellWord(name) === undefined)) return undefined;
  const inner = rest.map((name, at) => {
    if (itemsOf([first, ...rest.slice(0, at)]) !== undefined) return `[${name}]`;
    return isPlainName(name) ? `.${name}` : `["${name.replaceAll('"', '\\"')}"]`;
  });
  return `--path '${`${project}:${first}${inner.join("")}`.replaceAll("'", "'\\''")}'`;
}

/** With --path, `pulumi config set` stores 2 and true as a number and a boolean, also where the key wants text. */
function turnsIntoOther(path: Path, value: string): boolean {
  if (path.length === 1 || !/^(true|false|0|-?[1-9][0-9]*)$/.test(value)) return false;
  const items = itemsOf(path.slice(0, -1));
  if (items !== undefined) return items.type === "text";
  const key = schemaAt(schema, path);
  return key === undefined || !["integer", "number", "boolean", "size"].includes(infoOf(key).type);
}

/** What the values are of a key that holds a list; undefined of any other key. */
function itemsOf(path: Path): KeyInfo["items"] {
  const key = schemaAt(schema, path);
  return key === undefined || key === schema ? undefined : infoOf(key).items;
}
