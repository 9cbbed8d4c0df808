import type { Migration } from "../../schema";

/** How a migration failed: in which step of its rehearsal, and what there is to read below that. */
export class StepFailure extends Error {
  constructor(
    readonly migration: Migration,
    readonly head: string,
    readonly lines: readonly string[],
    /** What mends it, as the beginning of a sentence. */
    readonly mend: string,
    options?: ErrorOptions,
  ) {
    super(head, options);
  }
}

export const linesOf = (error: unknown): string[] => (error as Error).message.split("\n");
