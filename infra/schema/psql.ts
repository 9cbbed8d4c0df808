import type { Region } from "./lexer";
import { problemAt } from "./problem";
import type { Problem } from "./problem";
import type { SourceText } from "./source";

/** What to write instead of each psql command that turns up in migrations. */
const INSTEAD: Record<string, string> = {
  i: "paste the file's statements here: the checksum must cover all that runs",
  ir: "paste the file's statements here: the checksum must cover all that runs",
  copy: "write INSERT INTO … VALUES …, or load the rows outside of migrations",
  ".": "write INSERT INTO … VALUES …, or load the rows outside of migrations",
  set: "write the value itself",
  c: "leave it out: stack config says which database is meant",
  connect: "leave it out: stack config says which database is meant",
  restrict: "leave it out: pg_dump writes it for psql only",
  unrestrict: "leave it out: pg_dump writes it for psql only",
  if: "write two migrations, or one that is right in both cases",
  gexec: "write the statements out",
};

/** Backslashes outside quotes: no statement has them, so each is a command for psql, which the runner is not. */
export function psqlProblems(source: SourceText, regions: readonly Region[]): Problem[] {
  const lines = new Set<number>();
  return regions.flatMap((region) => {
    if (region.type !== "backslash") return [];
    const line = source.text.lastIndexOf("\n", region.start) + 1;
    if (lines.has(line)) return [];
    lines.add(line);
    const command = /^\\([A-Za-z]+|\S)?/.exec(source.text.slice(region.start))?.[1] ?? "";
    return problemAt(source, region.start, {
      rule: "psql-meta-command",
      message: `\\${command} is a command of psql; the runner sends statements to the server and knows none`,
      safeWay: INSTEAD[command] ?? "write it in SQL",
    });
  });
}
