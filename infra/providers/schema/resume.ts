import { parseSection } from "../../schema";
import type { HistoryRow } from "./history";
import type { RunStep } from "./run";

/** Where a step begins. */
export interface Beginning {
  /** Statements that are done already. */
  readonly from: number;
  /** The statement that was under way when the last run ended, from 1; 0 for none, or where that is known. */
  readonly begun: number;
  /** This direction broke off before, and goes on. */
  readonly resumes: boolean;
  /** The other direction broke off: part of what this one does needs no doing. */
  readonly reversing: boolean;
}

/** @throws where what is done already is not what the file says now */
export function beginningOf(step: RunStep, row: HistoryRow | undefined): Beginning {
  const half = row?.state === "applying" ? "up" : row?.state === "taking back" ? "down" : undefined;
  const fresh = { from: 0, begun: 0, resumes: false, reversing: false };
  if (row === undefined || half === undefined) return fresh;
  if (half !== step.direction) return { ...fresh, reversing: true };
  const { statementsApplied: from, statementBegun: begun } = row;
  if (from > 0) assertSame(step, row);
  return { from, begun, resumes: true, reversing: false };
}

/** What is done can't be edited any more; what comes after it may be mended. */
function assertSame(step: RunStep, row: HistoryRow): void {
  const { statementsApplied: count } = row;
  const recorded = step.direction === "up" ? row.up : row.down;
  if (recorded === step.section.text) return;
  const before = parseSection(`${step.version}_${step.name}, recorded ${step.direction}`, recorded).statements;
  const edited = before.slice(0, count).find(({ text }, index) => step.section.statements[index]?.text !== text);
  if (edited === undefined && !step.section.transaction) return;
  const label = `${step.version}_${step.name}`;
  throw new Error(
    edited === undefined
      ? `${label}: ${count} of its statements are done one by one; keep transaction:false until it is applied`
      : `${label}: ${count} of its statements are done, and the file says others now; put back as it was: ` +
          `${edited.text.split("\n")[0] ?? ""}. What comes after them may be mended`,
  );
}
