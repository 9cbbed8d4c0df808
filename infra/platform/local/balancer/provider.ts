import { rmSync } from "node:fs";
import { join } from "node:path";
import { hasUnknown, PartialFailure, sameInputs, type Provider } from "../../../providers/contract";
import { launchNode, logOf } from "../node-process";
import { inProject } from "../../../providers/project";
import { keepOrChoosePort, takenPort } from "../process/configured-port";
import { isRunning, type ProcessRef } from "../process/identity";
import { endStrays } from "../process/ledger";
import { stop, waitUntil } from "../process/lifecycle";
import { findFree, openFree } from "../process/ports";
import { BalancerClient } from "./client";
import type { LocalBalancerInputs as Inputs, LocalBalancerState as State } from "./resource";

const firstAdminPort = 8500;
const firstPreviewPort = 8100;
const previewKey = "local.previewPort";

/** Longer than the balancer's own STOP_TIMEOUT_MS, so that requests in flight finish before anything is forced. */
const graceMs = 15_000;

async function bringUp(news: Inputs, olds?: State): Promise<State> {
  const stays = olds !== undefined && isRunning(olds.process) && olds.token === news.token;
  const { adminPort, process: running } = stays ? olds : await startUp(news, olds);
  const partial = { ...news, adminPort, process: running, chosenPreviewPort: olds?.chosenPreviewPort ?? 0 };
  try {
    const client = new BalancerClient({ adminPort, token: news.token });
    const open = (await client.state()).preview?.port;
    const preferred = olds?.chosenPreviewPort ?? firstPreviewPort;
    const wanted = () => keepOrChoosePort(previewKey, news.previewPort, open, preferred);
    const { port } = await openFree(wanted, (each) => client.openPreview(each));
    return { ...partial, chosenPreviewPort: port };
  } catch (error) {
    throw new PartialFailure((error as Error).message, idOf(news), partial, { cause: error });
  }
}

/**
 * Ends one that runs with another token, or unrecorded, and starts anew. What it serves it knows by itself, from the file
 * that it writes before it acknowledges a change.
 */
async function startUp(news: Inputs, olds?: State): Promise<{ adminPort: number; process: ProcessRef }> {
  const folder = inProject(news.folder);
  await endStrays(folder, "balancer", []);
  const find = () => findFree(olds?.adminPort ?? firstAdminPort);
  return openFree(find, async (adminPort) => ({ adminPort, process: await launch(news, folder, adminPort) }));
}

async function launch(news: Inputs, folder: string, adminPort: number): Promise<ProcessRef> {
  const running = await launchNode({
    entry: "infra/platform/local/balancer/main.ts",
    args: ["--state", join(folder, "balancer")],
    env: { ADMIN_PORT: String(adminPort) },
    secrets: { ADMIN_TOKEN: news.token },
    folder,
    group: "balancer",
  });
  const client = new BalancerClient({ adminPort, token: news.token, timeoutMs: 1_000 });
  try {
    await waitUntil(
      "the local balancer",
      async () => ((await client.health()).pid === running.pid ? true : undefined),
      {
        timeoutMs: 30_000,
        ref: running,
        log: logOf(folder, "balancer"),
      },
    );
  } catch (error) {
    await stop(running);
    throw error;
  }
  return running;
}

const idOf = ({ folder }: Inputs): string => `${folder}/balancer`;

export const provider: Provider<Inputs, State> = {
  check: async (news, olds) =>
    hasUnknown(news.previewPort) ? [] : takenPort(previewKey, news.previewPort, olds?.chosenPreviewPort),
  diff(olds, news) {
    const same = sameInputs(olds, news, ["adminPort", "chosenPreviewPort", "process"]);
    return { changes: !isRunning(olds.process) || !same };
  },
  create: async (inputs) => ({ id: idOf(inputs), outs: await bringUp(inputs) }),
  update: (olds, news) => bringUp(news, olds),
  async delete({ folder, process: running }) {
    await stop(running, { graceMs });
    await endStrays(inProject(folder), "balancer", []);
    rmSync(join(inProject(folder), "balancer"), { recursive: true, force: true });
  },
};
