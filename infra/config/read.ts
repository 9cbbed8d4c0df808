import { childrenOf, infoOf, unwrap } from "./key";
import { schema } from "./schema";

/**
 * Reads the JSON in which the engine hands over a structured value. Numbers that aren't plainly written integers (1.10,
 * 1e2, -0) come back as symbols that hold them as written: only numbers with a fraction accept a symbol, and messages can quote it.
 * @returns undefined for text that isn't JSON, or is nested too deeply to be read.
 */
export function readJson(text: string): unknown {
  try {
    return JSON.parse(text, (_key, value: unknown, context?: { source?: string }) => {
      if (typeof value !== "number") return value;
      const written = context?.source ?? String(value);
      return /^(0|-?[1-9][0-9]*)$/.test(written) && Number.isSafeInteger(value) ? value : Symbol(written);
    });
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError) return undefined;
    throw error;
  }
}

/**
 * The raw values of a project's own keys, by name: text as it is, objects and lists parsed. Text that was to be one and
 * isn't stays text, for zod to refuse.
 *
 * Pulumi.yaml must give every described key a default, or the engine itself refuses a stack without it, one complaint
 * before ours. So what stands there for "not set" counts as not set: {} for objects, "" for keys without a default.
 */
export function readTree(own: ReadonlyMap<string, string>): Record<string, unknown> {
  const entries = [...own].map(([name, text]) => [name, readKey(name, text)] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

function readKey(name: string, text: string): unknown {
  const key = Object.hasOwn(schema.shape, name) ? schema.shape[name as keyof typeof schema.shape] : undefined;
  if (key === undefined) return text;
  const isObject = childrenOf(key) !== undefined;
  const isList = infoOf(key).items !== undefined;
  if (!isObject && !isList) return text === "" && unwrap(key).fallback === undefined ? undefined : text;
  const value = readJson(text);
  if (value === undefined || (isList && !Array.isArray(value))) return text;
  const empty = typeof value === "object" && value !== null && Object.keys(value).length === 0 && !Array.isArray(value);
  return empty ? undefined : value;
}
