import type * as pulumi from "@pulumi/pulumi";

/** A rule of the baseline that one resource does not meet, and why that is right. */
export interface Waiver {
  readonly resource: pulumi.Resource;
  /** As Security Hub or Checkov names it: "ELB.18", "CKV_AWS_260". */
  readonly id: string;
  readonly reason: string;
}

const all: Waiver[] = [];

/** Says beside a resource which rules it does not meet; the policy test asks for each. */
export function waive(resource: pulumi.Resource, ids: readonly string[], reason: string): void {
  all.push(...ids.map((id) => ({ resource, id, reason })));
}

/** Every waiver of the resources that were declared so far. */
export const waivers = (): readonly Waiver[] => all;
