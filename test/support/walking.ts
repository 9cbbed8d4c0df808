// A local stack whose walks are interrupted: an `up` under way, its processes, and what the listener says meanwhile.

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { BalancerClient } from "../../infra/platform/local/balancer/client";
import { identify, isRunning, type ProcessRef } from "../../infra/platform/local/process/identity";
import { walkTags } from "../../infra/providers/traffic/tags";
import { connectBalancer } from "./exported";
import { eventually } from "./pages";
import { Clone, type Ended } from "./stack";

/** Where in a walk: at a live weight, or so many seconds after it began. */
export type Place = { weight: number } | { seconds: number };

export const nameOf = (place: Place): string =>
  "weight" in place ? `at greenWeight ${place.weight}` : `${place.seconds} s after it began`;

/** An `up` that walks. */
export interface Walking {
  readonly ended: Promise<Ended>;
  output(): string;
  /** The engine's process, which is what the wrapper's has become, and the provider's that walks. */
  readonly cli: ProcessRef;
  readonly provider: ProcessRef;
  /** Sends a signal to processes that run. */
  signal(name: NodeJS.Signals, ...to: ProcessRef[]): void;
}

export class WalkingClone extends Clone {
  #balancer: BalancerClient | undefined;
  /** Of green: each is walked to anew, as one that has settled at 100 before would return there at once. */
  #patch = 0;
  #wasThere = false;
  /** The latest walk. */
  #under: Walking | undefined;

  /** Starts the stack, whose bakes take so long. */
  async begin(bake: string): Promise<void> {
    const keys = [`bake: ${bake}`, `maxBake: ${bake}`, "onInsufficient: advance"].join("\n    ");
    this.edit("Pulumi.local.yaml", (text) =>
      text
        .replace(/bake: 5s\n.*maxBake: 5s\n.*onInsufficient: advance/, keys)
        // No walk here is about what a release does: one that starts at once will do.
        .replace(/entry: .*/g, "entry: test/support/faulty.cjs"),
    );
    const { code, output } = await this.npmStart();
    assert.equal(code, 0, output);
    this.#balancer = await connectBalancer(this);
  }

  async live() {
    assert.ok(this.#balancer);
    const { production } = await this.#balancer.state();
    assert.ok(production);
    return { weight: production.weights.green, walk: production.tags[walkTags.walk] };
  }

  declare(greenWeight: number): void {
    const line = `switchyard:greenWeight: "${greenWeight}"`;
    if (readFileSync(join(this.folder, "Pulumi.local.yaml"), "utf8").includes(line)) return;
    this.edit("Pulumi.local.yaml", (text) => text.replace(/switchyard:greenWeight: .*/, line));
  }

  startUp() {
    return this.start(["tools/pulumi.cjs", "up", "--yes", "--skip-preview", "--stack", "local", "--non-interactive"]);
  }

  /** An `up` from greenWeight 0 to 100 that is at `place` now. */
  async walkTo(place: Place): Promise<Walking> {
    if (this.#wasThere) this.edit("Pulumi.local.yaml", (text) => text.replace(/1\.1\.\d+/, `1.1.${++this.#patch}`));
    this.#wasThere = false;
    this.declare(100);
    const { child, ended, output } = this.startUp();
    const over = ended.then(() => assert.fail(`the up ended before its walk was ${nameOf(place)}:\n${output()}`));
    await Promise.race([over, this.#reach(place)]);
    // Nobody waits for it from here on.
    over.catch(() => undefined);
    assert.ok(child.pid !== undefined);
    const cli = identify(child.pid);
    assert.ok(cli, "the engine runs");
    // That the language host is its child shows that the wrapper's process has become the engine's.
    childOf(child.pid, "pulumi-language-nodejs");
    const provider = childOf(child.pid, "/dynamic-provider");
    const signal = (name: NodeJS.Signals, ...to: ProcessRef[]) => {
      for (const each of to) {
        assert.ok(isRunning(each), `process ${each.pid} runs`);
        process.kill(each.pid, name);
      }
    };
    return (this.#under = { ended, output, cli, provider, signal });
  }

  async #reach(place: Place): Promise<void> {
    await eventually("the walk began", async () => (await this.live()).walk !== undefined, 60_000);
    if ("weight" in place)
      await eventually(nameOf(place), async () => (await this.live()).weight === place.weight, 60_000);
    else await delay(place.seconds * 1000);
  }

  /** @throws unless the live weight is that within 5 s, with no walk on the listener. */
  async settlesAt(weight: number, ms = 5_000): Promise<void> {
    const there = async () => {
      const live = await this.live();
      return live.weight === weight && live.walk === undefined;
    };
    await eventually(`greenWeight is ${weight} and nobody walks`, there, ms);
  }

  /** Every weight that the listener has until the returned function is called. */
  watch(): () => Promise<number[]> {
    const over = new AbortController();
    const seen: number[] = [];
    const looking = (async () => {
      while (!over.signal.aborted) {
        const { weight } = await this.live();
        if (seen.at(-1) !== weight) seen.push(weight);
        await delay(20);
      }
    })();
    return async () => {
      over.abort();
      await looking;
      return seen;
    };
  }

  /** `npm run abort`, `npm run unlock`. */
  command(name: "abort" | "unlock", ...args: string[]): Promise<Ended> {
    return this.run(["--import", "tsx", `infra/commands/${name}.ts`, "--stack", "local", ...args]);
  }

  /** After a test that failed anywhere, so that the others say what they are about. */
  async recover(): Promise<void> {
    for (const each of [this.#under?.cli, this.#under?.provider])
      if (each !== undefined && isRunning(each)) process.kill(each.pid, "SIGKILL");
    await this.pulumi("cancel", "--yes");
    await this.revert();
  }

  /** What whoever reverts the config does: `up`, and then nothing differs. */
  async revert(): Promise<void> {
    this.#wasThere = (await this.live()).weight === 100;
    this.declare(0);
    await this.up();
    assert.deepEqual(await this.live(), { weight: 0, walk: undefined });
    assert.match(await this.must("preview"), /Resources:\s+\d+ unchanged/);
  }
}

/**
 * Kills the engine, and stops the provider as soon as it has another parent, and not before: what is stopped while its
 * parent goes, the system ends. A second later it would have seen that its engine is gone.
 */
export function leaveAsleep(up: Walking): void {
  up.signal("SIGKILL", up.cli);
  while (parentOf(up.provider) === up.cli.pid);
  if (isRunning(up.provider)) up.signal("SIGSTOP", up.provider);
}

function parentOf({ pid }: ProcessRef): number | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return Number(/^PPid:\s*(\d+)$/m.exec(status)?.[1]);
  } catch {
    // No such process, or a system without /proc.
    const found = spawnSync("ps", ["-o", "ppid=", "-p", String(pid)], { encoding: "utf8" }).stdout.trim();
    return found === "" ? undefined : Number(found);
  }
}

/** The one child of a process whose command line has this in it. */
function childOf(parent: number, part: string): ProcessRef {
  const rows = execFileSync("ps", ["-eo", "pid=,ppid=,args="], { encoding: "utf8" })
    .split("\n")
    .map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line))
    .filter((row) => row !== null && Number(row[2]) === parent && (row[3] ?? "").includes(part));
  assert.equal(rows.length, 1, `process ${parent} has one child with ${part}`);
  const found = identify(Number(rows[0]?.[1]));
  assert.ok(found, `${part} runs`);
  return found;
}
