/** Probability of fewer than `count` successes in `trials`, each of probability `p` (0..1). Work grows with `count`. */
export function binomialBelow(count: number, trials: number, p: number): number {
  if (count <= 0) return 0;
  if (count > trials || p <= 0) return 1;
  if (p >= 1) return 0;
  const odds = Math.log(p) - Math.log1p(-p);
  let term = trials * Math.log1p(-p);
  let sum = 0;
  for (let k = 0; k < count; k++) {
    sum += Math.exp(term);
    term += Math.log((trials - k) / (k + 1)) + odds;
  }
  return Math.min(1, sum);
}
