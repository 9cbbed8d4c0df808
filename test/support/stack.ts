import { execFileSync, spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { stripVTControlCharacters } from "node:util";

const checkout = resolve(__dirname, "../..");

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** Both streams, in order of arrival, without colours. */
  output: string;
}

export interface Outputs {
  url: string;
  previewUrl: string;
  previewHeader: string;
  weights: { blue: number; green: number };
  releases: Record<"blue" | "green", { version: string; schema: string } | undefined>;
  schemaVersion: string;
}

/** A clone of this checkout, as it is on disk, in a folder of its own: its own state, passphrase, plugins and ports. */
export class Clone {
  readonly folder: string;

  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), "switchyard-clone-"));
    const files = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
      cwd: checkout,
    })
      .toString()
      .split("\0")
      .filter(Boolean);
    for (const file of files) {
      mkdirSync(dirname(join(this.folder, file)), { recursive: true });
      cpSync(join(checkout, file), join(this.folder, file), { force: true });
    }
    symlinkSync(join(checkout, "node_modules"), join(this.folder, "node_modules"));
    const config = join(this.folder, "Pulumi.local.yaml");
    const text = readFileSync(config, "utf8")
      .replace(/^encryptionsalt:.*\n?/m, "")
      .replace(/(?<=switchyard:watchAfter: ).*/, "0s");
    // What a test leaves behind outside its folder would stay for ever.
    writeFileSync(config, `${text}  switchyard:local:\n    deleteDataOnDestroy: true\n`);
  }

  /** Rewrites a file of the clone. @throws when that changes nothing: the test would not be what it says. */
  edit(file: string, change: (text: string) => string): void {
    const path = join(this.folder, file);
    const before = readFileSync(path, "utf8");
    const after = change(before);
    if (after === before) throw new Error(`${file} has nothing to change:\n${before}`);
    writeFileSync(path, after);
  }

  /** Starts `node <file> …` in the clone, with this process's environment but nothing of Pulumi's in it. */
  start(args: string[], env: NodeJS.ProcessEnv = {}) {
    const inherited = Object.entries(process.env).filter(
      ([name]) => !name.startsWith("PULUMI_") || name === "PULUMI_HOME",
    );
    const child = spawn(process.execPath, args, {
      cwd: this.folder,
      env: { ...Object.fromEntries(inherited), ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8");
      stream.on("data", (chunk: string) => (output += stripVTControlCharacters(chunk)));
    }
    const ended = new Promise<Ended>((done, failed) => {
      child.once("error", failed);
      child.once("close", (code, signal) => done({ code, signal, output }));
    });
    return { child, ended, output: () => output };
  }

  /** Runs to its end; a code other than 0 is the caller's to judge. */
  run(args: string[], env?: NodeJS.ProcessEnv): Promise<Ended> {
    return this.start(args, env).ended;
  }

  /** What `npm start` runs. */
  npmStart(): Promise<Ended> {
    return this.run(["--import", "tsx", "tools/start.ts"]);
  }

  /** `npx pulumi …` of the local stack; a code other than 0 is the caller's to judge. */
  pulumi(...args: string[]): Promise<Ended> {
    return this.run(["tools/pulumi.cjs", ...args, "--stack", "local", "--non-interactive"]);
  }

  /** `npx pulumi …` that must succeed. @throws with its output. */
  async must(...args: string[]): Promise<string> {
    const { code, output } = await this.pulumi(...args);
    if (code !== 0) throw new Error(`pulumi ${args.join(" ")} ended with ${String(code)}:\n${output}`);
    return output;
  }

  up(): Promise<string> {
    return this.must("up", "--yes", "--skip-preview");
  }

  async setGreenWeight(weight: number): Promise<string> {
    await this.must("config", "set", "greenWeight", String(weight));
    return this.up();
  }

  async outputs(): Promise<Outputs> {
    return JSON.parse(await this.must("stack", "output", "--json")) as Outputs;
  }

  /** Every process whose command line names this clone's folder for the stack, by pid. */
  processes(): number[] {
    const out = execFileSync("ps", ["-eo", "pid=,args="], { encoding: "utf8" });
    return out
      .split("\n")
      .filter((line) => line.includes(this.folder) && !line.includes("<defunct>"))
      .map((line) => Number.parseInt(line, 10))
      .filter((pid) => pid !== process.pid);
  }

  /** Stops everything that the clone started and removes it. */
  async dispose(): Promise<void> {
    await this.must("destroy", "--yes", "--skip-preview");
    rmSync(this.folder, { recursive: true, force: true });
  }
}
