/**
 * A latency histogram of one interval, cumulative as Prometheus has it. CloudWatch's percentile rank, PR(:limit), makes
 * one with a single edge.
 */
export interface Latency {
  /** Requests that were timed. */
  readonly total: number;
  /** [upper bound in seconds, requests at or below it], rising. */
  readonly atMost: readonly (readonly [seconds: number, requests: number])[];
}

export const NO_LATENCY: Latency = { total: 0, atMost: [] };

/**
 * Requests that were surely slower than `seconds`: those above the first edge at or above it. Put an edge on the limit,
 * or what lies between the limit and the next edge passes for fast.
 */
export function slowerThan(seconds: number, { total, atMost }: Latency): number {
  const edge = atMost.find(([bound]) => bound >= seconds);
  return edge === undefined ? 0 : total - edge[1];
}

/** Requests that were not surely at or below `seconds`: those above the last edge at or below it. */
export function notWithin(seconds: number, { total, atMost }: Latency): number {
  const edge = atMost.findLast(([bound]) => bound <= seconds);
  return total - (edge?.[1] ?? 0);
}

/**
 * The latency in seconds that a share `rank` (0..1) of requests doesn't exceed, read off evenly between the edges on
 * either side, as Prometheus' histogram_quantile does; the last edge for what lies past it, undefined without requests.
 */
export function quantile(rank: number, { total, atMost }: Latency): number | undefined {
  if (total === 0) return undefined;
  const wanted = rank * total;
  let below: readonly [number, number] = [0, 0];
  for (const edge of atMost) {
    if (edge[1] >= wanted) {
      const inside = edge[1] - below[1];
      return inside === 0 ? edge[0] : below[0] + ((edge[0] - below[0]) * (wanted - below[1])) / inside;
    }
    below = edge;
  }
  return atMost.at(-1)?.[0];
}

/** The histogram of two disjoint intervals together. Edges that only one of them has are left out. */
export function addLatency(a: Latency, b: Latency): Latency {
  if (a.total === 0) return b;
  if (b.total === 0) return a;
  const others = new Map(b.atMost);
  const atMost = a.atMost.flatMap(([bound, requests]) => {
    const more = others.get(bound);
    return more === undefined ? [] : [[bound, requests + more] as const];
  });
  return { total: a.total + b.total, atMost };
}
