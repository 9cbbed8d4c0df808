import type { Properties } from "../protocol/values";

/**
 * The values at a path such as "defaultActions.forward.targetGroups.arn": lists on the way are gone through, what is left
 * out gives nothing.
 */
export function valuesAt(value: unknown, path: string): unknown[] {
  const reached = path.split(".").reduce<unknown[]>((found, key) => found.flatMap(items).flatMap(at(key)), [value]);
  return reached.flatMap(items).filter((each) => each !== undefined && each !== null && each !== "");
}

const items = (value: unknown): unknown[] => (Array.isArray(value) ? value.flatMap(items) : [value]);
const at = (key: string) => (value: unknown) =>
  typeof value === "object" && value !== null ? [(value as Properties)[key]] : [];

export const textsAt = (value: unknown, path: string): string[] => valuesAt(value, path).map(String);

/** A property that is a string; "" when it is left out. */
export const text = (values: Properties, key: string): string => {
  const value = values[key];
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
};

export const number = (values: Properties, key: string): number | undefined =>
  typeof values[key] === "number" ? values[key] : undefined;

/** What means the same is alike in this form: JSON in strings is read, lists are sorted, and what is empty is left out. */
export function canonical(value: unknown, ordered = false): unknown {
  if (typeof value === "string" && /^\s*[[{]/.test(value)) return canonicalText(value);
  if (Array.isArray(value)) {
    const each = value.map((item) => canonical(item, ordered));
    if (!ordered) each.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
    return each.length === 0 ? undefined : each;
  }
  if (typeof value === "object" && value !== null) {
    const kept = Object.entries(value)
      .map(([key, item]) => [key, canonical(item, ordered)] as const)
      .filter(([, item]) => item !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1));
    return kept.length === 0 ? undefined : Object.fromEntries(kept);
  }
  return value === "" || value === false || value === 0 || value === null ? undefined : value;
}

function canonicalText(value: string): unknown {
  try {
    // The order of a list in JSON may matter: policies and container definitions are compared as they are written.
    return canonical(JSON.parse(value), true);
  } catch (error) {
    if (error instanceof SyntaxError) return value;
    throw error;
  }
}
