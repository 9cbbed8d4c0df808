import type { Caller } from "../lambda/call";
import { patiently } from "../lambda/patient";
import { hours, type Day } from "./day";

/** What a digest writes to its log once it is done, and the next one begins by. */
export const toldUntil = (to: number): string => `told until ${new Date(to).toISOString()}`;
const inLine = /told until (\d{4}-\d\d-\d\dT[\d:.]+Z)/;

/** How far back a digest looks for the one before it; in milliseconds. What is older was missed by somebody for a week. */
const week = 7 * 24 * hours;

/** The log of the function itself. */
export class OwnLog {
  /** @param group its name */
  constructor(
    private readonly group: string,
    private readonly endpoint: string,
    private readonly caller: Caller,
  ) {}

  /**
   * From where the one before ended: so nothing is in none of two, when digests were moved to another time of day, or one was missed.
   * Without one in the week before, it is the day as it is.
   */
  async sinceLast(day: Day): Promise<Day> {
    const told = (await this.#lines(day.to - week))
      .flatMap((line) => inLine.exec(line)?.[1] ?? [])
      .map((moment) => Date.parse(moment))
      .filter((at) => at < day.to && at >= day.to - week);
    return told.length === 0 ? day : { from: Math.max(...told), to: day.to };
  }

  /** Page by page. A page may be empty, and the next one not. */
  async #lines(from: number): Promise<string[]> {
    const asked = { logGroupName: this.group, startTime: from, filterPattern: '"told until"' };
    const lines: string[] = [];
    let nextToken: string | undefined;
    do {
      const { text } = await patiently(
        "CloudWatch Logs' FilterLogEvents",
        {
          ...{ service: "logs", endpoint: this.endpoint, body: JSON.stringify({ ...asked, nextToken }) },
          headers: {
            "content-type": "application/x-amz-json-1.1",
            "x-amz-target": "Logs_20140328.FilterLogEvents",
          },
        },
        this.caller,
      );
      const page = JSON.parse(text) as { events?: { message?: string }[]; nextToken?: string };
      lines.push(...(page.events ?? []).map(({ message = "" }) => message));
      ({ nextToken } = page);
    } while (nextToken !== undefined);
    return lines;
  }
}
