import * as pulumi from "@pulumi/pulumi";
import type { ListenerPlace } from "../../platform/traffic";
import { memoryInFull } from "../../rollout/in-full";
import { settle } from "../../rollout/settle";
import type { Attempt, Facts, PerColour, Release, Settled, Wiring } from "../../rollout/types";
import type { StoreAddress } from "../store/store";
import type { SettledOutput } from "./before";
import type { RolloutPlan } from "./resource";

export type { SettledOutput };

/** What is real once everything is done, as the outputs of the dynamic resources say: never what config says. */
export interface RealFacts {
  weight: pulumi.Output<number>;
  releases: PerColour<pulumi.Output<Release> | null>;
  schema: pulumi.Output<Pick<Facts, "applied" | "half" | "scars">>;
  wiring: pulumi.Output<Wiring>;
  traffic: pulumi.Output<ListenerPlace>;
  store: pulumi.Output<StoreAddress>;
  /** Id of the backup that serves; empty where none does. */
  restored: pulumi.Output<string>;
}

/**
 * The output `settled` of this `up`: only one that comes to its end has it. It holds no secret, and is marked as one all the
 * same, so that the engine doesn't print its hundreds of lines after every `up`.
 */
export function settledBy(
  plan: RolloutPlan,
  before: SettledOutput | undefined,
  facts: RealFacts,
): pulumi.Output<SettledOutput> {
  const output = pulumi
    .output({ attempts: plan.attempts, ...facts })
    .apply(({ attempts, weight, releases, schema: { applied, half, scars }, wiring, traffic, store, restored }) => ({
      plan: afterLast(attempts, before?.plan, {
        ...{ weight, releases, applied, half: half ?? null, scars, wiring },
        ...(restored !== "" && { restored }),
      }),
      traffic,
      store,
    }));
  return pulumi.secret(output);
}

function afterLast(given: Attempt[], before: Settled | undefined, facts: Facts): Settled {
  const { settled, attempts } = memoryInFull(before, given);
  const attempt = attempts.at(-1);
  if (attempt === undefined) throw new Error("the plan remembers no attempt, not even this one");
  // An `up` that changes nothing settles once more what is settled: nothing has been attempted since.
  const since = attempt.id === settled?.id ? [] : attempts.slice(0, -1);
  return settle({ settled, attempts: since }, attempt, facts);
}
