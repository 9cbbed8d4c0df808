// Lines of logs that are counted, and the alarms on their numbers. What PostgreSQL keeps no statistics of is in its log.

import type { Colour } from "../config";
import type { CollectedAlarm } from "./alarms";

/** Lines that are counted, and the alarm on their number in 5 minutes. */
export interface CountedLines {
  /** A filter pattern of CloudWatch Logs: quoted phrases that a line holds all of, `-` none of, `?` any of. */
  readonly pattern: string;
  readonly metric: string;
  readonly alarm: CollectedAlarm;
}

type Says = Pick<CollectedAlarm, "name" | "runbook" | "severity" | "says">;

/** @param more how many in 5 minutes are not too many */
const counted = (metric: string, pattern: string, more: number, alarm: Says): CountedLines => ({
  ...{ metric, pattern },
  alarm: { ...alarm, metric, statistic: "Sum", fires: { above: more }, period: 300, periods: 1, missing: "quiet" },
});

/**
 * Of PostgreSQL's log, with the parameters that the server has on either platform.
 * @param migrator the role that migrations run as: every line names the session's `user@database`
 */
export const countedLines = (migrator: string): CountedLines[] => [
  // A wait for a lock that is given up is tried again, and no failure.
  counted("FailedMigration", `"${migrator}@" "ERROR:" -"lock timeout" -"could not obtain lock"`, 0, {
    ...{ name: "migration-failed", runbook: "failed-migration", severity: "critical" },
    says: "A statement of a migration failed",
  }),
  counted(
    "NoConnectionLeft",
    '?"remaining connection slots" ?"too many connections for" ?"too many clients already"',
    0,
    {
      ...{ name: "database-exhausted", runbook: "no-connection-left", severity: "critical" },
      says: "The database refused a connection: all of a role's, or all there are, are taken",
    },
  ),
  counted("Refused", '?"password authentication failed" ?"no pg_hba.conf entry" ?"permission denied for"', 5, {
    ...{ name: "audit", runbook: "suspicious-events", severity: "high" },
    says: "More than 5 logins or statements were refused in 5 minutes",
  }),
  counted("Deadlocks", '"deadlock detected"', 0, {
    ...{ name: "deadlocks", runbook: "deadlocks", severity: "high" },
    says: "Transactions waited for each other, and one was broken off",
  }),
  counted("LockWaits", '"still waiting for"', 10, {
    ...{ name: "lock-waits", runbook: "waits-for-locks", severity: "medium" },
    says: "More than 10 sessions waited longer than a second for a lock in 5 minutes",
  }),
  counted("ConstraintViolations", '"violates" "constraint"', 10, {
    ...{ name: "constraint-violations", runbook: "violated-constraints", severity: "medium" },
    says: "More than 10 rows were refused by a constraint in 5 minutes",
  }),
  // auto_explain writes the plan of the same statement as a second line.
  counted("SlowQueries", '"duration:" -"plan:"', 0, {
    ...{ name: "slow-queries", runbook: "slow-queries", severity: "low" },
    says: "A query took longer than 1000 ms",
  }),
];

/** Of what copies of a colour print. */
export const poolLines = (colour: Colour): CountedLines =>
  // As pg-pool words it when nobody gives a connection back in time.
  counted(`PoolExhausted-${colour}`, '"timeout exceeded when trying to connect"', 0, {
    ...{ name: `${colour}-pool-exhausted`, runbook: "pool-exhausted", severity: "high" },
    says: `Requests of ${colour} waited in vain for a connection of the pool`,
  });

/** Whether a line is one of those, as the guide of CloudWatch Logs has it ("Filter pattern syntax": unstructured events). */
export function matches(pattern: string, line: string): boolean {
  const phrases = [...pattern.matchAll(/([?-]?)"([^"]+)"/g)].map(([, sign = "", phrase = ""]) => ({ sign, phrase }));
  const any = phrases.filter(({ sign }) => sign === "?");
  return (
    phrases.every(({ sign, phrase }) => sign === "?" || line.includes(phrase) === (sign === "")) &&
    (any.length === 0 || any.some(({ phrase }) => line.includes(phrase)))
  );
}
