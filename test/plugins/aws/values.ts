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

/** What means the same is alike in this form: JSON in strings is read, sets are sorted, and what is empty is left out. */
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
      .filter(([, item]) => item !== undefined);
    return kept.length === 0 ? undefined : sortedByKey(kept);
  }
  return value === "" || value === false || value === 0 || value === null ? undefined : value;
}

/** Of JSON, only blanks and the order of keys mean nothing. */
function canonicalText(value: string): unknown {
  try {
    return JSON.parse(value, (_, each: unknown) =>
      typeof each === "object" && each !== null && !Array.isArray(each) ? sortedByKey(Object.entries(each)) : each,
    );
  } catch (error) {
    if (error instanceof SyntaxError) return value;
    throw error;
  }
}

const sortedByKey = (entries: readonly (readonly [string, unknown])[]): Properties =>
  Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
