// The collector of one machine: reads the database's own figures and its log as often as a stack on AWS does, judges them by the
// same table, and tells the balancer, which shows them; with the limits of the balancer's own alarms. `node --import tsx main.ts`,
// settings in the environment (settings.ts).

import { setTimeout } from "node:timers/promises";
import pino from "pino";
import { BalancerClient, isNotKnown } from "../balancer/client";
import { Look } from "./look";
import { readSettings } from "./settings";

const log = pino({ name: "collector" });

async function main(): Promise<void> {
  const settings = readSettings(process.env);
  const balancer = new BalancerClient(settings.balancer);
  const say = (error: unknown) => log.warn(error instanceof Error ? error.message : String(error));
  const look = new Look(settings, say);
  /** One that was started anew has forgotten them; one of an older version never knows them, which `up` has said. */
  const tellLimits = async () => {
    if (settings.balancerLimits === undefined) return;
    await balancer.setAlarmLimits(settings.balancerLimits).catch((error: unknown) => isNotKnown(error) || say(error));
  };
  const stopped = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stopped.abort());
  log.info({ everyMs: settings.intervalMs }, "ready");
  while (!stopped.signal.aborted) {
    const began = performance.now();
    await tellLimits();
    const report = await look.once();
    // One that isn't there comes back, and is told the next time.
    await balancer.reportDatabase(report).catch(say);
    const rest = Math.max(settings.intervalMs - (performance.now() - began), 0);
    await setTimeout(rest, undefined, { signal: stopped.signal }).catch(() => undefined);
  }
  log.info("stopped");
}

main().catch((error: unknown) => {
  log.fatal(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
