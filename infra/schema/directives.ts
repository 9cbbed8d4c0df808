import type { Region } from "./lexer";
import { either, nearMiss } from "./near";
import { problemAt } from "./problem";
import type { Problem } from "./problem";
import type { SourceText } from "./source";

/**
 * A directive as written: `-- switchyard: waiver=drop-column reason="…"` has head `waiver`, value `drop-column` and one
 * attribute. What each head means, and which values it takes, is `directive-kinds`' concern.
 *
 *     comment   = "--" "switchyard:" directive+
 *     directive = head "=" value (attribute "=" value)*
 *     value     = bare word without white space or quote | '"' any text, \" for a quote, over several comment lines '"'
 */
export interface Directive {
  readonly head: Head;
  readonly value: string;
  readonly attributes: ReadonlyMap<string, Attribute>;
  /** UTF-16 offset of the head. */
  readonly offset: number;
  /** UTF-16 offset after the last comment line it uses. */
  readonly end: number;
}

export interface Attribute {
  readonly value: string;
  readonly offset: number;
}

/** The heads, each with the attributes that it takes. */
export const HEADS = {
  phase: [],
  "breaks-below": [],
  impact: [],
  irreversible: [],
  verify: ["expect"],
  backfill: ["batch"],
  sync: ["table", "old", "new", "forward", "backward", "triggers", "differing"],
  waiver: ["reason"],
} as const satisfies Record<string, readonly string[]>;
export type Head = keyof typeof HEADS;

const HEAD_NAMES = Object.keys(HEADS) as Head[];
const isHead = (word: string): word is Head => Object.hasOwn(HEADS, word);

const LEAD = /^--+[ \t]*switchyard[ \t]*:/i;
const PAIR = /\s*([A-Za-z][\w-]*)(?:\s*(=)\s*(?:"((?:[^"\\]|\\[\s\S])*)"|([^\s"]+))?)?/y;
const GRAMMAR = '-- switchyard: key=value other="a value with spaces"';

/** Reads all directives of a file from its comments. Problems are added to `problems`; what could be read comes back. */
export function readDirectives(source: SourceText, regions: readonly Region[], problems: Problem[]): Directive[] {
  const directives: Directive[] = [];
  let usedUpTo = 0;
  regions.forEach((region, index) => {
    if (region.start < usedUpTo) return;
    const comment = source.text.slice(region.start, region.end);
    if (region.type === "block-comment" && /^\/\*+\s*switchyard\s*:/i.test(comment)) {
      problems.push(
        problemAt(source, region.start, {
          rule: "directive",
          message: "a directive stands in a block comment, where dbmate and people overlook it",
          safeWay: `write it as a line comment: ${GRAMMAR}`,
        }),
      );
    }
    if (region.type !== "line-comment") return;
    const lead = LEAD.exec(comment);
    if (lead === null) {
      const slip = misspeltLead(comment);
      if (slip !== undefined) {
        problems.push(
          problemAt(source, region.start, {
            rule: "directive",
            message: `"${slip}" reads like a directive but is not one`,
            safeWay: `begin it with "-- switchyard:", as in ${GRAMMAR}; or reword the comment`,
          }),
        );
      }
      return;
    }
    if (source.text.slice(source.text.lastIndexOf("\n", region.start - 1) + 1, region.start).trim() !== "") {
      problems.push(
        problemAt(source, region.start, {
          rule: "directive",
          message: "a directive stands behind a statement, so it is unclear which statement it means",
          safeWay: "put it on a line of its own, before the statement that it concerns",
        }),
      );
      return;
    }
    const body = joinLines(source, regions, index, region.start + lead[0].length);
    usedUpTo = body.end;
    directives.push(...parsePairs(source, body, problems));
  });
  return directives;
}

/** Comments such as "-- switchyard phase=expand" or "-- swichyard: waiver=x". */
function misspeltLead(comment: string): string | undefined {
  const match = /^--+[ \t]*([A-Za-z-]+)[ \t]*:?[ \t]*(?=[a-z-]+=)/.exec(comment);
  if (match === null) return undefined;
  const word = match[1] ?? "";
  return word.toLowerCase() === "switchyard" || nearMiss(word, ["switchyard"]) !== "" ? match[0].trim() : undefined;
}

interface Body {
  readonly text: string;
  readonly end: number;
  /** Offset in the file of each character of `text`. */
  offset(at: number): number;
}

/** A comment line that goes on with the directive above it. */
const CONTINUED = new RegExp(`^--+[ \\t]*(?:${[...HEAD_NAMES, ...Object.values(HEADS).flat()].join("|")})[ \\t]*=`);

/**
 * A quoted value may run on over following comment lines, their dashes not being part of it; and a following line that
 * begins with a known key belongs to the directive too.
 */
function joinLines(source: SourceText, regions: readonly Region[], first: number, from: number): Body {
  const pieces: { text: string; start: number }[] = [];
  let text = "";
  let end = from;
  for (let index = first; ; index += 1) {
    const region = regions[index];
    if (region?.type !== "line-comment") break;
    if (index > first && source.text.slice(end, region.start).replace(/[ \t]/g, "") !== "\n") break;
    const start =
      index === first ? from : region.start + (/^--+ ?/.exec(source.text.slice(region.start))?.[0].length ?? 2);
    const line = source.text.slice(start, region.end);
    pieces.push({ text: index === first ? line : `\n${line}`, start: index === first ? start : start - 1 });
    text += pieces.at(-1)?.text ?? "";
    end = region.end;
    const quoted = text.replace(/\\[\s\S]/g, "").split('"').length % 2 === 0;
    const next = regions[index + 1];
    if (!quoted && !(next !== undefined && CONTINUED.test(source.text.slice(next.start, next.end)))) break;
  }
  const offset = (at: number): number => {
    let left = at;
    for (const piece of pieces) {
      if (left <= piece.text.length) return piece.start + left;
      left -= piece.text.length;
    }
    return end;
  };
  return { text, end, offset };
}

function parsePairs(source: SourceText, body: Body, problems: Problem[]): Directive[] {
  const directives: Directive[] = [];
  const report = (at: number, message: string, safeWay: string): void => {
    problems.push(problemAt(source, body.offset(at), { rule: "directive", message, safeWay }));
  };
  let current: { head: Head; attributes: Map<string, Attribute> } | undefined;
  let at = 0;
  while (body.text.slice(at).trim() !== "") {
    PAIR.lastIndex = at;
    const match = PAIR.exec(body.text);
    const start = at + (/^\s*/.exec(body.text.slice(at))?.[0].length ?? 0);
    if (match === null) {
      report(start, `"${body.text.slice(start, start + 20)}" is not key=value`, `write ${GRAMMAR}`);
      return directives;
    }
    at = PAIR.lastIndex;
    const key = match[1] ?? "";
    const value = match[3]?.replace(/\\([\s\S])/g, "$1") ?? match[4] ?? "";
    if (value.trim() === "") {
      const why = body.text.startsWith('"', at) ? `the quote after ${key} is never closed` : `${key} has no value`;
      report(start, why, `write ${key}=value, or ${key}="a value with spaces"`);
      return directives;
    }
    if (isHead(key)) {
      current = { head: key, attributes: new Map() };
      directives.push({ ...current, value, offset: body.offset(start), end: body.end });
      continue;
    }
    const allowed: readonly string[] = current === undefined ? [] : HEADS[current.head];
    if (current === undefined || !allowed.includes(key)) {
      const words = [...HEAD_NAMES, ...allowed];
      const place = current === undefined ? "a directive" : `the directive ${current.head}`;
      report(start, `${place} has no key ${key}${nearMiss(key, words)}`, `use ${either(words)}`);
    } else if (current.attributes.has(key)) {
      report(start, `${key} is given twice`, `keep one ${key}`);
    } else {
      current.attributes.set(key, { value, offset: body.offset(start) });
    }
  }
  return directives;
}
