import type { Call, Caller } from "../lambda/call";
import { patiently } from "../lambda/patient";

/** An alarm as CloudWatch describes it; the keys that are looked at. */
export interface AlarmDescription {
  readonly AlarmName: string;
  readonly AlarmDescription?: string;
  readonly AlarmActions?: readonly string[];
  readonly StateValue: string;
  /** Seconds since the epoch. */
  readonly StateTransitionedTimestamp?: number;
}

/** One line of an alarm's history. */
export interface HistoryItem {
  readonly AlarmName: string;
  readonly HistoryItemType: string;
  readonly Timestamp: number;
  readonly HistorySummary?: string;
  /** JSON; cut off after 4,095 characters. */
  readonly HistoryData?: string;
}

/** What is asked of an alarm's history. Times in milliseconds since the epoch. */
export interface HistoryAsked {
  /** Default: every alarm of the account. */
  readonly name?: string;
  readonly type?: "StateUpdate" | "ConfigurationUpdate";
  readonly from?: number;
  readonly to?: number;
  /** The newest one alone. */
  readonly newest?: boolean;
}

/** CloudWatch, as a digest asks it. */
export class CloudWatch {
  constructor(
    private readonly endpoint: string,
    private readonly caller: Caller,
  ) {}

  /** Every metric alarm whose name begins so. */
  async alarms(prefix: string): Promise<AlarmDescription[]> {
    // 100 is the most that it gives at once.
    const asked = { AlarmNamePrefix: prefix, AlarmTypes: ["MetricAlarm"], MaxRecords: 100 };
    return this.#all("DescribeAlarms", asked, "MetricAlarms");
  }

  /** Newest first. */
  async history({ name, type, from, to, newest = false }: HistoryAsked): Promise<HistoryItem[]> {
    const asked = {
      ...(name !== undefined && { AlarmName: name }),
      ...(type !== undefined && { HistoryItemType: type }),
      ...(from !== undefined && { StartDate: from / 1_000 }),
      ...(to !== undefined && { EndDate: to / 1_000 }),
      ...{ ScanBy: "TimestampDescending", MaxRecords: newest ? 1 : 100 },
    };
    return this.#all("DescribeAlarmHistory", asked, "AlarmHistoryItems", newest ? 1 : Infinity);
  }

  /** Page by page. A page may be empty, and the next one not. */
  async #all<T>(action: string, asked: object, key: string, enough = Infinity): Promise<T[]> {
    const all: T[] = [];
    let token: unknown;
    do {
      const page = await this.#ask(action, { ...asked, ...(token !== undefined && { NextToken: token }) });
      all.push(...((page[key] ?? []) as T[]));
      token = page.NextToken ?? undefined;
    } while (token !== undefined && all.length < enough);
    return all;
  }

  async #ask(action: string, asked: object): Promise<Record<string, unknown>> {
    const call: Call = {
      ...{ service: "monitoring", endpoint: this.endpoint, body: JSON.stringify(asked) },
      headers: {
        "content-type": "application/x-amz-json-1.0",
        "x-amz-target": `GraniteServiceVersion20100801.${action}`,
      },
    };
    const { text } = await patiently(`CloudWatch's ${action}`, call, this.caller);
    return JSON.parse(text) as Record<string, unknown>;
  }
}
