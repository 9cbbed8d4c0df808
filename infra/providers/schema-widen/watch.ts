import type { Config } from "../../config";
import type { Platform } from "../../platform";
import type { InputsOf } from "../inputs";
import type { SettledOutput } from "../rollout-plan/before";
import type { WatchInputs } from "../schema/live-watch";

/**
 * How the live colour is watched after each migration, by the listener that was there when something settled last; nothing
 * where `watchAfter` is 0s, and on a first deployment.
 */
export function declareWatch(
  { watchAfter, bake: { limits, minRequests } }: Config,
  platform: Platform,
  before: SettledOutput | undefined,
): { watch?: InputsOf<WatchInputs> } {
  if (before === undefined || watchAfter === 0) return {};
  return {
    watch: {
      after: watchAfter,
      traffic: platform.trafficAt(before.traffic),
      telemetry: platform.telemetryAt(before.traffic),
      ...{ limits, minRequests },
    },
  };
}
