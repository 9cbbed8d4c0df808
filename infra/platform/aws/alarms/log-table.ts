import type { AlarmSpec } from "./spec";
import { missing } from "./spec";

/** Lines of PostgreSQL's log that are counted, and the alarm on their number. */
export interface CountedLines {
  /** A filter pattern of CloudWatch Logs: quoted phrases that a line holds all of, `-` none of, `?` any of. */
  readonly pattern: string;
  readonly metric: string;
  readonly alarm: AlarmSpec;
}

/**
 * What RDS has no metric of is in the log, with the parameters that the instance has (database-parameters.ts).
 * @param migrator the role that migrations run as: RDS begins each line with `time:host:user@database:[pid]:`
 * @param namespace where the counts are kept
 */
export function logAlarms(migrator: string, namespace: string): CountedLines[] {
  const counted = (
    metric: string,
    pattern: string,
    alarm: Pick<AlarmSpec, "name" | "runbook" | "severity" | "says"> & { more: number },
  ): CountedLines => {
    const { more, ...rest } = alarm;
    return {
      ...{ metric, pattern },
      alarm: {
        ...rest,
        watches: { namespace, metric, statistic: "Sum", dimensions: {} },
        fires: { above: more },
        period: 300,
        periods: 1,
        missing: missing.nothingSeen,
      },
    };
  };
  return [
    // A wait for a lock that is given up is tried again, and no failure.
    counted("FailedMigration", `"${migrator}@" "ERROR:" -"lock timeout" -"could not obtain lock"`, {
      name: "migration-failed",
      runbook: "failed-migration",
      severity: "critical",
      says: "A statement of a migration failed",
      more: 0,
    }),
    counted(
      "NoConnectionLeft",
      '?"remaining connection slots" ?"too many connections for" ?"too many clients already"',
      {
        name: "database-exhausted",
        runbook: "no-connection-left",
        severity: "critical",
        says: "The database refused a connection: all of a role's, or all there are, are taken",
        more: 0,
      },
    ),
    counted("Refused", '?"password authentication failed" ?"no pg_hba.conf entry" ?"permission denied for"', {
      name: "audit",
      runbook: "suspicious-events",
      severity: "high",
      says: "More than 5 logins or statements were refused in 5 minutes",
      more: 5,
    }),
    counted("Deadlocks", '"deadlock detected"', {
      name: "deadlocks",
      runbook: "deadlocks",
      severity: "high",
      says: "Transactions waited for each other, and one was broken off",
      more: 0,
    }),
    counted("LockWaits", '"still waiting for"', {
      name: "lock-waits",
      runbook: "waits-for-locks",
      severity: "medium",
      says: "More than 10 sessions waited longer than a second for a lock in 5 minutes",
      more: 10,
    }),
    counted("ConstraintViolations", '"violates" "constraint"', {
      name: "constraint-violations",
      runbook: "violated-constraints",
      severity: "medium",
      says: "More than 10 rows were refused by a constraint in 5 minutes",
      more: 10,
    }),
    // auto_explain writes the plan of the same statement as a second line.
    counted("SlowQueries", '"duration:" -"plan:"', {
      name: "slow-queries",
      runbook: "slow-queries",
      severity: "low",
      says: "A query took longer than 1000 ms",
      more: 0,
    }),
  ];
}
