import type { AlarmLimits } from "./api";

/** What counts go by: limits that may change while requests come, and a clock. */
export interface Measure {
  limits(): AlarmLimits;
  /** Milliseconds that never go back. */
  now(): number;
}

/** Counts are kept by so many milliseconds: a window is exact to one of these. */
const slotMs = 5_000;

/** `high` and `critical`: of the answered, those that took longer than that limit of p95. */
const counts = ["ended", "failed", "answered", "high", "critical"] as const;
export type Counts = Readonly<Record<(typeof counts)[number], number>>;
type Counting = { -readonly [K in keyof Counts]: number };

interface Slot {
  readonly since: number;
  /** What its answers were compared with. */
  readonly p95: AlarmLimits["p95"];
  readonly counts: Counting;
}

/** What a target, or the balancer, did lately. A target's goes with it: the release of before is no fault of this one. */
export class Recent {
  readonly #slots: Slot[] = [];

  /** @param keptMs the longest window that is asked for */
  constructor(
    private readonly measure: Measure,
    private readonly keptMs: number,
  ) {}

  /** A request is over. */
  ended(failed: boolean): void {
    const { counts: now } = this.#current();
    now.ended += 1;
    if (failed) now.failed += 1;
  }

  /** An answer began. */
  answered(seconds: number): void {
    const { counts: now, p95 } = this.#current();
    now.answered += 1;
    for (const grade of ["high", "critical"] as const) if (seconds * 1_000 > p95[grade]) now[grade] += 1;
  }

  /** What was counted in the last `windowMs`; answers only where they were compared with the limits that there are now. */
  within(windowMs: number): Counts {
    const from = this.measure.now() - windowMs;
    const { p95 } = this.measure.limits();
    const slots = this.#slots.filter(({ since }) => since >= from);
    return sum(slots.map((slot) => (same(slot.p95, p95) ? slot.counts : { ...none(), ...endsOf(slot.counts) })));
  }

  #current(): Slot {
    const since = Math.floor(this.measure.now() / slotMs) * slotMs;
    const { p95 } = this.measure.limits();
    const last = this.#slots.at(-1);
    if (last?.since === since && same(last.p95, p95)) return last;
    const begun = { since, p95, counts: none() };
    this.#slots.push(begun);
    const kept = since - this.keptMs;
    while ((this.#slots[0]?.since ?? since) < kept) this.#slots.shift();
    return begun;
  }
}

export function sum(all: readonly Counts[]): Counts {
  const total = none();
  for (const each of all) for (const key of counts) total[key] += each[key];
  return total;
}

const none = (): Counting => ({ ended: 0, failed: 0, answered: 0, high: 0, critical: 0 });
const endsOf = ({ ended, failed }: Counts) => ({ ended, failed });
const same = (a: AlarmLimits["p95"], b: AlarmLimits["p95"]): boolean => a.high === b.high && a.critical === b.critical;
