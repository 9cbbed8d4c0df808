import { distance } from "fastest-levenshtein";

/**
 * "; did you mean x?" for the closest of `allowed`, or "" when none is close enough to be a slip of the hand
 * (at most a third of the letters, and never more than three).
 */
export function nearMiss(found: string, allowed: readonly string[]): string {
  const limit = Math.min(3, Math.max(1, Math.ceil(found.length / 3)));
  let best: { word: string; off: number } | undefined;
  for (const word of allowed) {
    const off = distance(found.toLowerCase(), word.toLowerCase());
    if (off <= limit && (best === undefined || off < best.off)) best = { word, off };
  }
  return best === undefined ? "" : `; did you mean ${best.word}?`;
}

/** "a, b or c". */
export function either(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1) ?? ""}`;
}
