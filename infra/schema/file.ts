import { hash } from "node:crypto";
import { DirectiveBook } from "./directive-book";
import { readDirectives } from "./directives";
import { scanRegions, skipBlank } from "./lexer";
import type { Region } from "./lexer";
import { MigrationError, problemAt, problemOf } from "./problem";
import type { Problem } from "./problem";
import { psqlProblems } from "./psql";
import { orderMarkers, readMarkers } from "./sections";
import type { Marker } from "./sections";
import { normaliseText } from "./source";
import type { SourceText } from "./source";
import { readStatements } from "./statement";
import type { Migration, Section } from "./types";

/** dbmate's names: digits, an underscore, a name. 18 digits hold a timestamp and fit a bigint. */
const FILE_NAME = /^(\d{1,18})_([A-Za-z0-9][A-Za-z0-9_.-]*)\.sql$/;

/**
 * SHA-256 of a migration's text with LF line ends and without byte order mark, so that a checkout on another system
 * does not change it. 64 hexadecimal digits.
 */
export function checksumOf(text: string): string {
  return sha256(normaliseText(text));
}

const sha256 = (text: string): string => hash("sha256", text);

/**
 * Reads one migration from its text.
 *
 * @param fileName without folder, such as `0004_add_slug.sql`
 * @throws MigrationError with every problem of the file
 */
export function parseMigration(fileName: string, text: string): Migration {
  const { migration, problems } = readMigration(fileName, text);
  if (migration === undefined || problems.length > 0) throw new MigrationError(problems);
  return migration;
}

/** As `parseMigration`, but hands the problems over; `migration` is there only where there are none. */
export function readMigration(fileName: string, text: string): { migration?: Migration; problems: Problem[] } {
  const source: SourceText = { name: fileName, text: normaliseText(text) };
  const problems: Problem[] = [];
  const named = readName(fileName, problems);
  const nul = source.text.indexOf("\0");
  if (nul !== -1) {
    const safeWay = "save the file as UTF-8 text; UTF-16 looks like this";
    problems.push(
      problemAt(source, nul, { rule: "encoding", message: "a NUL character, which no SQL text may hold", safeWay }),
    );
    return { problems };
  }
  const regions = scanRegions(source.text);
  problems.push(...unclosed(source, regions), ...psqlProblems(source, regions));
  const unparsable = problems.some(({ rule }) => rule === "psql-meta-command" || rule === "syntax");
  const markers = orderMarkers(source, readMarkers(source, regions, problems), problems);
  const directives = new DirectiveBook(source, readDirectives(source, regions, problems), problems);
  const phase = directives.phase();
  const breaksBelow = directives.breaksBelow({ ...named, phase });
  const impact = directives.impact();
  // Parsing around psql's commands and open quotes would only report them again.
  if (markers === undefined || unparsable) return { problems };
  refuseHeader(source, regions, markers.up, problems);
  const up = readSection(source, regions, markers.up, markers.down.start, directives, problems);
  const down = readSection(source, regions, markers.down, source.text.length, directives, problems);
  const irreversible = directives.irreversible(markers.down.start);
  refuseEmpty(source, markers, { up, down }, directives, irreversible, problems);
  directives.finish(up);
  if (problems.length > 0 || named === undefined || phase === undefined) return { problems };
  const checksum = sha256(source.text);
  const { verify, syncs } = directives;
  return {
    migration: {
      ...named,
      fileName,
      phase,
      breaksBelow,
      impact,
      checksum,
      text: source.text,
      up,
      down,
      verify,
      syncs,
      irreversible,
    },
    problems,
  };
}

/**
 * Reads a section as it was recorded at apply time (its marker line and its statements).
 *
 * @param label names the record in messages, such as "0004_add_slug, recorded down"
 * @throws MigrationError
 */
export function parseSection(label: string, text: string): Section {
  const source: SourceText = { name: label, text: normaliseText(text) };
  const problems: Problem[] = [];
  const regions = scanRegions(source.text);
  const [marker, ...others] = readMarkers(source, regions, problems);
  if (marker?.start !== 0 || others.length > 0) {
    const message = "a recorded section must begin with its marker and have no second one";
    const safeWay = "record Migration.up.text and Migration.down.text as they are";
    throw new MigrationError([problemOf(label, { rule: "section-marker", message, safeWay })]);
  }
  const directives = new DirectiveBook(source, readDirectives(source, regions, problems), problems);
  const section = readSection(source, regions, marker, source.text.length, directives, problems);
  if (problems.length > 0) throw new MigrationError(problems);
  return section;
}

function readName(fileName: string, problems: Problem[]): { version: string; name: string } | undefined {
  const match = FILE_NAME.exec(fileName);
  if (match !== null) return { version: match[1] ?? "", name: match[2] ?? "" };
  problems.push(
    problemOf(fileName, {
      rule: "file-name",
      message: `"${fileName}" is not the name of a migration, which is <version>_<name>.sql`,
      safeWay: "name it like 0004_add_slug.sql (1 to 18 digits, an underscore, letters), or move it out of the folder",
    }),
  );
  return undefined;
}

/** A quote or comment that is never closed hides all that follows, markers included: it is the one thing to mend. */
function unclosed(source: SourceText, regions: readonly Region[]): Problem[] {
  const last = regions.at(-1);
  if (last?.open !== true) return [];
  const names = { string: "quoted string", identifier: "quoted identifier", dollar: "dollar-quoted string" } as const;
  const what = last.type in names ? names[last.type as keyof typeof names] : "/* comment";
  const message = `an unterminated ${what} begins here`;
  return [problemAt(source, last.start, { rule: "syntax", message, safeWay: "close it" })];
}

function refuseHeader(source: SourceText, regions: readonly Region[], up: Marker, problems: Problem[]): void {
  const first = skipBlank(source.text, regions, 0);
  if (first >= up.start) return;
  problems.push(
    problemAt(source, first, {
      rule: "statement-outside-section",
      message: "a statement stands before -- migrate:up, where nothing would run it",
      safeWay: "move it below -- migrate:up",
    }),
  );
}

function readSection(
  source: SourceText,
  regions: readonly Region[],
  marker: Marker,
  to: number,
  directives: DirectiveBook,
  problems: Problem[],
): Section {
  const range = { from: marker.end, to };
  const take = (start: number, end: number) => directives.forStatement(range.from, start, end, marker);
  const statements = readStatements(source, regions, range, take, problems);
  const text = source.text.slice(marker.start, to).trimEnd();
  return { direction: marker.direction, transaction: marker.transaction, text, statements };
}

function refuseEmpty(
  source: SourceText,
  markers: { up: Marker; down: Marker },
  sections: { up: Section; down: Section },
  directives: DirectiveBook,
  irreversible: string | undefined,
  problems: Problem[],
): void {
  const broken = (from: number, to: number): boolean => {
    const [first, last] = [from, to].map((offset) => source.text.slice(0, offset).split("\n").length);
    return problems.some(
      (p) => (p.rule === "syntax" || p.rule === "update-limit") && p.line >= (first ?? 0) && p.line <= (last ?? 0),
    );
  };
  const { up, down } = markers;
  if (sections.up.statements.length === 0 && !broken(up.start, down.start)) {
    const safeWay = "write the statements below -- migrate:up, or delete the file";
    problems.push(
      problemAt(source, up.start, { rule: "empty-up", message: "-- migrate:up has no statement", safeWay }),
    );
  }
  const empty = sections.down.statements.length === 0 && !broken(down.start, source.text.length);
  const waived = directives.takeFileWaiver("empty-down", down.start);
  if (empty && irreversible === undefined && !waived) {
    problems.push(
      problemAt(source, down.start, {
        rule: "empty-down",
        message: "-- migrate:down has no statement, so going back would leave the schema as it is",
        safeWay:
          'undo the up; or say below it -- switchyard: waiver=empty-down reason="why there is nothing to undo", ' +
          'or -- switchyard: irreversible="why there is no way back"',
      }),
    );
  }
  if (!empty && irreversible !== undefined) {
    const safeWay = "keep the statements or the directive";
    const message = "the migration says that it is irreversible, and has a down";
    problems.push(problemAt(source, down.start, { rule: "directive", message, safeWay }));
  }
}
