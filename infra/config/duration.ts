declare const unit: unique symbol;

/** A length of time in whole milliseconds, 0..2^53-1. Only {@link parseDuration} and {@link milliseconds} make one. */
export type Milliseconds = number & { readonly [unit]: "milliseconds" };

/** Largest first, which is also the order in which a duration is written. A day is 24 hours, whatever the calendar does. */
const units = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
  ["ms", 1],
] as const;

const number = "(0|[1-9][0-9]*)";
const grammar = new RegExp(`^(?:${units.map(([name]) => `(?:${number}${name})?`).join("")})$`);

/** @throws RangeError when `value` is no whole number of milliseconds from 0 to 2^53-1. */
export function milliseconds(value: number): Milliseconds {
  if (!Number.isSafeInteger(value) || value < 0 || Object.is(value, -0)) {
    throw new RangeError(`a duration is a whole number of milliseconds from 0 to 2^53-1, not ${value}`);
  }
  return value as Milliseconds;
}

/**
 * Reads "250ms", "90s", "10m", "1h30m", "1d12h": whole numbers with a unit (d, h, m, s, ms), the larger unit first, each
 * unit at most once. There is no bare number (is 10 seconds or minutes?) and no fraction.
 * @returns undefined when the text is no duration, or one above 2^53-1 ms.
 */
export function parseDuration(text: string): Milliseconds | undefined {
  const found = grammar.exec(text);
  if (text === "" || found === null) return undefined;
  const total = units.reduce((sum, [, size], index) => sum + Number(found[index + 1] ?? 0) * size, 0);
  return Number.isSafeInteger(total) ? (total as Milliseconds) : undefined;
}

/** Writes a duration so that {@link parseDuration} reads the same one back: 5400000 is "1h30m", 0 is "0s". */
export function formatDuration(duration: Milliseconds): string {
  let rest: number = duration;
  let text = "";
  for (const [name, size] of units) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) text += `${count}${name}`;
  }
  return text === "" ? "0s" : text;
}
