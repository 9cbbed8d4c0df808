import type { Json } from "../config";

/** Where two JSON values are not alike: what was found there, undefined for nothing. */
export interface JsonDifference {
  /** As JSONPath writes it: `$.items[0].id`. */
  readonly path: string;
  readonly found: Json | undefined;
  readonly expected: Json;
}

/**
 * Where `found` lacks what is expected. Every key that is expected must be there and equal, at whatever depth, and every
 * entry of an expected list at its index; what else there is does not matter.
 */
export function differences(found: Json | undefined, expected: Json, path = "$"): JsonDifference[] {
  if (typeof expected !== "object" || expected === null)
    return Object.is(found, expected) ? [] : [{ path, found, expected }];
  if (typeof found !== "object" || found === null || Array.isArray(found) !== Array.isArray(expected))
    return [{ path, found, expected }];
  return Object.entries(expected as Record<string, Json>).flatMap(([name, value]) => {
    const inner = Object.hasOwn(found, name) ? (found as Record<string, Json>)[name] : undefined;
    return differences(inner, value, `${path}${step(name, Array.isArray(expected))}`);
  });
}

function step(name: string, inList: boolean): string {
  if (inList) return `[${name}]`;
  return /^[A-Za-z_]\w*$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
}
