import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { isRunning } from "../platform/local/process/identity";
import { trafficAt, type AwsTrafficAddress, type Traffic } from "../platform/traffic";
import { resourcesOf, type StateResource } from "./pulumi";
import { CommandError } from "./say";

/** The listener that a stack's walks are marked on. */
export interface Listener {
  readonly traffic: Traffic;
  /** Whether its balancer may run: while it surely doesn't, there are no weights that anybody could change. */
  readonly mayRun: boolean;
}

/** An `up` writes the state after each of its steps; a reader may meet half of it. */
const halfWritten = /\bEOF\b|unexpected end of JSON|invalid character/i;
/** Times to read again, and the milliseconds between two: a write takes a few of them. */
const again = { times: 20, pauseMs: 250 };

const balancerOutputs = z.object({
  adminPort: z.number(),
  token: z.string(),
  process: z.object({ pid: z.number(), startedAt: z.string() }),
});

const colours = z.object({ blue: z.string(), green: z.string() });

/** As TrafficAdvance and the stack's `settled` output have it; a listener of AWS has no secret. */
const awsAddress = z.object({
  kind: z.literal("aws"),
  connection: z.object({
    region: z.string(),
    profile: z.string().optional(),
    assumeRoles: z
      .array(z.object({ roleArn: z.string(), externalId: z.string().optional(), sessionName: z.string().optional() }))
      .optional(),
    endpoints: z.record(z.string(), z.string()).optional(),
  }),
  loadBalancer: z.string(),
  port: z.number(),
  targetGroups: colours,
}) satisfies z.ZodType<AwsTrafficAddress>;

/**
 * Finds the listener from the stack's state, which can be read while an `up` holds the stack's lock.
 * @returns undefined where the stack has no listener yet
 * @throws CommandError where there is no such stack, or its state can't be read
 */
export async function listenerOf(stack: string): Promise<Listener | undefined> {
  return listenerIn(await whole(() => resourcesOf(stack)), stack);
}

/** The same, from the resources of the state. */
export function listenerIn(resources: readonly StateResource[], stack: string): Listener | undefined {
  const local = resources.find(({ type }) => type === "pulumi-nodejs:dynamic/switchyard:LocalBalancer")?.outputs;
  if (local !== undefined) {
    const { adminPort, token, process } = understood(balancerOutputs, local, stack);
    return { traffic: trafficAt({ kind: "local", adminPort, token }), mayRun: isRunning(process) };
  }
  const found = awsPlaceIn(resources);
  if (found === undefined) return undefined;
  return { traffic: trafficAt(understood(awsAddress, found, stack)), mayRun: true };
}

/** What walks knows its listener; before it is in the state, what settled does. */
function awsPlaceIn(resources: readonly StateResource[]): unknown {
  const walks = resources.find(({ type }) => type === "pulumi-nodejs:dynamic/switchyard:TrafficAdvance");
  const settled = resources.find(({ type }) => type === "pulumi:pulumi:Stack")?.outputs.settled;
  const places = [walks?.outputs.traffic, (settled as { traffic?: unknown } | undefined)?.traffic];
  return places.find((place) => (place as { kind?: unknown } | undefined)?.kind === "aws");
}

function understood<T>(form: z.ZodType<T>, found: unknown, stack: string): T {
  const read = form.safeParse(found);
  if (read.success) return read.data;
  throw new CommandError(
    `the state of stack ${stack} says nothing of its balancer that this version understands; run npx pulumi preview`,
  );
}

async function whole(read: () => Promise<StateResource[]>): Promise<StateResource[]> {
  for (let left = again.times; ; left--) {
    try {
      return await read();
    } catch (error) {
      if (left === 0 || !halfWritten.test((error as Error).message)) throw error;
      await delay(again.pauseMs);
    }
  }
}
