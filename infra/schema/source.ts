/** A file's text as everything here sees it: LF line ends, no byte order mark. */
export interface SourceText {
  /** File name without its folder. */
  readonly name: string;
  readonly text: string;
}

/** A byte order mark at the start, and CRLF or lone CR line ends, are how an editor saved a file, not what it says. */
export function normaliseText(text: string): string {
  const body = text.startsWith("\uFEFF") ? text.slice(1) : text;
  return body.includes("\r") ? body.replace(/\r\n?/g, "\n") : body;
}

const lineStarts = new WeakMap<SourceText, number[]>();

/** Where each line begins; found once for each file. */
function startsOf(source: SourceText): number[] {
  const known = lineStarts.get(source);
  if (known !== undefined) return known;
  const starts = [0];
  for (let at = source.text.indexOf("\n"); at !== -1; at = source.text.indexOf("\n", at + 1)) starts.push(at + 1);
  lineStarts.set(source, starts);
  return starts;
}

/** 1-based line of an offset. */
export function lineAt(source: SourceText, offset: number): number {
  const at = Math.max(0, Math.min(offset, source.text.length));
  const starts = startsOf(source);
  return lowest(starts.length, (index) => (starts[index] ?? 0) > at);
}

/** 1-based line and column (in characters, not UTF-16 units) of an offset. */
export function positionAt(source: SourceText, offset: number): { line: number; column: number } {
  const at = Math.max(0, Math.min(offset, source.text.length));
  const line = lineAt(source, at);
  const lineStart = startsOf(source)[line - 1] ?? 0;
  return { line, column: Array.from(source.text.slice(lineStart, at)).length + 1 };
}

/** The lowest index of an ordered list for which `past` holds, or its length. */
export function lowest(length: number, past: (index: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (past(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Longest piece of a source line that an excerpt shows, in characters. */
const EXCERPT_WIDTH = 110;

/** The line that holds `offset`, numbered, with a caret below the offset. Long lines are cut around it. */
export function excerpt(source: SourceText, offset: number): string {
  const { line, column } = positionAt(source, offset);
  const characters = Array.from(source.text.split("\n")[line - 1] ?? "");
  const first = Math.max(0, Math.min(column - 1 - EXCERPT_WIDTH / 2, characters.length - EXCERPT_WIDTH));
  const last = Math.min(characters.length, first + EXCERPT_WIDTH);
  const shown = `${first > 0 ? "…" : ""}${characters.slice(first, last).join("")}${last < characters.length ? "…" : ""}`;
  const gutter = `  ${line} | `;
  const indent = (first > 0 ? " " : "") + characters.slice(first, column - 1).join("");
  // A tab is as wide below as above only if it is repeated.
  return `${gutter}${shown}\n${" ".repeat(gutter.length - 2)}| ${indent.replace(/[^\t]/gu, " ")}^`;
}

/**
 * Turns libpg-query's offsets into UTF-16 ones: bytes of UTF-8 in parse trees, code points in syntax errors.
 * Free for pure ASCII, which nearly all SQL is.
 */
export class OffsetMap {
  private readonly ascii: boolean;
  private byByte: Int32Array | undefined;

  constructor(private readonly text: string) {
    // eslint-disable-next-line no-control-regex -- the whole ASCII range, control characters included, is meant
    this.ascii = /^[\x00-\x7f]*$/.test(text);
  }

  fromBytes(bytes: number): number {
    if (this.ascii) return Math.min(bytes, this.text.length);
    this.byByte ??= this.index();
    return this.byByte[Math.min(bytes, this.byByte.length - 1)] ?? this.text.length;
  }

  fromCodePoints(points: number): number {
    if (this.ascii) return Math.min(points, this.text.length);
    let offset = 0;
    for (let left = points; left > 0 && offset < this.text.length; left -= 1) {
      offset += (this.text.codePointAt(offset) ?? 0) > 0xffff ? 2 : 1;
    }
    return offset;
  }

  private index(): Int32Array {
    const map = new Int32Array(Buffer.byteLength(this.text) + 1);
    let byte = 0;
    for (let i = 0; i < this.text.length;) {
      const point = this.text.codePointAt(i) ?? 0;
      const bytes = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
      map.fill(i, byte, byte + bytes);
      byte += bytes;
      i += point > 0xffff ? 2 : 1;
    }
    map[byte] = this.text.length;
    return map;
  }
}
