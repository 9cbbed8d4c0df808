import { cpus, loadavg } from "node:os";
import { table } from "table";

/** One figure of a benchmark. */
export interface Result {
  readonly what: string;
  readonly found: string;
  /** "at most 1.3"; empty for a figure that has no goal. */
  readonly goal?: string;
  readonly met?: boolean;
}

export const ms = (value: number): string => (value < 100 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`);
export const seconds = (value: number): string => `${(value / 1_000).toFixed(1)} s`;
export const count = (value: number): string => Math.round(value).toLocaleString("en-GB");

/** The value below which `share` (0 to 1) of the values lie. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

/** The figures with their goals, and how busy the machine was: beside other work, times say little. */
export function printResults(title: string, results: readonly Result[]): void {
  const rows = results.map(({ what, found, goal = "", met }) => [
    what,
    found,
    goal,
    met === undefined ? "" : met ? "met" : "missed",
  ]);
  console.log(`\n${title} (${cpus().length} CPUs, load ${loadavg()[0]?.toFixed(1) ?? "unknown"})\n`);
  console.log(table([["", "found", "goal", ""], ...rows]));
}
