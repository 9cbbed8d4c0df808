import type { CollectedAlarm } from "../../../collector/alarms";
import { roleDimension } from "../../../collector/emf";
import { missing, type AlarmSpec, type Missing } from "./spec";

/**
 * An alarm on a figure that the stack makes itself, as CloudWatch has it.
 * @param namespace where those figures are
 * @param quiet what it means that there is none, where nothing is wrong by that
 */
export function asSpec(alarm: CollectedAlarm, namespace: string, quiet: Missing): AlarmSpec {
  const { metric, statistic, role, missing: without, ...rest } = alarm;
  return {
    ...rest,
    watches: { namespace, metric, statistic, dimensions: role === undefined ? {} : { [roleDimension]: role } },
    missing: without === "fires" ? missing.silent : quiet,
  };
}
