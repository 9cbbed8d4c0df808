import { createHash, scryptSync } from "node:crypto";
import * as pulumi from "@pulumi/pulumi";
import { colours, type Colour, type Config } from "../../config";
import { nameOf } from "../../config/sections/restore";
import type { Platform } from "../../platform";
import { CONFIRM_VARIABLE, type ConfirmAsked } from "../../rollout/confirm";
import type { Declared, Migration, Release, Wiring } from "../../rollout/types";
import { summarise, type Migration as File } from "../../schema";
import { TrafficReturn } from "../traffic-return/resource";
import { RolloutPlan } from "./resource";
import type { SettledOutput } from "./before";

/** Declares the plan, and the return of traffic that follows from it. */
export function planRollout(
  config: Config,
  platform: Platform,
  before: SettledOutput | undefined,
  files: readonly File[],
): { plan: RolloutPlan; returned: TrafficReturn } {
  const migrations = files.map((file) => summarise(file, files));
  const declared = declareRollout(config, migrations, platform.wiring, before?.plan.restored);
  const confirm = confirmOf(config);
  const plan = new RolloutPlan("rollout-plan", { declared, settled: before?.plan, ...(confirm && { confirm }) });
  plan.announce();
  if (confirm?.preview === true) plan.announceChange(before?.plan.id ?? "");
  const returned = new TrafficReturn(
    "traffic-return",
    {
      declared,
      settled: before?.plan,
      attempts: plan.attempts,
      ...(before && { traffic: platform.trafficAt(before.traffic), store: platform.store }),
      hold: plan.holdBefore("platform"),
    },
    { dependsOn: plan },
  );
  return { plan, returned };
}

/**
 * Everything of a stack's config that bears on a rollout, in the words of the rules.
 * @param restored what serves already, as config calls that backup: a restore that is done is no exception from anything any more.
 */
export function declareRollout(
  config: Config,
  migrations: readonly Migration[],
  wiring: Wiring,
  restored?: string,
): Declared {
  const { greenWeight: weight, migrateTo, bake, restore } = config;
  const asked = nameOf(restore);
  const overrides = { ...config.overrides, ...(asked !== undefined && asked !== restored && { restore: asked }) };
  const [blue, green] = colours.map((colour) => declareRelease(config, colour));
  return {
    weight,
    releases: { blue: blue ?? null, green: green ?? null },
    migrateTo,
    migrations,
    wiring,
    bake,
    overrides,
  };
}

function confirmOf({ requireConfirm, restore }: Config): ConfirmAsked | undefined {
  if (!requireConfirm) return undefined;
  const given = process.env[CONFIRM_VARIABLE];
  const asked = nameOf(restore);
  return {
    preview: pulumi.runtime.isDryRun(),
    ...(given !== undefined && { given }),
    ...(restore && { restore: { ...restore, ...(asked !== undefined && { from: asked }) } }),
  };
}

/** What a colour is to run, as the rules compare it; null where config has no release for it. */
export function declareRelease(config: Config, colour: Colour): Release | null {
  const release = config[colour];
  if (release === undefined) return null;
  const { version, schema, count, env } = release;
  const start = "entry" in release ? release.entry : release.image;
  const secret = config.secretKeys.includes(colour);
  return {
    version,
    schema,
    count,
    fingerprint: fingerprintOf(JSON.stringify([start, Object.entries(env).sort()]), secret ? colour : undefined),
    database: config.database.name,
  };
}

/**
 * A hash that tells releases apart, 128 bits. It stands in state and outputs in plain text, so over a secret it is a
 * slow one (scrypt with Node's defaults, about 50 ms a guess): what is short and secret is not found by trying.
 * @param salt given where the content holds a secret.
 */
function fingerprintOf(content: string, salt: string | undefined): string {
  const hash =
    salt === undefined
      ? createHash("sha256").update(content).digest()
      : scryptSync(content, `switchyard release of ${salt}`, 32);
  return hash.toString("hex").slice(0, 32);
}
