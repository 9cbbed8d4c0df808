import { distance } from "fastest-levenshtein";

const letters = (word: string): string => Array.from(word).sort().join("");

/** Levenshtein's distance, but swapped letters ("prot" for "port") are one slip of the fingers, not two. */
function difference(word: string, candidate: string): number {
  return word !== candidate && letters(word) === letters(candidate) ? 1 : distance(word, candidate);
}

/**
 * The candidate that `word` was probably meant to be, for "did you mean": at most a third of its letters differ (and at
 * most three), upper and lower case counting as one. Of equally near ones the first.
 * @returns undefined when nothing is near enough to be worth a guess.
 */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  // Levenshtein is quadratic, and a word that long resembles no key.
  if (word.length > 100) return undefined;
  let best: string | undefined;
  let least = Infinity;
  for (const candidate of candidates) {
    const apart = difference(word.toLowerCase(), candidate.toLowerCase());
    const tolerable = Math.min(3, Math.max(1, Math.floor(candidate.length / 3)));
    if (apart <= tolerable && apart < least) {
      best = candidate;
      least = apart;
    }
  }
  return best;
}
