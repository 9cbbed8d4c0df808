import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const checkout = resolve(__dirname, "..");

/** A program with nothing of this project's, on the same engine, backend and language host: what is to be compared with. */
export class EmptyProgram {
  /** A temporary one. */
  readonly folder = mkdtempSync(join(tmpdir(), "switchyard-empty-"));

  /**
   * @param imports modules that it loads. @default none
   * @param environment beside this process's own
   * @param resources how many it declares, each a log group of AWS. @default 0
   */
  constructor(
    private readonly imports: readonly string[] = [],
    private readonly environment: NodeJS.ProcessEnv = {},
    private readonly resources = 0,
  ) {}

  async create(): Promise<void> {
    mkdirSync(join(this.folder, "backend"));
    symlinkSync(join(checkout, "node_modules"), join(this.folder, "node_modules"));
    writeFileSync(
      join(this.folder, "Pulumi.yaml"),
      "name: empty\nmain: index.js\nruntime:\n  name: nodejs\n  options:\n    typescript: false\n",
    );
    writeFileSync(join(this.folder, "package.json"), '{ "name": "empty", "version": "1.0.0" }\n');
    const lines = this.imports.map((module) => `require(${JSON.stringify(module)});`);
    if (this.resources > 0)
      lines.push(
        'const { LogGroup } = require("@pulumi/aws/cloudwatch/logGroup");',
        `for (let at = 0; at < ${this.resources}; at += 1) new LogGroup("group-" + at, { retentionInDays: 7 });`,
      );
    writeFileSync(join(this.folder, "index.js"), ['"use strict";', ...lines, ""].join("\n"));
    await this.pulumi("stack", "init", "bench", "--non-interactive");
  }

  /** @returns milliseconds of its `up`, with the flags that a rollback has here. */
  up(): Promise<number> {
    return this.pulumi("up", "--yes", "--skip-preview", "--stack", "bench", "--non-interactive");
  }

  /** @returns milliseconds of its `preview`. */
  preview(): Promise<number> {
    return this.pulumi("preview", "--stack", "bench", "--non-interactive");
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
      ...this.environment,
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
