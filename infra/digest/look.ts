import type { AlarmDescription, CloudWatch, HistoryItem } from "./cloudwatch";
import { hours, type Day } from "./day";
import { firingIn, gone, type Change } from "./firing";
import type { Fired } from "./text";

/** Which alarms a digest is about. */
export interface Looked {
  /** How the names of the stack begin. */
  readonly base: string;
  /** ARN of the topic that alarms of severity low tell: those are meant, whatever they are called. */
  readonly topic: string;
}

/** CloudWatch forgets in 30 days; in milliseconds. */
const kept = 30 * 24 * hours;

/** Looks at one day of a stack's alarms. */
export class Look {
  constructor(
    private readonly day: Day,
    private readonly cloudwatch: CloudWatch,
    private readonly looked: Looked,
  ) {}

  /** Every alarm of severity low that fired in the day; those that were taken away since too. */
  async fired(): Promise<Fired[]> {
    const all = await this.cloudwatch.alarms(`${this.looked.base}-`);
    const ended = await this.#ended();
    const fired: (Fired | undefined)[] = [];
    for (const alarm of all)
      if (alarm.AlarmActions?.includes(this.looked.topic)) fired.push(await this.#there(alarm, ended));
    const known = new Set(all.map(({ AlarmName }) => AlarmName));
    for (const [name, ends] of ended) if (!known.has(name)) fired.push(await this.#gone(name, ends));
    return fired.filter((each) => each !== undefined);
  }

  async #there(alarm: AlarmDescription, ended: ReadonlyMap<string, Change[]>): Promise<Fired | undefined> {
    const { AlarmName: name, AlarmDescription: description, StateTransitionedTimestamp: since } = alarm;
    const items = await this.cloudwatch.history({ name, type: "StateUpdate", from: this.day.from });
    const now = { state: alarm.StateValue, ...(since !== undefined && { since: ms(since) }) };
    const changes = [...items.map(changeOf), ...(ended.get(name) ?? [])];
    const firing = firingIn(this.day, { changes, before: await this.#before(name), now });
    return firing && { name, firing, ...(description !== undefined && { description }) };
  }

  /** Of an alarm that isn't there any more: its severity is known by the topic that its history names. */
  async #gone(name: string, ends: readonly Change[]): Promise<Fired | undefined> {
    const items = await this.cloudwatch.history({ name, from: this.day.to - kept });
    if (!items.some((item) => namesTopic(item, this.looked.topic))) return undefined;
    const states = items.filter((item) => item.HistoryItemType === "StateUpdate" && atOf(item) >= this.day.from);
    const changes = [...states.map(changeOf), ...ends];
    const firing = firingIn(this.day, { changes, before: await this.#before(name) });
    const description = items.map(describedIn).find((each) => each !== undefined);
    return firing && { name, firing, ...(description !== undefined && { description }) };
  }

  /** The newest change of before the day. */
  async #before(name: string): Promise<Change | undefined> {
    const asked = { name, type: "StateUpdate", to: this.day.from - 1, newest: true } as const;
    const [newest] = await this.cloudwatch.history(asked);
    return newest && changeOf(newest);
  }

  /** When alarms of the stack were taken away, by name. One of the same name may have come since. */
  async #ended(): Promise<Map<string, Change[]>> {
    const ends = new Map<string, Change[]>();
    for (const item of await this.cloudwatch.history({ type: "ConfigurationUpdate", from: this.day.from })) {
      const { AlarmName: name } = item;
      if (name.startsWith(`${this.looked.base}-`) && isEnd(item))
        ends.set(name, [...(ends.get(name) ?? []), { at: atOf(item), to: gone }]);
    }
    return ends;
  }
}

const ms = (seconds: number): number => Math.round(seconds * 1_000);
const atOf = ({ Timestamp }: HistoryItem): number => ms(Timestamp);

/** @throws for a line that says no change of state: CloudWatch has changed, and what would be told is not to be trusted */
function changeOf(item: HistoryItem): Change {
  const { HistorySummary = "", AlarmName } = item;
  const [, from, to] = /^Alarm updated from (\w+) to (\w+)/.exec(HistorySummary) ?? [];
  if (from === undefined || to === undefined)
    throw new Error(
      `the history of ${AlarmName} says "${HistorySummary}", expected "Alarm updated from STATE to STATE": ` +
        "infra/digest/look.ts has to learn the new form",
    );
  return { at: atOf(item), from, to };
}

const isEnd = ({ HistorySummary = "", HistoryData = "" }: HistoryItem): boolean =>
  /\bdeleted\b/i.test(HistorySummary) || /"type"\s*:\s*"Delete"/.test(HistoryData);

/** As it is, and not as the beginning of another one's name. */
const namesTopic = ({ HistorySummary = "", HistoryData = "" }: HistoryItem, topic: string): boolean =>
  [HistorySummary, HistoryData]
    .flatMap((text) => text.split(topic).slice(1))
    .some((rest) => !/^[A-Za-z0-9_-]/.test(rest));

/** What the alarm was for, where its history still says so. */
function describedIn({ HistoryData = "" }: HistoryItem): string | undefined {
  const [, quoted] = /"alarmDescription"\s*:\s*("(?:[^"\\]|\\.)*")/.exec(HistoryData) ?? [];
  return quoted === undefined ? undefined : (JSON.parse(quoted) as string);
}
