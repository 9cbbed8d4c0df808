import { readBackfill, readSync, readVerify, readVersion, readWaiver, readWord } from "./directive-kinds";
import type { Backfill, Sync, Verify, Waiver } from "./directive-kinds";
import type { Directive } from "./directives";
import { problemAt } from "./problem";
import type { Problem } from "./problem";
import type { Marker } from "./sections";
import type { SourceText } from "./source";
import { compareVersions } from "./types";
import type { Impact, Phase, Section } from "./types";

/** Hands each directive to what it concerns; what nobody asked for is a problem in the end. */
export class DirectiveBook {
  readonly verify: readonly Verify[];
  readonly syncs: readonly Sync[];
  private readonly open: Set<Directive>;

  constructor(
    private readonly source: SourceText,
    directives: readonly Directive[],
    private readonly problems: Problem[],
  ) {
    this.open = new Set(directives);
    this.verify = this.take("verify").flatMap((d) => readVerify(source, d, problems) ?? []);
    this.syncs = this.take("sync").flatMap((d) => readSync(source, d, problems) ?? []);
  }

  phase(): Phase | undefined {
    const directive = this.single("phase");
    if (directive !== undefined) {
      this.phaseAt = directive.offset;
      return readWord(this.source, directive, ["expand", "contract"], this.problems);
    }
    this.problems.push(
      problemAt(this.source, 0, {
        rule: "missing-phase",
        message: "the migration does not say whether old code survives it",
        safeWay: "add -- switchyard: phase=expand (old code survives it) or phase=contract (it does not) at the top",
      }),
    );
    return undefined;
  }

  private phaseAt = 0;

  /** @param own version and phase of the file, as far as they could be read */
  breaksBelow(own: { version?: string; phase?: Phase }): string | undefined {
    const directive = this.single("breaks-below");
    if (directive === undefined) return undefined;
    const version = readVersion(this.source, directive, this.problems);
    if (own.phase === "expand") {
      const why = "breaks-below stands in an expand migration, which breaks no release";
      this.reject(directive, why, "delete it; or write phase=contract, where a release does not survive the migration");
    }
    if (version !== undefined && own.version !== undefined && compareVersions(version, own.version) > 0) {
      const why = `breaks-below=${version} is above the migration itself: a release built against ${own.version} knows it`;
      this.reject(
        directive,
        why,
        `name ${own.version} (which is meant where the directive is left out) or an earlier one`,
      );
    }
    return version;
  }

  impact(): Impact {
    const directive = this.single("impact");
    if (directive === undefined) return "low";
    return readWord(this.source, directive, ["low", "medium", "high"], this.problems) ?? "low";
  }

  irreversible(downStart: number): string | undefined {
    const directive = this.single("irreversible");
    if (directive !== undefined && directive.offset < downStart) {
      this.reject(directive, "irreversible stands above -- migrate:down", "put it below, in place of the statements");
    }
    return directive?.value;
  }

  /** Directives between the statement before (or the section's start) and this one, which must not hold any itself. */
  forStatement(
    sectionStart: number,
    start: number,
    end: number,
    marker: Marker,
  ): { waivers: Waiver[]; backfill?: Backfill } {
    const waivers: Waiver[] = [];
    let backfill: Backfill | undefined;
    for (const directive of this.open) {
      if (directive.offset < sectionStart || directive.offset >= end) continue;
      if (directive.head !== "waiver" && directive.head !== "backfill") continue;
      if (directive.head === "waiver" && directive.value === "empty-down") continue;
      this.open.delete(directive);
      if (directive.offset > start) {
        this.reject(directive, "a directive stands inside a statement", "put it on a line before the statement");
      } else if (directive.head === "waiver") {
        const waiver = readWaiver(this.source, directive, this.problems);
        if (waiver !== undefined) waivers.push(waiver);
      } else if (backfill !== undefined) {
        this.reject(directive, "the statement has two backfill directives", "keep one");
      } else {
        backfill = readBackfill(this.source, directive, this.problems);
        if (marker.transaction) {
          const why = "batches commit one by one, which a migration's transaction forbids";
          this.reject(directive, why, `write -- migrate:${marker.direction} transaction:false`);
        }
      }
    }
    return backfill === undefined ? { waivers } : { waivers, backfill };
  }

  takeFileWaiver(rule: string, from: number): boolean {
    const found = [...this.open].find((d) => d.head === "waiver" && d.value === rule && d.offset > from);
    if (found === undefined) return false;
    this.open.delete(found);
    return readWaiver(this.source, found, this.problems) !== undefined;
  }

  /** Reports what is left over: directives of no statement, and a phase hidden below the first statement. */
  finish(up: Section): void {
    for (const directive of this.open) {
      const message = `${directive.head} concerns the next statement of its section, and there is none`;
      this.reject(directive, message, "put it right before the statement that it concerns, or delete it");
    }
    const first = up.statements[0];
    if (first === undefined || this.phaseAt <= first.offset) return;
    const safeWay = "move it above the first statement";
    const message = "the phase stands below the first statement, where readers miss it";
    this.problems.push(problemAt(this.source, this.phaseAt, { rule: "directive", message, safeWay }));
  }

  private take(head: Directive["head"]): Directive[] {
    const found = [...this.open].filter((directive) => directive.head === head);
    for (const directive of found) this.open.delete(directive);
    return found;
  }

  private single(head: Directive["head"]): Directive | undefined {
    const [first, ...others] = this.take(head);
    for (const other of others) this.reject(other, `${head} is given twice`, `keep one ${head} in the file`);
    return first;
  }

  private reject(directive: Directive, message: string, safeWay: string): void {
    this.problems.push(problemAt(this.source, directive.offset, { rule: "directive", message, safeWay }));
  }
}
