import * as pulumi from "@pulumi/pulumi";
import type { ListenerPlace } from "../../platform/traffic";
import type { Settled } from "../../rollout/types";
import type { StoreAddress } from "../store/store";

/** The stack output `settled`: what the last `up` that finished left, for the next to begin from. */
export interface SettledOutput {
  plan: Settled;
  traffic: ListenerPlace;
  /** Left out by versions that did not keep it. */
  store?: StoreAddress;
}

/**
 * What this very stack had as its output before this `up` began; undefined before the first one finished. A failed `up`
 * leaves it as it was. Nothing else may be under way while it is read: see `first.ts`.
 */
export async function readSettled(): Promise<SettledOutput | undefined> {
  const name = [pulumi.getOrganization(), pulumi.getProject(), pulumi.getStack()].join("/");
  const output = await new pulumi.StackReference(name).getOutputDetails("settled");
  return (output.secretValue ?? output.value) as SettledOutput | undefined;
}
