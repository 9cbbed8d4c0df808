import type { Path } from "./problem";

const longest = 80;
// Characters that a terminal obeys or doesn't show: DEL, C1, zero-width, line separators, bidirectional marks.
const unseen = /[\u007f-\u00a0\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

/** Can a name stand in a property path as it is, without brackets and quotes? */
export const isPlainName = (name: string): boolean => /^[A-Za-z_][A-Za-z0-9_-]{0,79}$/.test(name);

/** Quotes text as it was written, cut off after 80 characters, with everything escaped that would not be seen. */
export function quote(text: string): string {
  const cut = text.length > longest;
  const json = JSON.stringify(cut ? text.slice(0, longest) : text);
  const visible = json.replace(unseen, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`);
  return cut ? `${visible} and ${text.length - longest} characters more` : visible;
}

/** Says what was found: a value quoted as it was written, a list or object by its outline. */
export function outline(found: unknown): string {
  if (typeof found === "string") return quote(found);
  if (typeof found === "symbol") return found.description ?? "";
  if (Array.isArray(found)) return outlineOfList(found);
  if (typeof found === "object" && found !== null) {
    const names = Object.keys(found);
    if (names.length === 0) return "an empty object";
    const more = names.length > 8 ? `, and ${names.length - 8} more` : "";
    return `an object with ${names.slice(0, 8).map(keyName).join(", ")}${more}`;
  }
  return String(found);
}

function outlineOfList(found: readonly unknown[]): string {
  const count = `a list of ${found.length}`;
  const brief = found.length <= 8 && found.every((value) => typeof value !== "object");
  return found.length > 0 && brief ? `${count}: ${found.map(outline).join(", ")}` : count;
}

/** A key's name in a sentence: as it is when it is an ordinary name, else quoted. */
export const keyName = (name: string): string => (isPlainName(name) ? name : quote(name));

/** A key's full path as messages and `--path` write it: switchyard:green.env["a.b"]. */
export function keyPath(project: string, [first = "", ...rest]: Path): string {
  const inner = rest.map((name) => (isPlainName(name) ? `.${name}` : `[${quote(name)}]`)).join("");
  return `${project}:${/^[\w.-]{1,80}$/.test(first) ? first : quote(first)}${inner}`;
}

/**
 * A word of a POSIX shell's command line, single-quoted where that is needed.
 * @returns undefined for text with control characters, which no one should paste into a shell.
 */
export function shellWord(word: string): string | undefined {
  // eslint-disable-next-line no-control-regex -- they are exactly what must not get into a command to be pasted
  if (/[\u0000-\u001f]/.test(word) || word.search(unseen) >= 0 || /\p{Surrogate}/u.test(word)) return undefined;
  return /^[\w.:/@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
