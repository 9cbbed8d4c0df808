// The runner as a process of its own. Waits for its task on stdin; a fault in it is SIGKILL to itself.

import { text } from "node:stream/consumers";
import { runStage } from "../../../infra/providers/schema/stage";
import type { RunTarget } from "../../../infra/providers/schema/session";
import { parseMigration } from "../../../infra/schema";
import { intercept, type Fault } from "./faults";
import { ordersOf } from "./world";

export interface ChildTask {
  readonly target: RunTarget;
  readonly folder: string;
  readonly fault?: Fault;
}

async function main(): Promise<void> {
  const { target, folder, fault } = JSON.parse(await text(process.stdin)) as ChildTask;
  intercept(() => process.kill(process.pid, "SIGKILL"), fault);
  await runStage(target, ordersOf(folder), { say: (line) => console.log(line) });
}

// Loads the parser while the task is still to come.
parseMigration(
  "0001_a.sql",
  "-- switchyard: phase=expand\n-- migrate:up\nCREATE TABLE a (b int);\n-- migrate:down\nDROP TABLE a;\n",
);
main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
