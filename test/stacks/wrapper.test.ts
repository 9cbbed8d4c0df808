import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { waitUntil } from "../../infra/platform/local/process/lifecycle";

const checkout = resolve(__dirname, "../..");
const wrapper = join(checkout, "tools/pulumi.cjs");

/** A program with a resource whose provider says that it is at work, and goes on until it is told that it may end. */
const program = `
const pulumi = require("@pulumi/pulumi");
const folder = process.cwd();
const provider = {
  async create() {
    const { existsSync, writeFileSync } = require("node:fs");
    writeFileSync(folder + "/running", "");
    while (!existsSync(folder + "/go-on")) await new Promise((done) => setTimeout(done, 20));
    throw new Error("as it was told");
  },
};
new (class Waits extends pulumi.dynamic.Resource {})(provider, "waits", {});
`;

describe("npx pulumi", function () {
  this.timeout(300_000);
  let folder: string;

  const env = (): NodeJS.ProcessEnv => ({
    ...Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !name.startsWith("PULUMI_") || name === "PULUMI_HOME"),
    ),
    PULUMI_BACKEND_URL: `file://${join(folder, "backend")}`,
    PULUMI_CONFIG_PASSPHRASE: "test",
  });

  /** Starts it in a process group of its own, as a shell does with a command line. */
  function start(...args: string[]) {
    const child = spawn(process.execPath, [wrapper, ...args, "--non-interactive"], {
      cwd: folder,
      env: env(),
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (chunk: string) => (output += stripVTControlCharacters(chunk)));
    const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((done, failed) => {
      child.once("error", failed);
      child.once("close", (code, signal) => done({ code, signal }));
    });
    assert.ok(child.pid !== undefined, "it did not start");
    return { pid: child.pid, ended, said: (words: string) => output.split(words).length - 1, output: () => output };
  }

  async function must(...args: string[]): Promise<void> {
    const run = start(...args);
    const { code } = await run.ended;
    assert.equal(code, 0, run.output());
  }

  /** An `up` whose provider is at work. */
  async function startUp() {
    for (const file of ["running", "go-on"]) rmSync(join(folder, file), { force: true });
    const up = start("up", "--yes", "--skip-preview", "--stack", "dev");
    await waitUntil("the provider", () => existsSync(join(folder, "running")) || undefined, { timeoutMs: 60_000 });
    return up;
  }

  const letItEnd = () => writeFileSync(join(folder, "go-on"), "");

  const cancelling = "received; cancelling";
  const terminating = "received; terminating";

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "switchyard-wrapper-"));
    mkdirSync(join(folder, "backend"));
    symlinkSync(join(checkout, "node_modules"), join(folder, "node_modules"));
    writeFileSync(join(folder, "Pulumi.yaml"), "name: waits\nmain: index.cjs\nruntime: nodejs\n");
    writeFileSync(join(folder, "package.json"), "{}");
    writeFileSync(join(folder, "index.cjs"), program);
    await must("stack", "init", "dev");
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const [signal, to, target] of [
    ["SIGINT", "it alone", (pid: number) => pid],
    ["SIGTERM", "it alone", (pid: number) => pid],
    ["SIGINT", "its whole group, as Ctrl-C does,", (pid: number) => -pid],
  ] as const) {
    it(`hands a ${signal} to ${to} to the engine exactly once`, async () => {
      const up = await startUp();
      process.kill(target(up.pid), signal);
      await waitUntil("the engine's answer", () => up.said(cancelling) > 0 || undefined, { timeoutMs: 30_000 });
      letItEnd();
      const { code } = await up.ended;
      assert.notEqual(code, 0, up.output());
      assert.deepEqual([up.said(cancelling), up.said(terminating)], [1, 0], up.output());
    });
  }

  it("hands the second SIGINT on too: the engine then ends at once", async () => {
    const up = await startUp();
    process.kill(up.pid, "SIGINT");
    await waitUntil("the engine's answer", () => up.said(cancelling) > 0 || undefined, { timeoutMs: 30_000 });
    process.kill(-up.pid, "SIGINT");
    const { code } = await up.ended;
    letItEnd();
    assert.notEqual(code, 0, up.output());
    assert.deepEqual([up.said(cancelling), up.said(terminating)], [1, 1], up.output());
  });

  it("leaves no engine behind when it is killed", async () => {
    const up = await startUp();
    process.kill(up.pid, "SIGKILL");
    assert.equal((await up.ended).signal, "SIGKILL");
    letItEnd();
    await must("cancel", "--yes", "--stack", "dev");
    await must("stack", "output", "--stack", "dev");
  });

  it("ends with the engine's exit code", async () => {
    const { ended } = start("stack", "output", "--stack", "nowhere");
    assert.deepEqual(await ended, { code: 6, signal: null });
  });
});
