import { compareVersions, type Direction, type Migration } from "../../schema";
import { UnfitCopy } from "./rehearsal-fill";
import { linesOf, StepFailure } from "./rehearsal-failure";
import type { RehearsalOptions, ScratchDatabase } from "./rehearsal-types";

/**
 * The smoke of the current release, for as long as it can run: not after a contract that breaks it, nor anywhere behind
 * that.
 */
export class ReleaseSmoke {
  #smoke: RehearsalOptions["smoke"];
  readonly #releaseSchema: string | undefined;

  constructor(
    { smoke, releaseSchema }: RehearsalOptions,
    readonly database: ScratchDatabase,
  ) {
    this.#smoke = smoke;
    this.#releaseSchema = releaseSchema;
  }

  /**
   * Before the first migration: what fails here would be blamed on it. A smoke may ask for rows that a copy of the
   * structure does not have; it is left out then, and that is said.
   * @throws UnfitCopy on restored data
   */
  async tryOut(on: "structure" | "restored", say: (line: string) => void): Promise<void> {
    try {
      await this.#smoke?.(this.database);
    } catch (error) {
      const found = `the smoke of the current release fails on the scratch copy before any pending migration ran: ${(error as Error).message}`;
      if (on === "restored") throw new UnfitCopy(found, { cause: error });
      say(`${found}; it is left out, since a copy of the structure may lack the rows that it asks for`);
      this.#smoke = undefined;
    }
  }

  /** @throws StepFailure */
  async after(migration: Migration, direction: Direction): Promise<void> {
    if (direction === "up" && this.#isBrokenBy(migration)) this.#smoke = undefined;
    try {
      await this.#smoke?.(this.database);
    } catch (error) {
      const head = `the smoke of the current release fails after its ${direction}`;
      throw new StepFailure(migration, head, linesOf(error), "keep what the current release needs", { cause: error });
    }
  }

  #isBrokenBy({ phase, version, breaksBelow = version }: Migration): boolean {
    const schema = this.#releaseSchema;
    return phase === "contract" && (schema === undefined || compareVersions(schema, breaksBelow) < 0);
  }
}
