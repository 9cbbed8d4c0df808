// The balancer's process: `node --import tsx main.ts --state <folder>`, settings in the environment (settings.ts).

import type { AddressInfo } from "node:net";
import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";
import pino from "pino";
import { adminServer } from "./admin";
import { Balancer } from "./balancer";
import { BalancerError, messageOf } from "./errors";
import { cannotListen, loopback } from "./listener";
import { readSettings } from "./settings";
import { StateFile } from "./store";

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { state: { type: "string" } } });
  if (!values.state) throw new Error("The balancer needs a folder for its state: --state <folder>.");
  const settings = readSettings(process.env);
  // Nothing that runs later, and no crash report, has to see it.
  delete process.env.ADMIN_TOKEN;

  const log = pino({ name: "balancer", level: settings.logLevel });
  const file = new StateFile(values.state);
  const balancer = new Balancer(file, settings, log);
  await balancer.restore();
  const admin = adminServer(balancer, settings.adminToken, log);
  await admin.listen({ host: loopback, port: settings.adminPort }).catch((cause: unknown) => {
    throw cannotListen(cause, settings.adminPort, "the balancer's admin server (ADMIN_PORT)");
  });
  const { port: adminPort } = admin.server.address() as AddressInfo;
  log.info({ adminPort, state: file.path, production: balancer.state().production }, "ready");

  let stopping = false;
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    if (stopping) return;
    stopping = true;
    log.info({ signal, withinMs: settings.stopTimeoutMs }, "stopping");
    const cut = await balancer.stop(settings.stopTimeoutMs);
    // Answers the calls that were waiting for a drain; a client that never finishes its call must not hold this up.
    await Promise.race([admin.close(), setTimeout(1_000)]);
    log.info({ cut }, "stopped");
    process.exit(0);
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => void stop(signal));
}

main().catch((error: unknown) => {
  const log = pino({ name: "balancer" });
  // A user's mistake needs no stack trace; anything else is a fault of ours and does.
  if (error instanceof BalancerError) log.fatal({ code: error.code }, error.message);
  else log.fatal({ err: error }, messageOf(error));
  process.exit(1);
});
