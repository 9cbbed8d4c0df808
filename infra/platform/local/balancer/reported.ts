import type { DatabaseReport } from "./api";

/** So many reports in a row that don't come are the collector's silence. */
const missed = 5;

/** Why it is told of here: whoever is silent can't say so. */
const silent = { name: "collector-silent", severity: "high" } as const;

/** What the collector said last of the database, for as long as it goes on saying something. Kept in memory alone. */
export class Reported {
  #last: { report: DatabaseReport; at: number } | undefined;

  /** @param now milliseconds that never go back */
  constructor(private readonly now: () => number = () => performance.now()) {}

  take(report: DatabaseReport): void {
    this.#last = { report, at: this.now() };
  }

  /** There is no collector any more, and none is missed. */
  forget(): void {
    this.#last = undefined;
  }

  get alarms(): DatabaseReport["alarms"] {
    return this.#isSilent ? [{ ...silent, fires: true }] : (this.#last?.report.alarms ?? []);
  }

  /** Old ones would be taken for what is now. */
  get figures(): DatabaseReport["figures"] {
    return this.#isSilent ? [] : (this.#last?.report.figures ?? []);
  }

  /** Whether something was said, and nothing more for too long. */
  get #isSilent(): boolean {
    if (this.#last === undefined) return false;
    const { report, at } = this.#last;
    return this.now() - at > missed * report.everyMs;
  }
}
