/** One request that a load balancer answered. */
export interface Answered {
  /** Milliseconds since the epoch, by the clock of the figures. */
  at: number;
  /** The load balancer as metrics name it: app/<name>/<id>. */
  balancer: string;
  /** The target group as metrics name it; undefined when no target was asked. */
  group?: string;
  status: number;
  /** Whether a target gave the status, and not the load balancer for want of one. */
  byTarget: boolean;
  seconds: number;
}

export interface Question {
  name: string;
  statistic: string;
  dimensions: Record<string, string>;
  periodMs: number;
  from: number;
  until: number;
}

/** What CloudWatch knows of load balancers here: what really went through them, or what a test says did. */
export class Figures {
  readonly #answered: Answered[] = [];
  readonly #put: { namespace: string; name: string; value: number }[] = [];

  /** @param now milliseconds since the epoch; a test may let it run faster than time does */
  constructor(readonly now: () => number) {}

  record(answered: Omit<Answered, "at"> & { at?: number }): void {
    this.#answered.push({ at: this.now(), ...answered });
  }

  put(namespace: string, name: string, value: number): void {
    this.#put.push({ namespace, name, value });
  }

  /** The values of a metric of the program's own, in the order they came. */
  putOf(namespace: string, name: string): number[] {
    return this.#put.filter((each) => each.namespace === namespace && each.name === name).map(({ value }) => value);
  }

  /** Periods, each with its beginning; those without anything are left out, as CloudWatch does. */
  points({ name, statistic, dimensions, periodMs, from, until }: Question): [at: number, value: number][] {
    const chosen = this.#answered.filter((each) => counts(each, name, dimensions));
    const points: [number, number][] = [];
    for (let at = from; at < until; at += periodMs) {
      const within = chosen.filter((each) => each.at >= at && each.at < at + periodMs);
      if (within.length > 0) points.push([at, figure(statistic, within)]);
    }
    return points;
  }
}

function counts(each: Answered, name: string, dimensions: Record<string, string>): boolean {
  if (dimensions["LoadBalancer"] !== undefined && dimensions["LoadBalancer"] !== each.balancer) return false;
  if (dimensions["TargetGroup"] !== undefined && dimensions["TargetGroup"] !== each.group) return false;
  const [, by, hundreds] = /^HTTPCode_(Target|ELB)_(\d)XX_Count$/.exec(name) ?? [];
  if (by !== undefined)
    return each.byTarget === (by === "Target") && String(Math.floor(each.status / 100)) === hundreds;
  if (name === "TargetResponseTime") return each.byTarget;
  if (name === "RequestCount") return dimensions["TargetGroup"] === undefined || each.group !== undefined;
  throw new Error(`the stand-in for CloudWatch has no metric ${name} of load balancers`);
}

function figure(statistic: string, within: readonly Answered[]): number {
  if (statistic === "Sum" || statistic === "SampleCount") return within.length;
  const [, most] = /^PR\(:([\d.]+)\)$/.exec(statistic) ?? [];
  if (most === undefined) throw new Error(`the stand-in for CloudWatch has no statistic ${statistic}`);
  return (100 * within.filter(({ seconds }) => seconds <= Number(most)).length) / within.length;
}
