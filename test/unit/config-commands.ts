import assert from "node:assert/strict";
import type { ConfigError } from "../../infra/config";
import { readJson } from "../../infra/config/read";

type Raw = Readonly<Record<string, string>>;

/** Does what a config message tells its reader to do; of several ways, the one picked. */
export function follow({ message, keys }: ConfigError, raw: Raw, pick: number): Raw {
  const sections = message.split("\n\n").slice(1);
  assert.equal(sections.length, keys.length);
  return sections.reduce(
    (at, text, index) => steps(text, pick).reduce((now, line) => run(now, line, keys[index] ?? []), at),
    raw,
  );
}

/** The lines of the way that was picked, or of the last one. */
function steps(section: string, pick: number): string[] {
  const lines = section.split("\n").slice(3);
  const texts = lines.map((line) => line.slice("  mend     ".length));
  if (texts[0] !== "one of") return texts;
  const ways: string[][] = [];
  for (const text of texts.slice(1)) {
    if (text.startsWith("- ")) ways.push([text.slice(2)]);
    else ways.at(-1)?.push(text.slice(2));
  }
  assert.ok(ways.length > 1, `one of a single way:\n${section}`);
  return ways[Math.min(pick, ways.length - 1)] ?? [];
}

/** What `pulumi config` does to a stack's file, as seen with the engine; an editor takes out the key in question. */
function run(raw: Raw, line: string, subject: readonly string[]): Raw {
  if (/^(take|rename|set) .* with an editor$|config file$/.test(line)) return update(raw, subject, undefined);
  const [program, command, verb, ...rest] = shellWords(line);
  assert.deepEqual([program, command], ["pulumi", "config"], line);
  const flags = rest.filter((word) => word.startsWith("--") && word !== "--");
  const [key = "", value] = rest.filter((word, at) => !word.startsWith("--") && rest[at - 1] !== "--type");
  assert.ok(key.startsWith("switchyard:"), line);
  const [first = "", ...inner] = flags.includes("--path") ? parsePath(key) : [key];
  const path = [String(first).slice("switchyard:".length), ...inner];
  if (verb === "rm") return update(raw, path, undefined);
  assert.ok(verb === "set" && value !== undefined, line);
  const typed = path.length > 1 && !flags.includes("--type") && /^(true|false|0|-?[1-9][0-9]*)$/.test(value);
  return update(raw, path, typed ? (JSON.parse(value) as unknown) : value);
}

/** Splits a POSIX shell's command line of bare and single-quoted words. */
function shellWords(line: string): string[] {
  const words = line.match(/(?:[^\s'\\]|\\'|'[^']*')+/g) ?? [];
  return words.map((word) => word.replace(/\\'|'([^']*)'/g, (_part, inner?: string) => inner ?? "'"));
}

type Step = string | number;

/** Splits a property path as Pulumi's properties_path.go does. */
function parsePath(path: string): Step[] {
  const parts = path.matchAll(/\["((?:\\"|[^"])*)"\]|\[([0-9]+)\]|([^.[]+)/g);
  return [...parts].map(([, quoted, index, bare]) =>
    index === undefined ? (quoted?.replaceAll('\\"', '"') ?? bare ?? "") : Number(index),
  );
}

/** Sets a key, or takes it out when the value is undefined. A value on the way of another kind is an error, as in Pulumi. */
function update(raw: Raw, [top = "", ...inner]: readonly Step[], value: unknown): Raw {
  const key = `switchyard:${top}`;
  const others = Object.entries(raw).filter(([name]) => name !== key);
  const old = Object.hasOwn(raw, key) ? readJson(raw[key] ?? "") : undefined;
  const changed = inner.length === 0 ? value : within(old, inner, value);
  if (changed === undefined) return Object.fromEntries(others);
  return Object.fromEntries([...others, [key, typeof changed === "string" ? changed : JSON.stringify(changed)]]);
}

function within(old: unknown, [first = "", ...rest]: readonly Step[], value: unknown): unknown {
  const inside = (before: unknown): unknown => (rest.length === 0 ? value : within(before, rest, value));
  if (typeof first === "number") {
    const list = old ?? [];
    assert.ok(Array.isArray(list) && first <= list.length, `[${first}] is set in what is no list of at least as many`);
    return [...(list.slice(0, first) as unknown[]), inside(list[first]), ...(list.slice(first + 1) as unknown[])];
  }
  const object = old ?? {};
  assert.ok(typeof object === "object" && !Array.isArray(object), `${first} is set in what is no object`);
  const others = Object.entries(object).filter(([name]) => name !== first);
  const changed = inside(Object.hasOwn(object, first) ? (object as Record<string, unknown>)[first] : undefined);
  // fromEntries defines __proto__ as a key like any other, where an assignment would not.
  return Object.fromEntries(changed === undefined ? others : [...others, [first, changed]]);
}
