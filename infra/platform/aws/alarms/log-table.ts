import { countedLines } from "../../../collector/lines";
import { asSpec } from "./collected";
import { missing, type AlarmSpec } from "./spec";

/** Lines of PostgreSQL's log that CloudWatch Logs counts, and the alarm on their number. */
export interface CountedLines {
  /** A filter pattern of CloudWatch Logs. */
  readonly pattern: string;
  readonly metric: string;
  readonly alarm: AlarmSpec;
}

/**
 * What RDS has no metric of is in the log, with the parameters that the instance has (database-parameters.ts).
 * @param migrator the role that migrations run as: RDS begins each line with `time:host:user@database:[pid]:`
 * @param namespace where the counts are kept
 */
export const logAlarms = (migrator: string, namespace: string): CountedLines[] =>
  countedLines(migrator).map(({ pattern, metric, alarm }) => ({
    ...{ pattern, metric },
    alarm: asSpec(alarm, namespace, missing.nothingSeen),
  }));
