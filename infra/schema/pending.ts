import type { MigrationPlan, Step } from "./plan";

/** One line of the pending list: plain data, fit for resource inputs, so that `pulumi preview` shows it as a diff. */
export interface PendingEntry {
  readonly version: string;
  readonly name: string;
  readonly phase: string;
  /** "up" or "down". */
  readonly direction: string;
  /** "widen" or "narrow": which of the two schema resources runs it. */
  readonly runs: string;
  /** Each statement on one line, cut at 100 characters. */
  readonly statements: readonly string[];
  /** "ACCESS EXCLUSIVE on pages", strongest for each table that was there before. */
  readonly locks: readonly string[];
  /** Versions that it must come after, though its effect alone would let it run before traffic advances. */
  readonly waitsFor: readonly string[];
}

/** Longest statement in a pending list, in characters. */
const STATEMENT_WIDTH = 100;

/** The plan's steps in the order in which they run. */
export function pendingList(plan: Pick<MigrationPlan, "widening" | "narrowing">): PendingEntry[] {
  const entry =
    (runs: string) =>
    (step: Step): PendingEntry => ({
      version: step.version,
      name: step.name,
      phase: step.phase,
      direction: step.direction,
      runs,
      statements: step.statements.map(({ text }) => oneLine(text)),
      locks: step.locks.map(({ table, mode }) => `${mode} on ${table}`),
      waitsFor: step.waitsFor,
    });
  return [...plan.widening.map(entry("widen")), ...plan.narrowing.map(entry("narrow"))];
}

/** The pending list for a terminal; "nothing pending" where it is empty. */
export function formatPending(entries: readonly PendingEntry[]): string {
  if (entries.length === 0) return "nothing pending";
  return entries
    .map((entry) => {
      const waits = entry.waitsFor.length === 0 ? "" : `, after ${entry.waitsFor.join(", ")}`;
      const head = `${entry.version} ${entry.name}: ${entry.phase} ${entry.direction} (${entry.runs}${waits})`;
      const locks = entry.locks.length === 0 ? "no lock on a table that is in use" : entry.locks.join("; ");
      return [head, ...entry.statements.map((text) => `    ${text}`), `    locks: ${locks}`].join("\n");
    })
    .join("\n");
}

function oneLine(text: string): string {
  const characters = Array.from(text.replace(/\s+/g, " "));
  return characters.length <= STATEMENT_WIDTH
    ? characters.join("")
    : `${characters.slice(0, STATEMENT_WIDTH - 1).join("")}…`;
}
