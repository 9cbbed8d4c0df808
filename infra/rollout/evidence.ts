/**
 * Evidence that keeps its meaning however often one looks at it.
 *
 * Each function here is a mixture of likelihood ratios: a nonnegative supermartingale that starts at 1 as long as the
 * limit is kept, so that the chance of its ever reaching 1/α is at most α (Ville 1939). Failing a bake at that moment
 * is therefore right with confidence 1 - α, with a look at every request, and with none planned beforehand.
 *
 * Method: mixture sequential probability ratio test, Robbins (1970), "Statistical methods related to the law of the
 * iterated logarithm"; as used for continuous monitoring by Johari, Koomen, Pekelis and Walsh (2017, "Peeking at A/B
 * tests") and, for error counts of canaries, by Lindon and Malek (2022, "Anytime-valid inference for multinomial count
 * data"). General theory: Howard, Ramdas, McAuliffe and Sekhon (2021, Annals of Statistics 49(2), "Time-uniform,
 * nonparametric, nonasymptotic confidence sequences").
 */

/** Counts of one interval of a bake. */
export interface Trials {
  readonly bad: number;
  readonly of: number;
}

/** Spread of the alternatives: from a little above the limit up to where anything is detected at once. */
const ALTERNATIVES = 24;

/**
 * ln of the evidence that the chance of `bad` is above `limit`: mixture over chances above it, evenly spread in their
 * logarithm. Depends on the totals alone, so intervals may be added up. For a chance below the limit the evidence
 * shrinks faster still, which is why this one tests "at most the limit", not only "equal to it".
 * @param limit above 0 and below 1.
 */
export function evidenceAbove({ bad, of }: Trials, limit: number): number {
  const good = of - bad;
  const ratios = chancesAbove(limit).map(
    (chance) => bad * Math.log(chance / limit) + good * (Math.log1p(-chance) - Math.log1p(-limit)),
  );
  return logMean(ratios);
}

/** What is compared in one interval: a colour's counts, and those of the other colour at the same time. */
export interface Compared {
  readonly own: Trials;
  readonly other: Trials;
}

/**
 * ln of the evidence that `own` is bad more than `times` as often as `other`: of the bad events of an interval, whose
 * number may follow whatever the day brings, own's part is at most a binomial's with chance times·n/(times·n + m), n
 * and m being the requests of the two. Drawing without replacement varies less than that binomial (Hoeffding 1963,
 * theorem 4), which errs on the side of not failing.
 * @param intervals consecutive and disjoint; shares may differ from one to the next.
 * @param times 1 or more.
 */
export function evidenceWorse(intervals: readonly Compared[], times: number): number {
  const usable = intervals.filter(({ own, other }) => own.of > 0 && other.of > 0 && own.bad + other.bad > 0);
  const ratios = ODDS_ABOVE.map((factor) => {
    let sum = 0;
    for (const { own, other } of usable) {
      const atLimit = (times * own.of) / (times * own.of + other.of);
      const worse = (times * factor * own.of) / (times * factor * own.of + other.of);
      sum += own.bad * Math.log(worse / atLimit) + other.bad * Math.log((1 - worse) / (1 - atLimit));
    }
    return sum;
  });
  return logMean(ratios);
}

/** Factors on the odds, 1.1 to 1000, evenly spread in their logarithm. */
const ODDS_ABOVE = spread(1.1, 1000);

const chances = new Map<number, readonly number[]>();

function chancesAbove(limit: number): readonly number[] {
  const known = chances.get(limit);
  if (known !== undefined) return known;
  // In odds, so that they stay below 1 whatever the limit is.
  const odds = limit / (1 - limit);
  const found = spread(1.1, Math.max(2, 9 / odds)).map((factor) => (factor * odds) / (1 + factor * odds));
  chances.set(limit, found);
  return found;
}

function spread(from: number, to: number): readonly number[] {
  return Array.from({ length: ALTERNATIVES }, (_, i) => from * (to / from) ** (i / (ALTERNATIVES - 1)));
}

function logMean(logs: readonly number[]): number {
  const highest = Math.max(...logs);
  if (highest === -Infinity) return -Infinity;
  const sum = logs.reduce((total, log) => total + Math.exp(log - highest), 0);
  return highest + Math.log(sum / logs.length);
}

/** The fewest bad ones of `of` that are evidence of `threshold` (ln) above `limit`; `of + 1` when not even all are. */
export function fewestBad(of: number, limit: number, threshold: number): number {
  let low = 0;
  let high = of + 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (middle <= of && evidenceAbove({ bad: middle, of }, limit) < threshold) low = middle + 1;
    else high = middle;
  }
  return low;
}
