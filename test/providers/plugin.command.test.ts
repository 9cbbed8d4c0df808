import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { identify } from "../../infra/platform/local/process/identity";
import { waitUntil } from "../../infra/platform/local/process/lifecycle";
import { PluginProcess } from "../plugins/protocol/client";
import { hasUnknown, unknown } from "../plugins/protocol/values";

const type = "command:local:Command";

describe("the stand-in for command", function () {
  this.timeout(120_000);
  let plugin: PluginProcess;
  let folder: string;

  before(async () => {
    plugin = await PluginProcess.start("command");
    const response = await plugin.configure({});
    assert.ok(response.getAcceptsecrets() && response.getSupportspreview());
    folder = mkdtempSync(join(tmpdir(), "switchyard-command-"));
  });
  after(async () => {
    await plugin.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it("says in one line that it is a stand-in", () => {
    assert.equal(
      plugin.said(),
      "pulumi-resource-command: a stand-in for tests and local use, not the official plugin\n",
    );
  });

  it("runs a command with its folder, environment and standard input, and keeps what it wrote", async () => {
    const news = {
      create: 'read line; echo "$line $WHO in $(pwd)"; echo oops >&2',
      dir: folder,
      environment: { WHO: "world" },
      stdin: "hello\n",
    };
    const { id, outs } = await plugin.create(type, news);
    assert.match(id, /^subject[0-9a-f]{8}$/);
    assert.deepEqual(outs, { ...news, stdout: `hello world in ${folder}`, stderr: "oops" });
  });

  it("runs it by another interpreter", async () => {
    const { outs } = await plugin.create(type, {
      create: "console.log(6 * 7)",
      interpreter: [process.execPath, "-e"],
    });
    assert.equal(outs["stdout"], "42");
  });

  it("fails with the exit code, the command and all that it wrote, and makes no resource", async () => {
    await assert.rejects(plugin.create(type, { create: "echo first; echo second >&2; exit 3" }), (error: Error) => {
      assert.match(error.message, /exit status 3: running "echo first; echo second >&2; exit 3":\n/);
      assert.match(error.message, /first\n/);
      assert.match(error.message, /second\n/);
      return true;
    });
    await assert.rejects(plugin.create(type, { create: "true", dir: join(folder, "none") }), /ENOENT: running "true"/);
  });

  it("updates by its update command, else by its create command, and shows it what was written before", async () => {
    const { id, outs } = await plugin.create(type, { create: "echo created" });
    const byUpdate = await plugin.update(type, id, outs, {
      create: "echo created",
      update: 'echo "was $PULUMI_COMMAND_STDOUT"',
    });
    assert.equal(byUpdate["stdout"], "was created");
    const byCreate = await plugin.update(type, id, byUpdate, { create: "echo again" });
    assert.equal(byCreate["stdout"], "again");
    const without = await plugin.update(type, id, byCreate, {
      create: 'echo "[$PULUMI_COMMAND_STDOUT]"',
      addPreviousOutputInEnv: false,
    });
    assert.equal(without["stdout"], "[]");
  });

  it("runs its delete command, with what was written before; without one, nothing", async () => {
    const file = join(folder, "deleted");
    const { id, outs } = await plugin.create(type, {
      create: "echo one",
      delete: `echo "$PULUMI_COMMAND_STDOUT" > ${file}`,
    });
    await plugin.delete(type, id, outs);
    assert.equal(readFileSync(file, "utf8"), "one\n");
    const silent = await plugin.create(type, { create: "true" });
    await plugin.delete(type, silent.id, silent.outs);
  });

  it("is updated for any other input, and replaced for other triggers", async () => {
    const olds = { create: "a", triggers: [1, { b: 2 }], environment: { A: "1" }, stdout: "x", stderr: "" };
    assert.deepEqual(
      await plugin.diff(type, olds, { create: "a", triggers: [1, { b: 2 }], environment: { A: "1" } }),
      [],
    );
    assert.deepEqual(await plugin.diff(type, olds, { create: "b", triggers: [1, { b: 3 }], environment: { A: "1" } }), [
      "create",
      "triggers!",
    ]);
  });

  it("keeps what may hold a secret secret: all it wrote, as soon as one input is secret", async () => {
    const news = { create: 'echo "$PASSWORD"', environment: { PASSWORD: "hidden" } };
    const { secrets } = await plugin.create(type, news, { secrets: new Set(["environment"]) });
    assert.deepEqual([...secrets].sort(), ["environment", "stderr", "stdout"]);
    assert.equal((await plugin.create(type, { create: "true" })).secrets.size, 0);
  });

  it("runs nothing at preview", async () => {
    const file = join(folder, "previewed");
    const { outs } = await plugin.create(type, { create: `touch ${file}` }, { preview: true });
    assert.ok(hasUnknown(outs["stdout"]) && hasUnknown(outs["stderr"]));
    assert.ok(!existsSync(file));
  });

  it("refuses what it does not know, what is of another type, and what it does not offer", async () => {
    assert.deepEqual(
      await plugin.check(type, {
        craete: "x",
        environment: { A: 1 },
        logging: "loud",
        assetPaths: ["*"],
        dir: unknown,
      }),
      [
        "assetPaths: the stand-in does not offer this; leave it out, or install the official plugin",
        "craete: there is no such property; there are create, update, delete, stdin, dir, triggers, interpreter, environment, logging, addPreviousOutputInEnv",
        'environment: found {"A":1}, expected strings by name',
        'logging: found "loud", expected one of stdout, stderr, stdoutAndStderr, none',
      ],
    );
    await assert.rejects(
      plugin.check("command:remote:Command", {}),
      /command:remote:Command is not offered by the stand-in for command/,
    );
  });

  it("ends a command on cancel, with everything that it started", async () => {
    const other = await PluginProcess.start("command");
    try {
      await other.configure({});
      const file = join(folder, "pid");
      const running = assert.rejects(
        other.create(type, { create: `sleep 60 & echo $! > ${file}; wait` }),
        /ended by SIGKILL/,
      );
      const pid = await waitUntil(
        "the command",
        () => (existsSync(file) && statSync(file).size > 0 ? Number(readFileSync(file, "utf8")) : undefined),
        { timeoutMs: 10_000 },
      );
      await other.cancel();
      await running;
      await waitUntil("its end", () => (identify(pid) === undefined ? true : undefined), { timeoutMs: 10_000 });
    } finally {
      await other.stop();
    }
  });
});
