import type { Json, SmokeRequest } from "../config";
import { differences } from "./differences";
import type { Answer } from "./send";

type Expected = Pick<SmokeRequest, "method" | "path" | "headers" | "expect">;

/** How much of an answer a message quotes, in characters. */
const quoted = 200;

/**
 * What is wrong with an answer, in one sentence: the request, what was found, what was expected. Neither a header nor a
 * body of the request is in it, nor the value of a header that the service echoes: they may hold a token.
 * @returns undefined when nothing is.
 */
export function failureOf(request: Expected, answer: Answer): string | undefined {
  const name = `${request.method} ${request.path}`;
  if ("trouble" in answer) return `${name}: found ${answer.trouble}, expected status ${request.expect.status}`;
  const hide = (text: string): string => hideHeaders(text, request.headers);
  const wrong = wrongWith(request.expect, answer, hide);
  if (wrong.length === 0) return undefined;
  const body = answer.text === "" ? "without a body" : `with ${JSON.stringify(startOf(hide(answer.text), quoted))}`;
  return `${name}: found status ${answer.status} ${body}; ${wrong.join("; ")}`;
}

const startOf = (text: string, most: number): string => (text.length > most ? `${text.slice(0, most)}…` : text);

type Hide = (text: string) => string;

function wrongWith(expect: SmokeRequest["expect"], { status, text }: { status: number; text: string }, hide: Hide) {
  const { json, contains } = expect;
  const wrong: string[] = [];
  if (status !== expect.status) wrong.push(`expected status ${expect.status}`);
  if (json !== undefined) wrong.push(...wrongJson(text, json, hide));
  if (contains !== undefined && !text.includes(contains))
    wrong.push(`expected a body with ${JSON.stringify(contains)} in it`);
  return wrong;
}

function wrongJson(text: string, expected: Json, hide: Hide): string[] {
  let found: Json;
  try {
    found = JSON.parse(text) as Json;
  } catch (error) {
    if (error instanceof SyntaxError) return ["expected a body that is JSON"];
    throw error;
  }
  const shown = (value: Json | undefined): string =>
    value === undefined ? "not there" : startOf(hide(JSON.stringify(value)), 80);
  return differences(found, expected).map(
    ({ path, found: is, expected: should }) => `${path} is ${shown(is)}, expected ${shown(should)}`,
  );
}

/** Shorter values than this (`*`, `en`, `gzip`) are no tokens, and would blank out half a sentence. */
const shortest = 8;

/** Of "Bearer abc…" the service may echo the second word alone. */
function hideHeaders(text: string, headers: Readonly<Record<string, string>>): string {
  return Object.entries(headers)
    .flatMap(([name, value]) => [value, ...value.split(/[\s,;=]+/)].map((part) => [name, part] as const))
    .filter(([, part]) => part.length >= shortest)
    .reduce((hidden, [name, part]) => hidden.replaceAll(part, `[${name}]`), text);
}
