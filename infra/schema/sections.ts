import type { Region } from "./lexer";
import { nearMiss } from "./near";
import { problemAt } from "./problem";
import type { Problem } from "./problem";
import type { SourceText } from "./source";
import type { Direction } from "./types";

/** A `-- migrate:up` or `-- migrate:down` line. */
export interface Marker {
  readonly direction: Direction;
  readonly transaction: boolean;
  /** UTF-16 offsets of the line, its line feed left out. */
  readonly start: number;
  readonly end: number;
}

/** What dbmate takes for a marker (pkg/dbmate/migration.go). */
const MARKER = /^--\s*migrate:(up|down)(?:\s*$|\s+(\S.*)$)/;
const MARKER_LINE = /^--\s*migrate:(?:up|down)(?=\s|$)/gm;
/** Markers of tools whose files look alike. */
const FOREIGN = /^--\s*\+(goose|migrate)\s+(up|down|statementbegin|statementend)\b/i;
const SIMILAR = /^--+\s*([A-Za-z]+)\s*:\s*([A-Za-z]+)\b/;

/** Finds the markers, and everything that dbmate or a reader would take for one. */
export function readMarkers(source: SourceText, regions: readonly Region[], problems: Problem[]): Marker[] {
  const { text } = source;
  const markers: Marker[] = [];
  const report = (offset: number, message: string, safeWay: string): void => {
    problems.push(problemAt(source, offset, { rule: "section-marker", message, safeWay }));
  };
  const comments = new Set<number>();
  for (const region of regions) {
    if (region.type !== "line-comment") continue;
    comments.add(region.start);
    const comment = text.slice(region.start, region.end);
    const ownLine = region.start === 0 || text[region.start - 1] === "\n";
    const match = MARKER.exec(comment);
    if (match !== null && ownLine) {
      const direction = match[1] === "up" ? "up" : "down";
      const transaction = readOptions(source, region, match[2] ?? "", problems);
      markers.push({ direction, transaction, start: region.start, end: region.end });
    } else if (match !== null) {
      report(
        region.start,
        "this marker does not begin its line, so dbmate does not see it",
        "put it on a line of its own, with no space before it",
      );
    } else {
      const slip = misspelt(comment);
      if (slip !== undefined) report(region.start, slip, "write -- migrate:up or -- migrate:down [transaction:false]");
    }
  }
  const open = regions.at(-1)?.open === true ? regions.at(-1)?.start : undefined;
  for (const match of text.matchAll(MARKER_LINE)) {
    if (comments.has(match.index) || (open !== undefined && match.index > open)) continue;
    report(
      match.index,
      "this line stands inside a string or a block comment, but dbmate takes it for a marker",
      "close the quote or comment before it, or indent the line",
    );
  }
  return markers;
}

function misspelt(comment: string): string | undefined {
  const foreign = FOREIGN.exec(comment);
  if (foreign !== null)
    return `"${foreign[0]}" is a marker of ${foreign[1]?.toLowerCase() === "goose" ? "goose" : "sql-migrate"}`;
  const similar = SIMILAR.exec(comment);
  if (similar === null) return undefined;
  const [, tool = "", direction = ""] = similar;
  const near = (word: string, wanted: string[]): boolean => wanted.includes(word) || nearMiss(word, wanted) !== "";
  if (!near(tool, ["migrate"]) || (tool !== "migrate" && !near(direction, ["up", "down"]))) return undefined;
  return `"${similar[0]}" is not a marker${nearMiss(`${tool}:${direction}`, ["migrate:up", "migrate:down"])}`;
}

/** dbmate overlooks options that it does not know ("transaction: false"); here they are refused. */
function readOptions(source: SourceText, region: Region, options: string, problems: Problem[]): boolean {
  const text = options.trim();
  if (text === "" || text === "transaction:true") return true;
  if (text === "transaction:false") return false;
  const near = nearMiss(text.replace(/\s/g, ""), ["transaction:false", "transaction:true"]);
  problems.push(
    problemAt(source, region.start, {
      rule: "section-marker",
      message: `"${text}" is no option of a marker${near}`,
      safeWay: "write transaction:false with no space, or nothing",
    }),
  );
  return true;
}

/** One up and then one down, or problems. */
export function orderMarkers(
  source: SourceText,
  markers: readonly Marker[],
  problems: Problem[],
): { up: Marker; down: Marker } | undefined {
  const up = markers.find((marker) => marker.direction === "up");
  const down = markers.find((marker) => marker.direction === "down");
  const before = problems.length;
  for (const marker of markers) {
    if (marker === up || marker === down) continue;
    problems.push(
      problemAt(source, marker.start, {
        rule: "repeated-section",
        message: `a second -- migrate:${marker.direction}; a migration has one way up and one way down`,
        safeWay: "move the second pair into a file of its own with the next version",
      }),
    );
  }
  // A marker in a wrong place or spelling, or behind an open quote, is reported already.
  const slipped = problems.some(({ rule }) => rule === "section-marker" || rule === "syntax");
  if (up === undefined && !slipped) {
    problems.push(
      problemAt(source, 0, {
        rule: "missing-up",
        message: "there is no -- migrate:up",
        safeWay: "put the line -- migrate:up before the first statement",
      }),
    );
  }
  if (down === undefined && !slipped) {
    problems.push(
      problemAt(source, source.text.length, {
        rule: "missing-down",
        message: "there is no -- migrate:down, so nothing could take this migration back",
        safeWay:
          'add -- migrate:down and the statements that undo it, or below it -- switchyard: irreversible="why there is no way back"',
      }),
    );
  }
  if (up !== undefined && down !== undefined && up.start > down.start) {
    problems.push(
      problemAt(source, down.start, {
        rule: "section-marker",
        message: "-- migrate:down stands before -- migrate:up",
        safeWay: "put -- migrate:up and its statements first",
      }),
    );
  }
  return up !== undefined && down !== undefined && problems.length === before ? { up, down } : undefined;
}
