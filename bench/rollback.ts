/**
 * How quickly a rollback by reverting config is over: from the start of `pulumi up` to the last request that green
 * answered, under load, against the wall time of an `up` of an empty Pulumi program in the same run.
 */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { load } from "../test/support/load";
import { Clone } from "../test/support/stack";

const checkout = resolve(__dirname, "..");

/** Requests a second while the traffic returns: the figure that a walk is tested with. */
const rate = 300;

export interface RollbackFigures {
  /** Milliseconds from the start of the command to green's last answer. */
  lastGreen: number;
  /** Milliseconds until the command has ended. */
  whole: number;
}

/** A program without a resource, with the same engine, backend and language host. */
export class EmptyProgram {
  private readonly folder = mkdtempSync(join(tmpdir(), "switchyard-empty-"));

  async create(): Promise<void> {
    mkdirSync(join(this.folder, "backend"));
    symlinkSync(join(checkout, "node_modules"), join(this.folder, "node_modules"));
    writeFileSync(
      join(this.folder, "Pulumi.yaml"),
      "name: empty\nmain: index.js\nruntime:\n  name: nodejs\n  options:\n    typescript: false\n",
    );
    writeFileSync(join(this.folder, "package.json"), '{ "name": "empty", "version": "1.0.0" }\n');
    writeFileSync(join(this.folder, "index.js"), '"use strict";\n');
    await this.pulumi("stack", "init", "bench", "--non-interactive");
    await this.up();
  }

  /** @returns milliseconds of its `up`, with the flags that a rollback has here. */
  up(): Promise<number> {
    return this.pulumi("up", "--yes", "--skip-preview", "--stack", "bench", "--non-interactive");
  }

  dispose(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  private pulumi(...args: string[]): Promise<number> {
    const env = {
      ...process.env,
      PATH: `${join(checkout, "node_modules/.bin")}:${process.env.PATH ?? ""}`,
      PULUMI_BACKEND_URL: `file://${this.folder}/backend`,
      PULUMI_CONFIG_PASSPHRASE: "a bench has no secrets",
    };
    return timed(join(checkout, "tools/pulumi.cjs"), args, this.folder, env);
  }
}

/** Runs a command to its end. @returns milliseconds. @throws with its output when it fails. */
function timed(file: string, args: string[], cwd: string, env: NodeJS.ProcessEnv): Promise<number> {
  const started = performance.now();
  const child = spawn(process.execPath, [file, ...args], { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  return new Promise((done, failed) => {
    child.once("error", failed);
    child.once("close", (code) => {
      if (code === 0) done(performance.now() - started);
      else failed(new Error(`pulumi ${args.join(" ")} ended with ${String(code)}:\n${output}`));
    });
  });
}

/** One rollback from 100 to 0 on a stack whose green has all the traffic. */
async function rollBack(clone: Clone, url: string): Promise<RollbackFigures> {
  await clone.must("config", "set", "greenWeight", "0");
  const over = new AbortController();
  let lastGreen = 0;
  const watched = load({
    url: `${url}/pages?limit=1`,
    rate,
    durationMs: 120_000,
    signal: over.signal,
    onAnswer: (colour) => {
      if (colour === "green") lastGreen = performance.now();
    },
  });
  const started = performance.now();
  await clone.up();
  const whole = performance.now() - started;
  over.abort();
  const { failed } = await watched;
  if (failed > 0) throw new Error(`${failed} requests failed during a rollback`);
  return { lastGreen: lastGreen - started, whole };
}

const median = (values: number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;

/** Prints the figures of `times` rollbacks, each with an empty `up` beside it: both have the same machine to share. */
export async function benchRollback(times = 5): Promise<void> {
  const clone = new Clone();
  const program = new EmptyProgram();
  try {
    await program.create();
    const { code, output } = await clone.npmStart();
    if (code !== 0) throw new Error(output);
    const { url } = await clone.outputs();
    const rollbacks: RollbackFigures[] = [];
    const empties: number[] = [];
    for (let run = 0; run < times; run += 1) {
      await clone.setGreenWeight(100);
      rollbacks.push(await rollBack(clone, url));
      empties.push(await underLoad(url, () => program.up()));
    }
    const empty = median(empties);
    const lastGreen = median(rollbacks.map((each) => each.lastGreen));
    console.log(`rollback on platform local, medians of ${times}, at ${rate} requests/s`);
    console.log(`  empty up                                     ${seconds(empty)}`);
    console.log(`  command start to green's last answer         ${seconds(lastGreen)}`);
    console.log(
      `  the same against the empty up                ${(lastGreen / empty).toFixed(2)} (goal: 1.30 at most)`,
    );
    console.log(
      `  command start to its end                     ${seconds(median(rollbacks.map((each) => each.whole)))}`,
    );
  } finally {
    program.dispose();
    await clone.dispose();
  }
}

async function underLoad<T>(url: string, work: () => Promise<T>): Promise<T> {
  const over = new AbortController();
  const beside = load({ url: `${url}/pages?limit=1`, rate, durationMs: 600_000, signal: over.signal });
  try {
    return await work();
  } finally {
    over.abort();
    await beside;
  }
}
