import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import type { ProcessRef } from "../platform/local/process/identity";
import { trafficAt, type Traffic } from "../platform/traffic";
import { resourcesOf, type StateResource } from "./pulumi";
import { CommandError } from "./say";

/** The listener that a stack's walks are marked on. */
export interface Listener {
  readonly traffic: Traffic;
  /** The balancer as the state has it: while it doesn't run, there are no weights that anybody could change. */
  readonly balancer: ProcessRef;
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

/**
 * Finds the listener from the stack's state, which can be read while an `up` holds the stack's lock.
 * @returns undefined where the stack has no balancer yet
 * @throws CommandError where there is no such stack, or its state can't be read
 */
export async function listenerOf(stack: string): Promise<Listener | undefined> {
  const resources = await whole(() => resourcesOf(stack));
  const outputs = resources.find(({ type }) => type === "pulumi-nodejs:dynamic/switchyard:LocalBalancer")?.outputs;
  if (outputs === undefined) return undefined;
  const read = balancerOutputs.safeParse(outputs);
  if (!read.success)
    throw new CommandError(
      `the state of stack ${stack} says nothing of its balancer that this version understands; run npx pulumi preview`,
    );
  const { adminPort, token, process } = read.data;
  return { traffic: trafficAt({ kind: "local", adminPort, token }), balancer: process };
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
