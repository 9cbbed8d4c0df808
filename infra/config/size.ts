declare const unit: unique symbol;

/** An amount of memory or storage in whole bytes, 0..2^53-1. Only {@link parseSize} and {@link bytes} make one. */
export type Bytes = number & { readonly [unit]: "bytes" };

/** Binary units only (IEC 80000-13), as Kubernetes writes them: a decimal "20G" would be 7 % less than meant. */
const units = [
  ["Ti", 2 ** 40],
  ["Gi", 2 ** 30],
  ["Mi", 2 ** 20],
  ["Ki", 2 ** 10],
  ["", 1],
] as const;

const grammar = /^(0|[1-9][0-9]*)(Ti|Gi|Mi|Ki|)$/;

/** @throws RangeError when `value` is no whole number of bytes from 0 to 2^53-1. */
export function bytes(value: number): Bytes {
  if (!Number.isSafeInteger(value) || value < 0 || Object.is(value, -0)) {
    throw new RangeError(`a size is a whole number of bytes from 0 to 2^53-1, not ${value}`);
  }
  return value as Bytes;
}

/**
 * Reads "20Gi", "512Mi", "1Ti", "64Ki", or a plain whole number of bytes.
 * @returns undefined when the text is no size, or one above 2^53-1 bytes.
 */
export function parseSize(text: string): Bytes | undefined {
  const found = grammar.exec(text);
  if (found === null) return undefined;
  const factor = units.find(([name]) => name === found[2])?.[1] ?? Number.NaN;
  const total = Number(found[1]) * factor;
  return Number.isSafeInteger(total) ? (total as Bytes) : undefined;
}

/** Writes a size in the largest unit that holds it exactly, so that {@link parseSize} reads the same one back. */
export function formatSize(size: Bytes): string {
  const [name, factor] = units.find(([, candidate]) => size >= candidate && size % candidate === 0) ?? ["", 1];
  return `${size / factor}${name}`;
}
