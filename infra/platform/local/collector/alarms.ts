import { collectedAlarms, type CollectedAlarm, type CollectedLimits } from "../../../collector/alarms";
import { countedLines, poolLines, type CountedLines } from "../../../collector/lines";
import { colours } from "../../../config";
import type { RoleNames } from "../../../database/names";

/** What is counted of PostgreSQL's log, and of each colour's. */
export interface Counted {
  readonly postgres: readonly CountedLines[];
  readonly copies: readonly CountedLines[];
}

export const countedHere = (roles: RoleNames): Counted => ({
  postgres: countedLines(roles.migrator),
  copies: colours.map(poolLines),
});

/** Every alarm that the collector of one machine judges: those of a stack on AWS, and what RDS itself has a metric of. */
export const alarmsHere = (limits: CollectedLimits, roles: RoleNames): CollectedAlarm[] => {
  const { postgres, copies } = countedHere(roles);
  return [
    ...collectedAlarms(limits, roles),
    ...[...postgres, ...copies].map(({ alarm }) => alarm),
    {
      ...{ name: "database-connections", runbook: "connections-of-the-database", severity: "high" },
      says: `More than ${limits.connections} % of the database's connections are taken for 5 minutes`,
      ...{ metric: "Connections", statistic: "Maximum", fires: { above: limits.connections } },
      ...{ period: 60, periods: 5, missing: "quiet" },
    },
  ];
};
