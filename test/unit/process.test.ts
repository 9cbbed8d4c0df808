import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { identify, isRunning, type ProcessRef } from "../../infra/platform/local/process/identity";
import { endStrays, record } from "../../infra/platform/local/process/ledger";
import { launch, stop, waitUntil } from "../../infra/platform/local/process/lifecycle";
import { findFree, isFree } from "../../infra/platform/local/process/ports";

describe("processes of the local platform", () => {
  let folder: string;
  const started: ProcessRef[] = [];
  before(() => (folder = mkdtempSync(join(tmpdir(), "switchyard-process-"))));
  after(async () => {
    for (const ref of started) await stop(ref, { signal: "SIGKILL" });
    rmSync(folder, { recursive: true, force: true });
  });

  const log = () => join(folder, "log");
  async function run(script: string, stdin?: string): Promise<ProcessRef> {
    const env = { PATH: process.env.PATH ?? "" };
    const ref = await launch({ command: process.execPath, args: ["-e", script], cwd: folder, env, log: log(), stdin });
    started.push(ref);
    return ref;
  }
  const forever = "setInterval(() => {}, 1000); console.log('up')";
  const logged = (text: string) => () => (readFileSync(log(), "utf8").includes(text) ? true : undefined);

  it("run on in a session of their own, and end on a signal", async () => {
    const ref = await run(forever);
    assert.ok(isRunning(ref));
    assert.equal(await stop(ref), true);
    assert.ok(!isRunning(ref));
    assert.equal(await stop(ref), false);
  });

  it("are told apart from another process under the same pid", async () => {
    const ref = await run(forever);
    const stranger = { pid: ref.pid, startedAt: "another boot/1" };
    assert.ok(!isRunning(stranger));
    assert.equal(await stop(stranger), false);
    assert.ok(isRunning(ref), "a stranger's pid was signalled");
  });

  it("are ended by force when they ignore the signal", async () => {
    const ref = await run(
      "process.on('SIGTERM', () => console.log('no')); setInterval(() => {}, 1000); console.log('deaf')",
    );
    await waitUntil("it", logged("deaf"), { timeoutMs: 5_000 });
    assert.equal(await stop(ref, { graceMs: 100 }), true);
    assert.ok(!isRunning(ref));
  });

  it("get secrets on standard input, which neither argv nor environment shows", async () => {
    const ref = await run(
      "process.stdin.on('data', (d) => console.log('got ' + d)); setInterval(() => {}, 1000)",
      "s3cret",
    );
    await waitUntil("it", logged("got s3cret"), { timeoutMs: 5_000 });
    if (process.platform !== "linux") return;
    for (const file of ["cmdline", "environ"])
      assert.ok(!readFileSync(`/proc/${ref.pid}/${file}`, "latin1").includes("s3cret"), file);
  });

  it("read secrets by name, and pass none of them on to their children", async () => {
    const script = `
      const { execFileSync } = require("node:child_process");
      const inherited = execFileSync(process.execPath, ["-e", "console.log(JSON.stringify(process.env))"], { encoding: "utf8" });
      console.log(process.env.PLAIN, process.env.KEY, "KEY" in process.env, inherited.includes("PLAIN"), inherited.includes("KEY"));
      console.log("told");`;
    const preload = join(__dirname, "../../infra/platform/local/process/secrets-from-stdin.cjs");
    const ref = await launch({
      command: process.execPath,
      args: ["--require", preload, "-e", script],
      cwd: folder,
      env: { PATH: process.env.PATH ?? "", PLAIN: "plain" },
      log: log(),
      stdin: JSON.stringify({ KEY: "s3cret" }),
    });
    started.push(ref);
    await waitUntil("it", logged("told"), { timeoutMs: 10_000 });
    assert.match(readFileSync(log(), "utf8"), /plain s3cret true true false\ntold/);
  });

  it("that end before they are ready are reported with the end of their log", async () => {
    const ref = await run("console.log('no such planet'); process.exit(3)");
    await assert.rejects(
      waitUntil("the probe", () => undefined, { timeoutMs: 10_000, ref, log: log() }),
      /the probe ended before it was ready.*no such planet/s,
    );
  });

  it("that no state knows of are ended by their record; known ones are left", async () => {
    const [known, stray] = [await run(forever), await run(forever)];
    for (const ref of [known, stray]) record(folder, "blue", ref);
    const other = await run(forever);
    record(folder, "green", other);
    await endStrays(folder, "blue", [known]);
    assert.deepEqual([known, stray, other].map(isRunning), [true, false, true]);
  });

  it("gone are gone: no identity for a pid that nobody has", () => {
    assert.equal(identify(2 ** 22 + 1), undefined);
  });

  it("find a free port, and see a taken one", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as AddressInfo;
    assert.equal(await isFree(port), false);
    assert.notEqual(await findFree(port), port);
    await new Promise((resolve) => server.close(resolve));
    assert.equal(await isFree(port), true);
  });
});
