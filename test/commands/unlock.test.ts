import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { Checkout } from "../support/commands";

/** Locks as the engine writes them, of a stack without resources: what a walk does to a lock is tested on a real stack. */
describe("npm run unlock", function () {
  this.timeout(180_000);
  let checkout: Checkout;
  let folder: string;
  let child: ChildProcess;
  const env = { PULUMI_CONFIG_PASSPHRASE: "only for this test" };

  before(async () => {
    checkout = new Checkout();
    const { code, output } = await checkout.run(["tools/pulumi.cjs", "stack", "init", "local"], env);
    assert.equal(code, 0, output);
    folder = join(checkout.folder, ".switchyard/backend/.pulumi/locks/organization/switchyard/local");
    mkdirSync(folder, { recursive: true });
    child = spawn(process.execPath, ["--eval", "process.stdin.resume()"], { stdio: ["pipe", "ignore", "inherit"] });
    await once(child, "spawn");
  });
  after(async () => {
    child.stdin?.end();
    await once(child, "exit");
    checkout.remove();
  });

  const file = () => join(folder, "1f0c.json");
  const anHourAgo = () => new Date(Date.now() - 3_600_000).toISOString();
  const lock = (more: object = {}) => {
    const content = { pid: child.pid, username: "somebody", hostname: hostname(), timestamp: new Date().toISOString() };
    writeFileSync(file(), JSON.stringify({ ...content, ...more }));
    writeFileSync(`${file()}.attrs`, "{}");
  };
  const unlock = (args: string[] = [], more: NodeJS.ProcessEnv = {}) =>
    checkout.run(["--import", "tsx", "infra/commands/unlock.ts", "--stack", "local", ...args], { ...env, ...more });

  /** A process id that is nobody's: that of one which has just ended. */
  async function goneId(): Promise<number> {
    const gone = spawn(process.execPath, ["--version"], { stdio: "ignore" });
    await once(gone, "exit");
    assert.ok(gone.pid !== undefined);
    return gone.pid;
  }

  async function refuses(says: RegExp, code = 3, more: NodeJS.ProcessEnv = {}): Promise<void> {
    const ended = await unlock([], more);
    assert.equal(ended.code, code, ended.output);
    assert.match(ended.output, says);
    assert.doesNotMatch(ended.output, /undefined|\n\s+at /);
    assert.ok(existsSync(file()), "the lock is there still");
  }

  it("finds nothing to clear where there is no lock", async () => {
    const { code, output } = await unlock();
    assert.deepEqual([code, output], [4, "stack local: nothing to clear, it has no lock\n"]);
  });

  it("clears the lock of a process that is gone, with all that the engine keeps of it, and says what comes next", async () => {
    lock({ pid: await goneId() });
    const { code, output } = await unlock();
    assert.equal(code, 0, output);
    assert.match(
      output,
      /lock of somebody on .*, process \d+, since .* is cleared: there is no process \d+ any more\. Next: npx pulumi preview/,
    );
    assert.ok(!existsSync(file()) && !existsSync(`${file()}.attrs`));
  });

  it("clears the lock of a process whose id is another program's by now", async () => {
    lock({ timestamp: anHourAgo() });
    const { code, output } = await unlock(["--json"]);
    assert.equal(code, 0, output);
    const { locks, message } = JSON.parse(output) as { locks: { pid: number }[]; message: string };
    assert.equal(locks[0]?.pid, child.pid);
    assert.match(message, /is another by now \(.*, since /);
    assert.ok(!existsSync(file()));
  });

  it("refuses while its owner runs, and names who, where, since when, and what to do", async () => {
    lock();
    await refuses(
      /locked by somebody on .*, process \d+, since 20.* runs since .* Wait .*npm run abort .*kill -INT \d+/,
    );
  });

  it("refuses for a pulumi that looks younger than the lock: the clock may have been changed", async () => {
    const link = join(checkout.folder, "pulumi");
    copyFileSync("/bin/sleep", link);
    const engine = spawn(link, ["60"], { stdio: "ignore" });
    try {
      await once(engine, "spawn");
      lock({ pid: engine.pid, timestamp: anHourAgo() });
      await refuses(/is a pulumi, though one that began after the lock was taken.* npx pulumi cancel --stack local/);
    } finally {
      engine.kill("SIGKILL");
      await once(engine, "exit");
    }
  });

  it("refuses for another host, which nothing can be known of from here", async () => {
    lock({ pid: await goneId(), hostname: "elsewhere" });
    await refuses(/on elsewhere, .*can't be seen from .*: look there for process \d+.*npx pulumi cancel --stack local/);
  });

  it("clears nothing while one of two locks has an owner", async () => {
    lock({ pid: await goneId() });
    writeFileSync(
      join(folder, "2a.json"),
      JSON.stringify({ pid: child.pid, username: "other", hostname: hostname(), timestamp: new Date().toISOString() }),
    );
    await refuses(/locked by other on /);
    rmSync(join(folder, "2a.json"));
  });

  it("says which file it can't make out", async () => {
    writeFileSync(file(), '{"pid":');
    await refuses(/^the lock .*1f0c\.json doesn't say whose it is/, 1);
  });

  it("says what it can't do for state that is not in files, and shows no secret of its URL", async () => {
    lock({ pid: await goneId() });
    await refuses(/^state is kept at s3:\/\/bucket: only locks of a file backend.*npx pulumi cancel --stack local/, 1, {
      PULUMI_BACKEND_URL: "s3://bucket?secret=hidden",
    });
    await refuses(/^state is kept at https:\/\/api\.example\.org, which guards it itself.*pulumi cancel/, 1, {
      PULUMI_BACKEND_URL: "https://user:hidden@api.example.org",
    });
  });

  it("finds the locks of a file backend that is named by its URL", async () => {
    lock();
    const url = `file://${join(checkout.folder, ".switchyard/backend")}?no_tmp_dir=true`;
    await refuses(/locked by somebody/, 3, { PULUMI_BACKEND_URL: url });
    await refuses(/locked by somebody/, 3, { PULUMI_BACKEND_URL: "file://.switchyard/backend" });
  });
});
