import type * as pulumi from "@pulumi/pulumi";
import type { Config } from "../../config";
import { intoOf, nameOf } from "../../config/sections/restore";
import type { SettledOutput } from "../rollout-plan/before";
import type { RolloutPlan } from "../rollout-plan/resource";

/**
 * What is to serve, as config says, and what the rules need to judge whether it can.
 * @param atMoment id of the backup of the moment that config asks for
 */
export function restoreOf(
  { restore = {}, platform, database }: Config,
  before: SettledOutput | undefined,
  plan: RolloutPlan,
  atMoment: pulumi.Output<string> | undefined,
) {
  const { acceptLossSince, retire, pointInTime } = restore;
  const from = atMoment ?? restore.from;
  // Config accepts the loss since a moment by the moment; its backup has an id of its own.
  const accepted = acceptLossSince !== undefined && acceptLossSince === pointInTime ? atMoment : acceptLossSince;
  return {
    ...(from !== undefined && { from }),
    ...(pointInTime !== undefined && { named: nameOf(restore) }),
    ...(accepted !== undefined && { acceptLossSince: accepted }),
    ...{ into: intoOf(restore, database.name), platform },
    ...(retire !== undefined && { retire }),
    ...{ declared: plan.declared, attempts: plan.attempts, plan: plan.schema, hold: plan.holdBefore("colours") },
    ...(before && { settled: before.plan }),
  };
}
