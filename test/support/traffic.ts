// A listener with traffic, two releases behind it, and an engine, for tests of the traffic resources. All of it is real,
// but for the engine, of which a walk wants no more than that it accepts connections.

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type AddressInfo, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { advance, type Outcome, type Surroundings } from "../../infra/providers/traffic-advance/advance";
import type { TrafficAdvanceInputs, TrafficAdvanceState } from "../../infra/providers/traffic-advance/resource";
import type { ShiftRecord } from "../../infra/providers/record/record";
import { folderStore } from "../../infra/providers/store/folder";
import { identify, isRunning, type ProcessRef } from "../../infra/platform/local/process/identity";
import { stop } from "../../infra/platform/local/process/lifecycle";
import { systemClock } from "../../infra/providers/traffic/clock";
import { engineAt } from "../../infra/providers/traffic/engine";
import type { BakePlan, Declared } from "../../infra/rollout/types";
import { bake, first, release, Stack } from "../unit/rollout/given";
import { startBalancer, token, untilHealthy, until, type RunningBalancer } from "./balancer";
import { load, type LoadResult } from "./load";

export type Mode = "good" | "errors" | "slow" | "sick";
type Colour = "blue" | "green";

/** Short, and still enough to tell 2 % of errors from none at a few hundred requests a second. */
export const shortBake: BakePlan = { ...bake, bake: 500, maxBake: 15_000, minRequests: 15 };

/** Both colours run one copy each; green's share is declared. */
export const declaring = (weight: number, more: Partial<BakePlan> = {}): Declared => ({
  ...first,
  weight,
  releases: { blue: release("A", "0002", { count: 1 }), green: release("B", "0002", { count: 1 }) },
  bake: { ...shortBake, ...more },
});

/** One balancer serves all scenes of a file, one after the other. */
let stage: { folder: string; balancer: RunningBalancer } | undefined;

export class Scene {
  readonly #targets: ChildProcess[] = [];
  readonly #byColour = new Map<Colour, ChildProcess>();
  readonly #walkers: ChildProcess[] = [];
  readonly #orphans: (ProcessRef | undefined)[] = [];
  #engine: Server | undefined;
  readonly said: string[] = [];
  readonly #firstLine: number;

  private constructor(
    readonly folder: string,
    readonly stage: { folder: string; balancer: RunningBalancer },
  ) {
    this.#firstLine = this.balancer.lines.length;
  }

  get balancer(): RunningBalancer {
    return this.stage.balancer;
  }

  /** A production listener, and a good blue and a green of that mode behind it, both found healthy. */
  static async set(weight: number, modes: Partial<Record<Colour, Mode>> = {}): Promise<Scene> {
    stage ??= await newStage();
    const folder = await mkdtemp(join(tmpdir(), "traffic-"));
    const scene = new Scene(folder, stage);
    try {
      await scene.balancer.client.createListener({ port: 0, weights: { blue: 100 - weight, green: weight } });
      await Promise.all(
        (["blue", "green"] as const).map((colour) => scene.#startTarget(colour, modes[colour] ?? "good")),
      );
      if (!Object.values(modes).includes("sick")) await untilHealthy(scene.balancer.client);
      scene.#engine = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
      await once(scene.#engine, "listening");
    } catch (error) {
      await scene.strike();
      throw error;
    }
    return scene;
  }

  /** Ends everything that it started, and clears the stage for the next one. */
  async strike(): Promise<void> {
    this.endEngine();
    for (const child of [...this.#walkers, ...this.#targets]) await ended(child, "SIGKILL");
    for (const orphan of this.#orphans) await stop(orphan, { signal: "SIGKILL" });
    const { client } = this.balancer;
    for (const colour of this.#byColour.keys()) await client.deregisterTarget(colour, colour, 0);
    if ((await client.state()).production !== null) await client.deleteListener();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** After the last scene. */
  static async close(): Promise<void> {
    await stage?.balancer.end("SIGKILL");
    if (stage !== undefined) await rm(stage.folder, { recursive: true, force: true });
    stage = undefined;
  }

  async #startTarget(colour: Colour, mode: Mode): Promise<void> {
    const child = spawn(process.execPath, [join(__dirname, "target.cjs"), colour, mode], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#targets.push(child);
    this.#byColour.set(colour, child);
    const [port] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
    await this.balancer.client.registerTarget(colour, { id: colour, host: "127.0.0.1", port: Number(port) });
  }

  /** Ends a colour's only process, as a crash does. */
  async crash(colour: Colour): Promise<void> {
    const child = this.#byColour.get(colour);
    if (child !== undefined) await ended(child, "SIGKILL");
  }

  async stopBalancer(): Promise<void> {
    await this.balancer.end("SIGKILL");
  }

  /** Ends the balancer, if it still runs, and starts it again on the same ports: its counters begin anew. */
  async restartBalancer(): Promise<void> {
    const { adminPort } = this.balancer;
    await this.balancer.end("SIGKILL");
    this.stage.balancer = await startBalancer(this.stage.folder, { ADMIN_PORT: String(adminPort) });
  }

  endEngine(): void {
    this.#engine?.close();
  }

  get engine(): string {
    return `127.0.0.1:${(this.#engine?.address() as AddressInfo).port}`;
  }

  async live() {
    const { production } = await this.balancer.client.state();
    return { greenWeight: production?.weights.green, tags: production?.tags };
  }

  async untilWeight(weight: number): Promise<void> {
    await this.until(`greenWeight is ${weight}`, async () => (await this.live()).greenWeight === weight);
  }

  /** As `until`, for things that take several bakes. */
  async until(what: string, condition: () => Promise<boolean>): Promise<void> {
    for (let tries = 5; ; tries -= 1) {
      try {
        await until(what, condition);
        return;
      } catch (error) {
        if (tries === 0) throw error;
      }
    }
  }

  /** Every weight that the listener has been given, in order: what the balancer itself logged. */
  weightsSet(): number[] {
    const changes = this.balancer.lines
      .slice(this.#firstLine)
      .filter((line) => line.includes('"production listener modified"'))
      .map((line) => JSON.parse(line) as Record<"before" | "after", { weights: { green: number } }>);
    return changes
      .filter(({ before, after }) => before.weights.green !== after.weights.green)
      .map(({ after }) => after.weights.green);
  }

  /** Requests at a steady rate while `work` goes on. */
  async under<T>(
    work: () => Promise<T>,
    { rate = 400, concurrency = 16 } = {},
  ): Promise<{ result: T; load: LoadResult }> {
    const { production } = await this.balancer.client.state();
    const over = new AbortController();
    const url = `http://127.0.0.1:${production?.port ?? 0}/`;
    const sent = load({ url, rate, concurrency, durationMs: 60_000, signal: over.signal });
    try {
      return { result: await work(), load: await (over.abort(), sent) };
    } finally {
      over.abort();
      await sent;
    }
  }

  /** The inputs of an `up` of `declared`, after one that settled on `before`. */
  inputs(declared: Declared, before: Declared = declaring(0)): TrafficAdvanceInputs {
    const stack = Stack.settledOn(before).fail(declared);
    const { settled, attempts } = stack.memory;
    const { adminPort } = this.balancer;
    return {
      attempt: attempts.at(-1)?.id ?? "",
      greenWeight: declared.weight,
      declared,
      ...(settled && { settled }),
      attempts: [...attempts],
      traffic: { kind: "local", adminPort, token },
      telemetry: { kind: "local", adminPort },
      store: { kind: "local", folder: join(this.folder, "store") },
      hold: [],
    };
  }

  state(declared: Declared): TrafficAdvanceState {
    return { ...this.inputs(declared), lastWalk: null };
  }

  /** An advance in this process. */
  advance(news: TrafficAdvanceInputs, more: Partial<Surroundings> = {}): Promise<Outcome> {
    return advance(news, {
      clock: systemClock,
      engineAlive: engineAt(this.engine),
      say: (line) => this.said.push(line),
      otherEnds: 500,
      readyWithin: 1_000,
      ...more,
    });
  }

  /** An advance in a process of its own, as a provider's is. */
  walker(news: TrafficAdvanceInputs, olds: TrafficAdvanceState) {
    const child = spawn(process.execPath, ["--import", "tsx", join(__dirname, "walker.ts"), this.engine], {
      cwd: resolve(__dirname, "../../infra"),
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#walkers.push(child);
    child.stderr.resume();
    const told = text(child.stdout).then(
      (line) =>
        (line === "" ? undefined : JSON.parse(line)) as { outs?: TrafficAdvanceState; message?: string } | undefined,
    );
    const exit = once(child, "close") as Promise<[number | null, NodeJS.Signals | null]>;
    child.stdin.end(JSON.stringify({ olds, news }));
    return { told, exit, end: (signal: NodeJS.Signals) => ended(child, signal) };
  }

  /** As `walker`, with a parent that is its engine: `kill` ends that one as `kill -9` of pulumi does. */
  async walkerWithEngine(news: TrafficAdvanceInputs, olds: TrafficAdvanceState) {
    const child = spawn(process.execPath, [join(__dirname, "engine.cjs"), join(__dirname, "walker.ts")], {
      cwd: resolve(__dirname, "../../infra"),
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#walkers.push(child);
    child.stdin.end(JSON.stringify({ olds, news }));
    const [pid] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
    const walker = identify(Number(pid));
    this.#orphans.push(walker);
    return { kill: () => ended(child, "SIGKILL"), isRunning: () => isRunning(walker) };
  }

  async records(): Promise<ShiftRecord[]> {
    const store = folderStore({ kind: "local", folder: join(this.folder, "store") });
    const found = await store.list("records/");
    return Promise.all(
      found.map(async ({ key }) => JSON.parse(await readFile(store.where(key), "utf8")) as ShiftRecord),
    );
  }
}

async function newStage() {
  const folder = await mkdtemp(join(tmpdir(), "balancer-"));
  return { folder, balancer: await startBalancer(folder) };
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill(signal);
  await exit;
}
