import { join } from "node:path";
import { sameInputs, type Provider } from "../../../providers/contract";
import { inProject } from "../../../providers/project";
import { BalancerClient, isAbsent, isNotKnown, type AlarmLimits } from "../balancer/client";
import { launchNode } from "../node-process";
import { isRunning } from "../process/identity";
import { endStrays } from "../process/ledger";
import { stop } from "../process/lifecycle";
import type { LocalCollectorInputs as Inputs, LocalCollectorState as State } from "./resource";

const group = "collector";
/** Milliseconds: five missed readings, of a minute each, are its silence. */
const everyMs = 60_000;

/** It waits for no database: whether there is one is what it finds out. */
async function bringUp(news: Inputs, olds?: State): Promise<State> {
  const folder = inProject(news.folder);
  await stop(olds?.process);
  await endStrays(folder, group, []);
  await introduce(news);
  const { host, port, name } = news.database;
  const running = await launchNode({
    entry: "infra/platform/local/collector/main.ts",
    env: {
      ...{ PGHOST: host, PGPORT: String(port), PGDATABASE: name },
      ...{ ADMIN_PORT: String(news.adminPort), COPIES_LOGS: join(folder, "logs") },
      INTERVAL_MS: String(everyMs),
      LIMITS: JSON.stringify({ connections: news.limits.connections }),
      BALANCER_LIMITS: JSON.stringify(ofBalancer(news.limits)),
    },
    secrets: { PGPASSWORD: news.monitoringPassword, ADMIN_TOKEN: news.token },
    ...{ folder, group },
  });
  return { ...news, process: running };
}

/** From here on the balancer goes by these limits, and misses the collector, also when that never says a word. */
async function introduce(news: Inputs): Promise<void> {
  const client = new BalancerClient(news);
  try {
    await client.reportDatabase({ everyMs, alarms: [], figures: [] });
    await client.setAlarmLimits(ofBalancer(news.limits));
  } catch (error) {
    if (!isNotKnown(error)) throw error;
    const { pid } = await client.health();
    console.error(
      "the balancer that runs is of an older version: it lacks alarms of docs/alarms.md, and goes by the usual limits, until it is " +
        `started anew (kill ${pid} && npx pulumi up, when nobody needs the service for a moment)`,
    );
  }
}

/** Those that the balancer itself counts by. */
export const ofBalancer = ({ errorRate, minRequests, p95 }: Inputs["limits"]): AlarmLimits => ({
  errorRate,
  minRequests,
  p95,
});

export const provider: Provider<Inputs, State> = {
  diff: (olds, news) => ({ changes: !isRunning(olds.process) || !sameInputs(olds, news, ["process"]) }),
  create: async (inputs) => ({ id: `${inputs.folder}/${group}`, outs: await bringUp(inputs) }),
  update: (olds, news) => bringUp(news, olds),
  async delete(state) {
    await stop(state.process);
    await endStrays(inProject(state.folder), group, []);
    try {
      await new BalancerClient(state).forgetDatabase();
    } catch (error) {
      // Without a balancer nobody misses it.
      if (!isAbsent(error) && !isNotKnown(error)) throw error;
    }
  },
};
