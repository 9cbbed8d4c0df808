import { getBorderCharacters, table } from "table";

/** Something that the person who runs a command can mend; its message says how. Shown without a stack trace. */
export class CommandError extends Error {}

/** Prints to stdout, with a line end. */
export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** One JSON value on stdout, for programs. */
export const sayJson = (value: unknown): void => say(JSON.stringify(value, null, 2));

/** Cells in columns that are as wide as they have to be, the first row being the head. No lines, colours or icons. */
export function columns(rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map(oneLine));
  const drawn = table(cells, {
    border: getBorderCharacters("void"),
    columnDefault: { paddingLeft: 0, paddingRight: 2 },
    drawHorizontalLine: () => false,
  });
  return drawn
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n")
    .trimEnd();
}

/** Text from a database may hold anything: a terminal is sent no control characters, and a cell has one line. */
export const oneLine = (text: string): string =>
  text
    .replace(/\s+/g, " ")
    .replace(/\p{Cc}/gu, "")
    .trim();

/** A whole text, its lines kept. */
export const plain = (text: string): string => text.replace(/[^\P{Cc}\n\t]/gu, "");

/**
 * Runs a command to its exit code. A reader that has gone (`… | head`) ends it quietly.
 * @param work gives the exit code; a CommandError is told in a sentence, and anything else, which is a fault of ours,
 *   with its stack. Both end with 1.
 */
export async function runToExit(work: () => Promise<void>): Promise<void> {
  for (const stream of [process.stdout, process.stderr])
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
      process.exit(process.exitCode ?? 0);
    });
  try {
    await work();
  } catch (error) {
    process.exitCode = 1;
    const known = error instanceof CommandError;
    process.stderr.write(`${plain(known ? error.message : ((error as Error).stack ?? String(error)))}\n`);
  }
}
