import type { BalancerClient, BalancerState } from "../balancer/client";
import { launchNode, logOf } from "../node-process";
import { inProject } from "../../../providers/project";
import { isRunning } from "../process/identity";
import { stop, waitUntil } from "../process/lifecycle";
import { findFree } from "../process/ports";
import type { Copy, LocalColourInputs as Inputs } from "./resource";

/** How long requests in flight may take to finish once a copy gets no new ones; then it is ended. */
export const drainSeconds = 20;

const logFile = ({ folder, colour }: Inputs): string => logOf(inProject(folder), colour);

/**
 * Starts one copy and waits until it says that it is ready: its database answers, and the schema is one it can run on.
 * A copy that does not get there is ended again.
 */
export async function startCopy(inputs: Inputs): Promise<Copy> {
  const { copy, colour } = inputs;
  // Far from the ports that people give to things, and spread, as several copies start at once.
  const port = await findFree(21_000 + Math.floor(Math.random() * 9_000));
  const running = await launchNode({
    entry: copy.entry,
    env: {
      ...copy.env,
      NODE_ENV: "production",
      HOST: "127.0.0.1",
      PORT: String(port),
      COLOUR: colour,
      RELEASE: copy.version,
      SCHEMA: copy.schema,
      SCHEMA_NEEDS: copy.needs,
      PGHOST: copy.database.host,
      PGPORT: String(copy.database.port),
      PGDATABASE: copy.database.name,
      PGUSER: copy.database.user,
      POOL_MAX: String(copy.pool.max),
      POOL_MIN: String(copy.pool.min),
      POOL_IDLE_MS: String(copy.pool.idle),
      POOL_CONNECT_MS: String(copy.pool.connect),
      STATEMENT_TIMEOUT_MS: String(copy.pool.statement),
    },
    secrets: { PGPASSWORD: inputs.databasePassword },
    folder: inProject(inputs.folder),
    group: colour,
  });
  try {
    await waitUntil(`release ${copy.version} of ${colour}`, () => isReady(port), {
      timeoutMs: inputs.readyWithin,
      ref: running,
      log: logFile(inputs),
    });
  } catch (error) {
    await stop(running);
    throw error;
  }
  return { id: `${colour}-${running.pid}`, port, process: running };
}

async function isReady(port: number): Promise<true | undefined> {
  const response = await fetch(`http://127.0.0.1:${port}/health/ready`, { signal: AbortSignal.timeout(3_000) });
  if (response.ok) return true;
  throw new Error(`/health/ready answers ${response.status} ${(await response.text()).slice(0, 500)}`);
}

/** Registers a copy and waits until the balancer has found it healthy. */
export async function takeIn(client: BalancerClient, inputs: Inputs, copy: Copy): Promise<void> {
  await client.registerTarget(inputs.colour, { id: copy.id, host: "127.0.0.1", port: copy.port });
  await waitUntil(
    `${inputs.colour}'s copy ${copy.id} at the balancer`,
    async () => {
      const health = targetOf(await client.state(), inputs, copy)?.health;
      if (health?.state === "healthy") return true;
      throw new Error(`${health?.state ?? "not registered"} ${health?.description ?? ""}`.trim());
    },
    { timeoutMs: inputs.readyWithin, ref: copy.process, log: logFile(inputs) },
  );
}

/** Takes a copy out: no new requests, those in flight finish, then the process ends. */
export async function retire(client: BalancerClient, inputs: Inputs, copy: Copy): Promise<void> {
  await client.deregisterTarget(inputs.colour, copy.id, isRunning(copy.process) ? drainSeconds : 0);
  await stop(copy.process, { graceMs: (drainSeconds + 5) * 1000 });
}

export function targetOf(state: BalancerState, { colour }: Pick<Inputs, "colour">, copy: Copy) {
  return state.targets[colour].find(({ id, port }) => id === copy.id && port === copy.port);
}
