import type { Counts } from "../../rollout/verdict";
import { TelemetryUnreachable, type LocalTelemetryAddress, type Look, type Telemetry } from "../telemetry";
import { BalancerClient, BalancerError, type ColourFigures, type Snapshot } from "./balancer/client";

/**
 * The balancer obeys new weights with the next request, and counts a request when it ends: a second lets most of those
 * under way finish.
 */
const settling = 1_000;

/** The local balancer's own counters, complete at once, and its alarms. */
export function localTelemetry({ adminPort }: LocalTelemetryAddress, now: () => number): Telemetry {
  // Metrics need no token.
  const client = new BalancerClient({ adminPort, token: "" });
  return {
    settling,
    lag: 0,
    watch() {
      let last: { snapshot: Snapshot; at: number } | undefined;
      return {
        async look() {
          const snapshot = await snapshotOf(client);
          const before = last;
          const at = now();
          last = { snapshot, at };
          if (before === undefined) return look(at, [], false, snapshot);
          if (snapshot.startedAt !== before.snapshot.startedAt) return look(at, [], true, snapshot);
          const colours = {
            blue: between(before.snapshot.blue, snapshot.blue),
            green: between(before.snapshot.green, snapshot.green),
          };
          return look(at, [{ from: before.at, until: at, colours }], false, snapshot);
        },
      };
    },
  };
}

const look = (until: number, samples: Look["samples"], reset: boolean, { firing }: Snapshot): Look => ({
  ...{ samples, until, reset, firing },
});

async function snapshotOf(client: BalancerClient): Promise<Snapshot> {
  try {
    return await client.snapshot();
  } catch (error) {
    if (!(error instanceof BalancerError)) throw error;
    throw new TelemetryUnreachable(error.message, { cause: error });
  }
}

/** What was counted between two snapshots of the same process. */
function between(before: ColourFigures, after: ColourFigures): Counts {
  const errors = (figures: ColourFigures): number => figures.targetErrors + figures.balancerErrors;
  const earlier = new Map(before.buckets.map(({ le, count }) => [le, count]));
  const buckets = after.buckets.map(({ le, count }) => [le, count - (earlier.get(le) ?? 0)] as const);
  return {
    requests: after.requests - before.requests,
    errors: errors(after) - errors(before),
    latency: {
      total: buckets.find(([le]) => le === Infinity)?.[1] ?? 0,
      atMost: buckets.filter(([le]) => le !== Infinity),
    },
  };
}
