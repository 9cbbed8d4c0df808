import type { Impact } from "../../schema";
import { changedTables } from "./analyse-tables";
import type { HistoryRow } from "./history";
import { addFigures } from "./run-log";
import type { Run, RunStep } from "./run";
import { compareStatistics, readStatistics } from "./statistics";
import { runVerifies } from "./verify";

type Statistics = Awaited<ReturnType<typeof readStatistics>>;

/** Migrations of one impact that ran one after the other. */
interface Level {
  readonly impact: Impact;
  readonly tables: Set<string>;
  readonly before: Statistics;
  readonly ran: RunStep[];
}

/**
 * The stops between migrations of different impact: what those before it promise is asked for once more before the next
 * impact begins, also where they ran in an earlier `up`; and what the service's statements cost is compared over each.
 */
export class Impacts {
  private level: Level | undefined;
  /** Of the migrations applied last, all of one impact; newest last. */
  private group: Pick<HistoryRow, "version" | "name" | "directives">[];

  constructor(
    private readonly run: Run,
    history: readonly HistoryRow[],
  ) {
    const applied = history.filter(({ state }) => state === "applied").sort(byTime);
    const impact = applied.at(-1)?.directives.impact;
    const others = applied.findLastIndex(({ directives }) => directives.impact !== impact);
    this.group = applied.slice(others + 1);
  }

  /** @throws where what an earlier impact promised does not hold: `step` must not begin */
  async before(step: RunStep): Promise<void> {
    const last = this.group.at(-1)?.directives.impact ?? step.impact;
    if (step.direction === "up" && last !== step.impact) {
      await this.verifyGroup(last, step);
      this.group = [];
    }
    if (this.level?.impact !== step.impact) {
      await this.end();
      const tables = changedTables(step.section);
      const before = await readStatistics(this.run.client, tables);
      this.level = { impact: step.impact, tables: new Set(tables), before, ran: [] };
    }
  }

  after(step: RunStep): void {
    this.level?.ran.push(step);
    const { version, name } = step;
    if (step.direction === "up" && step.file !== undefined)
      this.group.push({ version, name, directives: step.file.directives });
    else this.group = this.group.filter((each) => each.version !== version);
  }

  /** The impact at work is over: its figures go on record with its last migration. */
  async end(): Promise<void> {
    const { level } = this;
    this.level = undefined;
    const last = level?.ran.at(-1);
    if (level?.before === undefined || last === undefined) return;
    const after = await readStatistics(this.run.client, [...level.tables]);
    const statements = compareStatistics(level.before, after);
    await addFigures(this.run.client, last.version, { impact: level.impact, statements });
  }

  private async verifyGroup(impact: Impact, next: RunStep): Promise<void> {
    const { client, say, assertHeld } = this.run;
    await assertHeld();
    let asked = 0;
    for (const { version, name, directives } of this.group) {
      try {
        await runVerifies(client, directives.verify, false);
      } catch (error) {
        throw new Error(
          `${version}_${name} (impact=${impact}) no longer keeps what it promised, so ${next.version}_${next.name} ` +
            `(impact=${next.impact}) does not begin: ${(error as Error).message}. Mend that by a new migration, then run ` +
            "pulumi up again",
          { cause: error },
        );
      }
      asked += directives.verify.length;
    }
    const held = asked === 0 ? "nothing to verify" : `${asked === 1 ? "one verify" : `all ${asked} verifies`} held`;
    say(`impact=${impact} is done, ${held}; impact=${next.impact} begins`);
  }
}

const byTime = (a: HistoryRow, b: HistoryRow): number =>
  (a.finishedAt?.getTime() ?? 0) - (b.finishedAt?.getTime() ?? 0);
