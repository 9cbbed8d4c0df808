import type { Properties } from "../../protocol/values";
import type { Rows } from "../account";
import { AwsError } from "../errors";
import { number, text } from "../values";

/** One line of a log, as CloudWatch Logs keeps it. */
export interface LogEvent {
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
  readonly message: string;
}

/** Where an account keeps what was written to a group: by nobody but the test. */
export const linesOption = (group: string): string => `lines of ${group}`;

/** Of patterns it knows one in quotes, which has to be in the line as it is. The first page is empty, as AWS's may be. */
function filterLogEvents(parameters: Properties, rows: Rows): Properties {
  const group = text(parameters, "logGroupName");
  if (rows.get("aws:cloudwatch/logGroup:LogGroup", group) === undefined)
    throw new AwsError("ResourceNotFoundException", "The specified log group does not exist.", 400);
  const [, wanted] = /^"([^"]+)"$/.exec(text(parameters, "filterPattern")) ?? [];
  if (wanted === undefined) throw new AwsError("InvalidParameterException", "Invalid filter pattern", 400);
  if (text(parameters, "nextToken") === "") return { events: [], nextToken: "1" };
  const from = number(parameters, "startTime") ?? 0;
  const all = (rows.option(linesOption(group)) ?? []) as LogEvent[];
  return { events: all.filter(({ timestamp, message }) => timestamp >= from && message.includes(wanted)) };
}

/** What the program's functions ask CloudWatch Logs while they run. */
export const logs = { FilterLogEvents: filterLogEvents };
