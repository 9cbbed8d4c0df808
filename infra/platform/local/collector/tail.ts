import { closeSync, openSync, readSync, statSync } from "node:fs";

/** Bytes that are read at a time; a log that grew by more in a minute is read in more goes. */
const block = 1 << 20;

/**
 * Lines that were added to files since they were last looked at. A file that is there at the first look is read from its end:
 * what it says was said before. One that comes later, or was cut off and begun anew, is read from its beginning.
 */
export class Tail {
  readonly #at = new Map<string, { position: number; rest: string }>();
  #first = true;

  /** @param files those that exist count, others may come. @throws when one may not be read */
  added(files: readonly string[]): Map<string, string[]> {
    const lines = new Map(files.map((file) => [file, this.#of(file)]));
    this.#first = files.length === 0 && this.#first;
    return lines;
  }

  #of(file: string): string[] {
    const size = statSync(file, { throwIfNoEntry: false })?.size;
    if (size === undefined) return [];
    let { position, rest } = this.#at.get(file) ?? { position: this.#first ? size : 0, rest: "" };
    if (size < position) [position, rest] = [0, ""];
    const lines = (rest + read(file, position, size)).split("\n");
    // What has no end yet is looked at when it has.
    this.#at.set(file, { position: size, rest: lines.pop() ?? "" });
    return lines;
  }
}

function read(file: string, from: number, until: number): string {
  const descriptor = openSync(file, "r");
  try {
    const parts: Buffer[] = [];
    for (let at = from; at < until;) {
      const part = Buffer.alloc(Math.min(block, until - at));
      const count = readSync(descriptor, part, 0, part.length, at);
      if (count === 0) break;
      parts.push(part.subarray(0, count));
      at += count;
    }
    return Buffer.concat(parts).toString("utf8");
  } finally {
    closeSync(descriptor);
  }
}
