import * as pulumi from "@pulumi/pulumi";
import type { Config } from "../../config";
import { rehearsalEnabled } from "../../config/sections/rehearsal";
import type { SettledOutput } from "../rollout-plan/settled";
import type { Rehearsed } from "../schema/rehearsal-types";
import type { DeclaredMigration } from "../schema/stage-inputs";

/** What a rehearsal is of, and what it has to show, as config says. */
export function rehearsalOf(
  { rehearsal }: Config,
  before: SettledOutput | undefined,
  migrations: readonly DeclaredMigration[],
) {
  const { drift, from, requiredFrom, acceptUnrehearsed } = rehearsal;
  return {
    folder: "migrations",
    migrations: migrations.map(({ version, name, checksum }) => ({ version, name, checksum })),
    enabled: rehearsalEnabled(rehearsal, pulumi.getStack()),
    drift,
    ...(from !== undefined && { from }),
    ...(before && { settled: before.plan.applied.map(({ checksum }) => checksum) }),
    ...(requiredFrom !== undefined && { requiredFrom, rehearsals: rehearsalsOf(requiredFrom) }),
    acceptUnrehearsed: [...acceptUnrehearsed],
  };
}

/** What another stack has rehearsed: its output, which holds no secret. */
const rehearsalsOf = (stack: string): pulumi.Output<Rehearsed[]> =>
  pulumi.unsecret(new pulumi.StackReference(stack).getOutput("rehearsals")) as pulumi.Output<Rehearsed[]>;
