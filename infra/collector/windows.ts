// Which alarms fire, by the readings of the last hour: what CloudWatch does for a stack on AWS. Pure.

import type { CollectedAlarm } from "./alarms";

/** A figure of one reading; `role` where each role has one. */
export interface Value {
  readonly name: string;
  readonly value: number;
  readonly role?: string;
}

/** Seconds: each alarm counts in these, and there is one reading in each. */
const minute = 60;

/** The readings that alarms still look at, and what they come to. */
export class Windows {
  readonly #readings: (readonly Value[])[] = [];
  readonly #kept: number;

  constructor(private readonly alarms: readonly CollectedAlarm[]) {
    this.#kept = Math.max(...alarms.map(({ period, periods }) => (period / minute) * periods), 0);
  }

  /** One more minute's; one that nobody could read is an empty one. */
  add(reading: readonly Value[]): void {
    this.#readings.push(reading);
    if (this.#readings.length > this.#kept) this.#readings.shift();
  }

  /** Those that fire. Before there was a reading for each period that an alarm looks at, it fires by what there is of them only if all may. */
  firing(): CollectedAlarm[] {
    return this.alarms.filter((alarm) => this.#fires(alarm));
  }

  #fires(alarm: CollectedAlarm): boolean {
    const { period, periods, missing } = alarm;
    const length = period / minute;
    const all = Array.from({ length: periods }, (_, back) => {
      const end = this.#readings.length - back * length;
      const within = this.#readings.slice(Math.max(end - length, 0), Math.max(end, 0));
      if (within.length === 0) return false;
      const found = within.flatMap((reading) => valuesOf(reading, alarm));
      return found.length === 0 ? missing === "fires" : beyond(alarm, statisticOf(alarm, found));
    });
    return all.every(Boolean);
  }
}

const valuesOf = (reading: readonly Value[], { metric, role }: CollectedAlarm): number[] =>
  reading.filter((each) => each.name === metric && each.role === role).map(({ value }) => value);

function statisticOf({ statistic }: CollectedAlarm, values: readonly number[]): number {
  const sum = values.reduce((total, value) => total + value, 0);
  return {
    ...{ Sum: sum, Average: sum / values.length },
    ...{ Minimum: Math.min(...values), Maximum: Math.max(...values) },
  }[statistic];
}

const beyond = ({ fires }: CollectedAlarm, value: number): boolean =>
  "above" in fires ? value > fires.above : value < fires.below;
