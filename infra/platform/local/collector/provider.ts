import { join } from "node:path";
import { sameInputs, type Provider } from "../../../providers/contract";
import { inProject } from "../../../providers/project";
import { BalancerClient, BalancerError, ifKnown, isAbsent } from "../balancer/client";
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
  await expectReports(news);
  const { host, port, name } = news.database;
  const running = await launchNode({
    entry: "infra/platform/local/collector/main.ts",
    env: {
      ...{ PGHOST: host, PGPORT: String(port), PGDATABASE: name },
      ...{ ADMIN_PORT: String(news.adminPort), COPIES_LOGS: join(folder, "logs") },
      INTERVAL_MS: String(everyMs),
      LIMITS: JSON.stringify({ connections: news.connections }),
    },
    secrets: { PGPASSWORD: news.monitoringPassword, ADMIN_TOKEN: news.token },
    ...{ folder, group },
  });
  return { ...news, process: running };
}

/** From here on the balancer misses it, also when it never says a word. */
async function expectReports(news: Inputs): Promise<void> {
  const client = new BalancerClient(news);
  const report = client.reportDatabase({ everyMs, alarms: [], figures: [] });
  await ifKnown(client, report, "it shows no alarms of the database");
}

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
      if (!isAbsent(error) && !(error instanceof BalancerError && error.code === "RouteNotFound")) throw error;
    }
  },
};
