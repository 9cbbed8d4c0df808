/*
 * Versions of migrations are digits, up to 18 of them, and compare as numbers. They are never made into numbers: a time with
 * milliseconds has 17 digits, more than a double can tell apart.
 */

/** What equal versions have in common: "4" and "0004" are both "4". */
export const versionKey = (version: string): string => version.replace(/^0+(?=\d)/, "");

/** Numeric order of versions: "9" before "0010"; "4" and "0004" are equal. */
export function compareVersions(a: string, b: string): number {
  const left = versionKey(a);
  const right = versionKey(b);
  return left.length - right.length || (left < right ? -1 : left > right ? 1 : 0);
}
