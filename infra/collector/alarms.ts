// The alarms on what the collector reads, and on lines of PostgreSQL's log, as plain data: each platform makes its own of them.

import { colours, type Colour, type Severity } from "../config";
import type { FigureName } from "./figures";

/** One alarm. */
export interface CollectedAlarm {
  /** Follows the stack's name where names are shared. */
  readonly name: string;
  /** Anchor in docs/alarms.md. */
  readonly runbook: string;
  readonly severity: Severity;
  /** What is wrong when it fires, as a sentence without its full stop. */
  readonly says: string;
  /** A figure of the collector, or the count of lines. */
  readonly metric: string;
  /** Of a figure that each role has: whose. */
  readonly role?: string;
  /** What of a period is compared. */
  readonly statistic: "Sum" | "Minimum" | "Maximum" | "Average";
  readonly fires: { readonly above: number } | { readonly below: number };
  /** Seconds: 60 or a multiple; there is a reading a minute. */
  readonly period: number;
  /** So many periods in a row are looked at, and all have to be beyond. */
  readonly periods: number;
  /** A period without a figure: nothing is wrong by that, or that is what is wrong. */
  readonly missing: "quiet" | "fires";
}

/** Beyond what they fire. */
export interface CollectedLimits {
  /** p95 of the service's queries, milliseconds. Default: 100, the database optimisation guide's. */
  readonly queryP95: number;
  /** Seconds that a session waits for a lock. Default: 60: the service's statements give up after 10 (`database.pool.statement`). */
  readonly lockWait: number;
  /** Percent of a role's CONNECTION LIMIT. Default: `alarms.connections`, 80: the guides' "of the pool". */
  readonly connections: number;
  /** Seconds that a transaction is open. Default: 3600: VACUUM can remove nothing that is younger. */
  readonly transaction: number;
  /** Bytes of WAL that a slot keeps. Default: 5 GiB, a twentieth of `rds.storage`'s default. */
  readonly retained: number;
  /** Transactions. Default: 10^9, at which RDS's own events begin to warn ("Preventing transaction ID wraparound"). */
  readonly age: number;
  /** Percent of a table's rows. Default: 40, twice what autovacuum lets pass (autovacuum_vacuum_scale_factor). */
  readonly deadRows: number;
}

/** @param connections percent */
export const limitsWith = (connections: number): CollectedLimits => ({
  ...{ queryP95: 100, lockWait: 60, connections, transaction: 3_600 },
  ...{ retained: 5 * 2 ** 30, age: 1e9, deadRows: 40 },
});

const minute = 60;

/** Every alarm on the collector's figures. @param roles name of each colour's role */
export function collectedAlarms(limits: CollectedLimits, roles: Readonly<Record<Colour, string>>): CollectedAlarm[] {
  const on = (metric: FigureName, above: number): Pick<CollectedAlarm, "metric" | "fires"> => ({
    metric,
    fires: { above },
  });
  const each = { statistic: "Maximum", period: minute, missing: "quiet" } as const;
  return [
    {
      ...{ name: "collector-silent", runbook: "the-collector-is-silent", severity: "high" },
      says: "Nobody has read the database's own figures for 5 minutes: the alarms on them can't fire",
      ...{ metric: "Collected", statistic: "Sum", fires: { below: 1 }, period: minute, periods: 5, missing: "fires" },
    },
    {
      ...{ name: "query-p95", runbook: "slow-queries", severity: "high" },
      says: `More than 5 of 100 queries of the service took longer than ${limits.queryP95} ms for 5 minutes`,
      ...{ ...each, ...on("QueryP95", limits.queryP95), periods: 5 },
    },
    {
      ...{ name: "lock-blocked", runbook: "waits-for-locks", severity: "high" },
      says: `A session has waited longer than ${limits.lockWait} s for a lock, two minutes in a row`,
      ...{ ...each, ...on("LongestLockWait", limits.lockWait), periods: 2 },
    },
    ...colours.map((colour): CollectedAlarm => ({
      ...{ name: `connections-${colour}`, runbook: "connections-of-a-colour", severity: "high" },
      says: `${colour}'s copies hold more than ${limits.connections} % of the connections that its role may have, for 5 minutes`,
      ...{ ...each, ...on("ConnectionsUsed", limits.connections), role: roles[colour], periods: 5 },
    })),
    {
      ...{ name: "old-transaction", runbook: "old-transactions", severity: "medium" },
      says: `A transaction has been open for more than ${limits.transaction} s`,
      ...{ ...each, ...on("OldestTransaction", limits.transaction), periods: 2 },
    },
    {
      ...{ name: "slot-behind", runbook: "slots-of-replication", severity: "high" },
      says: `A replication slot keeps more than ${limits.retained} bytes of WAL, for 5 minutes`,
      ...{ ...each, ...on("RetainedWal", limits.retained), periods: 5 },
    },
    {
      ...{ name: "wraparound", runbook: "age-of-transactions", severity: "high" },
      says: `A database hasn't been frozen for ${limits.age} transactions; at 2^31 it takes no more writes`,
      ...{ ...each, ...on("TransactionAge", limits.age), periods: 5 },
    },
    {
      ...{ name: "dead-rows", runbook: "dead-rows", severity: "low" },
      says: `More than ${limits.deadRows} % of a table's rows are dead, for an hour`,
      ...{ ...on("DeadRows", limits.deadRows), statistic: "Minimum", period: 3_600, periods: 1, missing: "quiet" },
    },
    {
      ...{ name: "stale-views", runbook: "stale-views", severity: "medium" },
      says: "A materialised view is older than its comment allows, for 5 minutes",
      ...{ ...each, ...on("StaleViews", 0), periods: 5 },
    },
  ];
}
