// moto stands for AWS in tests: one server of it on a free port, ended by its process id.

import { execFile, spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { findFree } from "../../infra/platform/local/process/ports";

/** What is installed where no moto_server is on PATH. */
const pinned = "moto[server]==5.2.1";
/** A cold start of Python on a busy machine, in ms. */
const startMs = 60_000;

export interface Moto {
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * Starts a moto server.
 * @returns the reason, where there is neither a moto_server nor a way to install one. With CI=true and a python3 that is an error.
 */
export async function startMoto(): Promise<Moto | string> {
  const program = await findMoto();
  if ("why" in program) {
    const python = spawnSync("python3", ["--version"]).status === 0;
    if (process.env.CI === "true" && python) throw new Error(program.why);
    return program.why;
  }
  // Below what the kernel gives to outgoing connections.
  const port = await findFree(20_000 + Math.floor(Math.random() * 12_000));
  const child = spawn(program.path, ["-H", "127.0.0.1", "-p", String(port)], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    said = (said + chunk).slice(-4_000);
  });
  const moto = { url: `http://127.0.0.1:${port}`, stop: () => end(child) };
  const until = Date.now() + startMs;
  while (!(await answers(moto.url))) {
    if (child.exitCode !== null || Date.now() > until) {
      await end(child);
      throw new Error(`moto_server did not start: ${said}`);
    }
    await delay(100);
  }
  return moto;
}

/** Skips a suite where there is no moto, and says so loudly. */
export async function motoOrSkip(context: Mocha.Context): Promise<Moto> {
  context.timeout(startMs + 240_000);
  const moto = await startMoto();
  if (typeof moto !== "string") return moto;
  console.error(`\nSKIPPED, nothing here is tested against AWS: ${moto}\n`);
  return context.skip();
}

async function findMoto(): Promise<{ path: string } | { why: string }> {
  if (spawnSync("moto_server", ["--help"]).status === 0) return { path: "moto_server" };
  const folder = join(
    process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"),
    "switchyard",
    pinned.replace(/\W+/g, "-"),
  );
  const path = join(folder, "bin", "moto_server");
  if (existsSync(path)) return { path };
  const run = promisify(execFile);
  try {
    mkdirSync(folder, { recursive: true });
    await run("python3", ["-m", "venv", folder]);
    await run(join(folder, "bin", "pip"), ["install", "--quiet", pinned], { timeout: 180_000 });
    return { path };
  } catch (error) {
    return {
      why: `no moto_server on PATH, and ${pinned} can't be installed (${(error as Error).message.slice(0, 300)})`,
    };
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/moto-api/`)).ok;
  } catch {
    return false;
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}
