import type { Config } from "../../config";
import { intoOf } from "../../config/sections/restore";
import type { SettledOutput } from "../rollout-plan/before";
import type { RolloutPlan } from "../rollout-plan/resource";

/** What is to serve, as config says, and what the rules need to judge whether it can. */
export function restoreOf(
  { restore, platform, database }: Config,
  before: SettledOutput | undefined,
  plan: RolloutPlan,
) {
  const { from, into, acceptLossSince, retire = false } = restore ?? {};
  return {
    ...(from !== undefined && { from }),
    ...(acceptLossSince !== undefined && { acceptLossSince }),
    ...{ into: intoOf({ ...(from && { from }), ...(into && { into }) }, database.name), retire, platform },
    ...{ declared: plan.declared, attempts: plan.attempts, plan: plan.schema, hold: plan.holdBefore("colours") },
    ...(before && { settled: before.plan }),
  };
}
