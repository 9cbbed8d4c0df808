import type { Features } from "./features";

/** JSON schemas of what callers send. Lengths are those of the table's checks (migrations/). */

const name = (maxLength: number) => ({ type: "string", pattern: "^[a-z0-9]+(-[a-z0-9]+)*$", maxLength }) as const;

export const slug = name(200);
export const pluginName = name(100);
export const id = { type: "string", format: "uuid" } as const;
const json = { type: "object", maxDepth: 64 } as const;
export const content = json;
export const settings = json;
/** The version that the caller has read. */
export const version = { type: "integer", minimum: 1, maximum: Number.MAX_SAFE_INTEGER } as const;
/** The same in a path, where all is text. */
export const versionText = { type: "string", pattern: "^[1-9]\\d{0,14}$" } as const;
/** 1 to 100, as text. */
export const limitText = { type: "string", pattern: "^([1-9]\\d?|100)$", default: "20" } as const;
export const status = { enum: ["draft", "published"] } as const;

/** What a caller may write of a page. */
export const pageFields = (features: Features) => ({
  slug,
  title: { type: "string", minLength: 1, maxLength: 300 },
  content,
  status,
  ...(features.summary && { summary: { type: ["string", "null"], maxLength: 500 } }),
});

/** An object of exactly these properties. */
export const strictly = (properties: Record<string, unknown>, required: string[] = Object.keys(properties)) => ({
  type: "object",
  additionalProperties: false,
  required,
  properties,
});

/**
 * `maxDepth: n`, a keyword of our own: no more than n objects and arrays inside one another. Node.js and PostgreSQL go
 * through JSON by recursion, and both run out of stack on what fits a body easily.
 */
export const maxDepthKeyword = {
  keyword: "maxDepth",
  schemaType: "number",
  validate: isWithinDepth,
  error: { message: "is nested too deep" },
} as const;

function isWithinDepth(limit: number, data: unknown): boolean {
  let level = containersIn([data]);
  for (let depth = 1; level.length > 0; depth += 1) {
    if (depth > limit) return false;
    level = level.flatMap((container) => containersIn(Object.values(container)));
  }
  return true;
}

const containersIn = (values: unknown[]) => values.filter((value) => typeof value === "object" && value !== null);
