import * as ecs from "@pulumi/aws/ecs";
import type * as pulumi from "@pulumi/pulumi";
import type { Account } from "./account";
import { waive } from "./waive";

/** What both colours' services run in. */
export function cluster(name: string, { base }: Account, options: pulumi.CustomResourceOptions): ecs.Cluster {
  const made = new ecs.Cluster(
    name,
    { name: base, settings: [{ name: "containerInsights", value: "enabled" }] },
    options,
  );
  waive(made, ["CKV_AWS_224"], "nobody types into a copy: services don't have ECS Exec");
  return made;
}
