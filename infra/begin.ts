import { join } from "node:path";
import type * as pulumi from "@pulumi/pulumi";
import type { Config } from "./config";
import { readStackConfig } from "./config/stack";
import { createPlatform, type Platform } from "./platform";
import { planRollout } from "./providers/rollout-plan/declare";
import { declareMigrations, readProjectMigrations } from "./providers/schema-widen/declare";
import type { DeclaredMigration } from "./providers/schema-widen/resource";
import type { RolloutPlan } from "./providers/rollout-plan/resource";
import type { First } from "./first";

/** What the first steps of a rollout leave for the others. */
export interface Begun extends First {
  config: Config;
  platform: Platform;
  /** The files up to `migrateTo`, in order. */
  migrations: DeclaredMigration[];
  plan: RolloutPlan;
  /** Traffic is back where it was settled, if that is what was asked for. Whatever may be broken comes after it. */
  returned: pulumi.Resource;
}

/**
 * Config, plan, and traffic back: the way of a rollback, and nothing else. What it doesn't need isn't loaded before it is
 * over.
 */
export async function begin(first: First): Promise<Begun> {
  const config = readStackConfig();
  const platform = createPlatform(config, first.before?.store);
  const files = readProjectMigrations(join(__dirname, "../migrations"));
  const { plan, returned } = planRollout(config, platform, first.before, files);
  await done(returned);
  return { ...first, config, platform, migrations: declareMigrations(files, config.migrateTo), plan, returned };
}

/** Once a resource is made, updated or seen to be unchanged; at preview, once that is foreseen. */
const done = (resource: pulumi.Resource): Promise<void> =>
  new Promise((resolve) => {
    resource.urn.apply(() => {
      resolve();
    });
  });
