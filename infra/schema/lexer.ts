import { lowest } from "./source";

/** A stretch of SQL that the grammar never looks into, or a backslash, which no grammar rule takes. */
export interface Region {
  readonly type: "line-comment" | "block-comment" | "string" | "identifier" | "dollar" | "backslash";
  /** UTF-16 offsets; `end` is exclusive, and for a line comment leaves the line feed out. */
  readonly start: number;
  readonly end: number;
  /** It is never closed, and so runs to the end of the text. */
  readonly open?: true;
}

const DOLLAR_TAG = /\$(?:[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)?\$/y;
const WORD = /[A-Za-z_\u0080-\uffff][A-Za-z0-9_$\u0080-\uffff]*/y;
/** Everything that can't begin a region or a word, skipped at once. */
const PLAIN = /[^-/'"$\\A-Za-z_\u0080-\uffff]+/y;

/**
 * Finds comments, strings, quoted identifiers, dollar quotes and stray backslashes by PostgreSQL's own lexical rules
 * (nested block comments, E'' escapes, doubled quotes). Needed beside libpg-query because the parser throws comments
 * away, and because psql meta-commands and markers must be found in text that does not parse.
 */
export function scanRegions(text: string): Region[] {
  const regions: Region[] = [];
  let at = 0;
  while (at < text.length) {
    PLAIN.lastIndex = at;
    if (PLAIN.test(text)) at = PLAIN.lastIndex;
    if (at >= text.length) break;
    const region = regionAt(text, at);
    if (region === undefined) {
      WORD.lastIndex = at;
      at = WORD.test(text) ? WORD.lastIndex : at + 1;
    } else {
      regions.push(region);
      at = region.end;
    }
  }
  return regions;
}

function regionAt(text: string, start: number): Region | undefined {
  const char = text[start];
  const next = text[start + 1];
  if (char === "-" && next === "-") {
    const end = text.indexOf("\n", start);
    return { type: "line-comment", start, end: end === -1 ? text.length : end };
  }
  if (char === "/" && next === "*") return closed(text, "block-comment", start, endOfBlockComment(text, start));
  if (char === "'") return closed(text, "string", start, endOfQuoted(text, start + 1, "'", false));
  if ((char === "e" || char === "E") && next === "'")
    return closed(text, "string", start, endOfQuoted(text, start + 2, "'", true));
  if (char === '"') return closed(text, "identifier", start, endOfQuoted(text, start + 1, '"', false));
  if (char === "\\") return { type: "backslash", start, end: start + 1 };
  if (char !== "$") return undefined;
  DOLLAR_TAG.lastIndex = start;
  const tag = DOLLAR_TAG.exec(text)?.[0];
  if (tag === undefined) return undefined;
  const close = text.indexOf(tag, start + tag.length);
  return closed(text, "dollar", start, close === -1 ? undefined : close + tag.length);
}

function closed(text: string, type: Region["type"], start: number, end: number | undefined): Region {
  return end === undefined ? { type, start, end: text.length, open: true } : { type, start, end };
}

function endOfBlockComment(text: string, start: number): number | undefined {
  let depth = 0;
  for (let i = start; i < text.length - 1;) {
    if (text[i] === "/" && text[i + 1] === "*") {
      depth += 1;
      i += 2;
    } else if (text[i] === "*" && text[i + 1] === "/") {
      depth -= 1;
      i += 2;
      if (depth === 0) return i;
    } else i += 1;
  }
  return undefined;
}

function endOfQuoted(text: string, from: number, quote: string, escapes: boolean): number | undefined {
  for (let i = from; i < text.length; i += 1) {
    const char = text[i];
    if (escapes && char === "\\") i += 1;
    else if (char === quote) {
      if (text[i + 1] !== quote) return i + 1;
      i += 1;
    }
  }
  return undefined;
}

/** The text with comments, and with `strings` also quoted text, turned to spaces; offsets and lines stay as they are. */
export function blank(text: string, regions: readonly Region[], strings = false): string {
  const parts: string[] = [];
  let at = 0;
  for (const region of regions) {
    const comment = region.type === "line-comment" || region.type === "block-comment";
    if (!comment && !(strings && region.type !== "backslash" && region.type !== "identifier")) continue;
    parts.push(text.slice(at, region.start), text.slice(region.start, region.end).replace(/[^\n]/g, " "));
    at = region.end;
  }
  parts.push(text.slice(at));
  return parts.join("");
}

/** The offset of the first character at or after `at` that is neither white space nor in a comment. */
export function skipBlank(text: string, regions: readonly Region[], at: number): number {
  let offset = at;
  for (let index = lowest(regions.length, (i) => (regions[i]?.end ?? 0) > at); ; index += 1) {
    while (offset < text.length && /\s/.test(text[offset] ?? "")) offset += 1;
    const region = regions[index];
    if (region?.start !== offset || !region.type.endsWith("comment")) return offset;
    offset = region.end;
  }
}

/** The offset behind the last character between `from` and `to` that is neither white space nor in a comment. */
export function trimBlank(text: string, regions: readonly Region[], from: number, to: number): number {
  let end = to;
  for (let index = lowest(regions.length, (i) => (regions[i]?.start ?? 0) >= to) - 1; index >= 0; index -= 1) {
    const region = regions[index];
    if (region === undefined || region.end <= from || !region.type.endsWith("comment")) break;
    if (text.slice(region.end, end).trim() !== "") break;
    end = region.start;
  }
  return from + text.slice(from, end).trimEnd().length;
}
