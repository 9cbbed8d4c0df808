import { setTimeout as delay } from "node:timers/promises";
import type { DatabaseError } from "pg";
import type { Run } from "./run";

/** What is worth another try: lock_not_available, deadlock_detected. */
const locked = new Set(["55P03", "40P01"]);

/** How long a statement, or a transaction, is tried again while others hold its locks, in ms. */
export const lockBudgetMs = 120_000;

/** Before a new try, in ms: half to one and a half times as long, twice as long after each try, so that whoever waited behind us gets by. */
const firstPauseMs = 250;
const longestPauseMs = 10_000;

/**
 * Runs `work` until it gets its locks, at most for `budgetMs`.
 * @param what names it in progress lines
 * @returns how often it was tried again
 */
export async function withTries(
  run: Pick<Run, "say">,
  what: string,
  work: () => Promise<void>,
  budgetMs = lockBudgetMs,
): Promise<number> {
  const end = performance.now() + budgetMs;
  for (let tries = 1; ; tries += 1) {
    try {
      await work();
      return tries - 1;
    } catch (error) {
      const { code, message } = error as DatabaseError;
      if (!locked.has(code ?? "")) throw error;
      const pauseMs = Math.min(longestPauseMs, firstPauseMs * 2 ** (tries - 1)) * (0.5 + Math.random());
      if (performance.now() + pauseMs > end) {
        const spent = `tried ${tries === 1 ? "once" : `${tries} times`} within ${Math.round(budgetMs / 1_000)} s`;
        (error as DatabaseError).message = `${message}, ${spent}`;
        throw error;
      }
      run.say(`${what}: ${message}; tries again in ${(pauseMs / 1_000).toFixed(1)} s`);
      await delay(pauseMs);
    }
  }
}
