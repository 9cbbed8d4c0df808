import * as ecs from "@pulumi/aws/ecs";
import * as pulumi from "@pulumi/pulumi";
import type { Account } from "./account";

/** What both colours' services run in. */
export function cluster(name: string, { base }: Account, options: pulumi.CustomResourceOptions): ecs.Cluster {
  return new ecs.Cluster(name, { name: base, settings: [{ name: "containerInsights", value: "enabled" }] }, options);
}
