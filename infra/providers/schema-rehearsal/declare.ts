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
    ...(requiredFrom !== undefined && { requiredFrom, ...requiredOf(requiredFrom, before, migrations) }),
    acceptUnrehearsed: [...acceptUnrehearsed],
  };
}

interface Found {
  /** Left out where the stack has no such output. */
  readonly rehearsals?: Rehearsed[];
  /** Why the stack can't be read. */
  readonly unread?: string;
}

/** The other stack is asked only where something is pending: whether it is there is nobody else's business. */
function requiredOf(stack: string, before: SettledOutput | undefined, migrations: readonly DeclaredMigration[]) {
  const applied = before?.plan.applied.map(({ checksum }) => checksum) ?? [];
  if (migrations.every(({ checksum }) => applied.includes(checksum))) return {};
  const found = pulumi.output(rehearsalsOf(stack));
  return { rehearsals: found.apply(({ rehearsals }) => rehearsals), unread: found.apply(({ unread }) => unread) };
}

/**
 * What another stack has rehearsed: its output, which holds no secret. By the call that a StackReference makes too: as a
 * resource, one of a stack that is not there ends the program before anything can be said of it.
 */
async function rehearsalsOf(stack: string): Promise<Found> {
  try {
    const read: unknown = await pulumi.runtime.invoke("pulumi:pulumi:readStackOutputs", { name: stack });
    const { outputs } = read as { outputs: { rehearsals?: Rehearsed[] } };
    return outputs.rehearsals === undefined ? {} : { rehearsals: outputs.rehearsals };
  } catch (error) {
    return { unread: error instanceof Error ? error.message : String(error) };
  }
}
