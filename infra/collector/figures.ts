// From two readings to the figures of the time between them. Pure.

import { isStale } from "./freshness";
import { p95Of, type Calls } from "./percentile";
import type { Reading, Statement, Transactions } from "./reading";

/** Units as CloudWatch calls them. */
export const units = {
  Collected: "Count",
  Queries: "Count",
  QueryP95: "Milliseconds",
  QueryMean: "Milliseconds",
  LockWaiters: "Count",
  LongestLockWait: "Seconds",
  ConnectionsUsed: "Percent",
  Connections: "Percent",
  DeadlocksBroken: "Count",
  Rollbacks: "Percent",
  OldestTransaction: "Seconds",
  RetainedWal: "Bytes",
  TransactionAge: "Count",
  DeadRows: "Percent",
  StaleViews: "Count",
} as const;
export type FigureName = keyof typeof units;

export interface Figure {
  readonly name: FigureName;
  readonly value: number;
  /** Of `ConnectionsUsed` alone: the role whose CONNECTION LIMIT it is a share of. */
  readonly role?: string;
}

/** Of a handful of calls p95 is the slowest one, and says nothing: fewer in an interval have none. */
export const fewestCalls = 20;

/**
 * The figures that `after` shows, with those of the time since `before`; without `before` those are left out, as what
 * was counted since the statistics began says nothing of now.
 */
export function figuresOf(before: Reading | undefined, after: Reading): Figure[] {
  const now: Figure[] = [
    { name: "Collected", value: 1 },
    { name: "LockWaiters", value: after.waits.waiting },
    { name: "LongestLockWait", value: after.waits.longest },
    ...after.roles
      .filter(({ most }) => most > 0)
      .map(({ role, used, most }): Figure => ({ name: "ConnectionsUsed", role, value: (100 * used) / most })),
    { name: "Connections", value: (100 * after.connections.used) / after.connections.most },
    { name: "OldestTransaction", value: after.oldestTransaction },
    { name: "RetainedWal", value: after.retained },
    { name: "TransactionAge", value: after.age },
    { name: "DeadRows", value: after.dead },
    { name: "StaleViews", value: after.views.filter((view) => isStale(view, after.at)).length },
  ];
  return before === undefined ? now : [...now, ...queries(before, after), ...transactions(before, after)];
}

function queries(before: Reading, after: Reading): Figure[] {
  const called = callsBetween(before.statements, after.statements);
  const calls = called.reduce((sum, each) => sum + each.calls, 0);
  if (calls < fewestCalls) return [{ name: "Queries", value: calls }];
  const total = called.reduce((sum, each) => sum + each.calls * each.mean, 0);
  return [
    { name: "Queries", value: calls },
    { name: "QueryMean", value: total / calls },
    { name: "QueryP95", value: p95Of(called) },
  ];
}

/** What each statement did between two readings. One that began anew (a reset, or it was forgotten for want of room) counts from 0. */
export function callsBetween(before: readonly Statement[], after: readonly Statement[]): Calls[] {
  const earlier = new Map(before.map((each) => [each.key, each]));
  return after.flatMap((each) => {
    const first = earlier.get(each.key);
    const since = first === undefined || first.calls > each.calls ? { calls: 0, total: 0, squares: 0 } : first;
    const calls = each.calls - since.calls;
    if (calls <= 0) return [];
    const mean = (each.total - since.total) / calls;
    return [{ calls, mean, variance: Math.max((each.squares - since.squares) / calls - mean ** 2, 0) }];
  });
}

function transactions({ transactions: before }: Reading, { transactions: after }: Reading): Figure[] {
  const between = (key: keyof Transactions) => (after[key] < before[key] ? after[key] : after[key] - before[key]);
  const [commits, rollbacks] = [between("commits"), between("rollbacks")];
  const all = commits + rollbacks;
  return [
    { name: "DeadlocksBroken", value: between("deadlocks") },
    ...(all === 0 ? [] : [{ name: "Rollbacks" as const, value: (100 * rollbacks) / all }]),
  ];
}
