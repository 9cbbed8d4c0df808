import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const checkout = resolve(__dirname, "../..");
const light = resolve(checkout, "infra/light.cjs");

/** Runs a script as `npx pulumi` has the engine run its Node.js processes. @returns what it printed, as JSON. */
function inProcess(script: string, before = ""): unknown {
  const env = { ...process.env, NODE_OPTIONS: `${before} --require "${light}"`, SWITCHYARD_NODE_OPTIONS: before };
  const printed = execFileSync(process.execPath, ["-e", script], {
    cwd: checkout,
    env,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
  return JSON.parse(printed);
}

describe("what the processes of an up load first", function () {
  this.timeout(180_000);

  it("keeps compiler, npm's dependency tree and automation API out of @pulumi/pulumi until they are used", () => {
    const loaded = inProcess(`
      require("@pulumi/pulumi");
      const heavy = /node_modules\\/(typescript|@npmcli\\/arborist|execa)\\/|vendor\\/typescript/;
      console.log(JSON.stringify(Object.keys(require.cache).filter((file) => heavy.test(file))));
    `);
    assert.deepEqual(loaded, []);
  });

  it("still serialises a closure and finds its packages, and has the whole automation API", () => {
    const found = inProcess(`
      const pulumi = require("@pulumi/pulumi");
      (async () => {
        const { text } = await pulumi.runtime.serializeFunction(() => 42);
        const paths = await pulumi.runtime.computeCodePaths();
        const { automation } = pulumi;
        const names = Object.keys(automation).filter((name) => automation[name] === undefined || !(name in automation));
        console.log(JSON.stringify({ text, paths: paths.size > 0, workspace: typeof automation.LocalWorkspace, names }));
      })();
    `) as { text: string; paths: boolean; workspace: string; names: string[] };
    assert.match(found.text, /\(\) => 42/);
    assert.ok(found.paths);
    assert.equal(found.workspace, "function");
    assert.deepEqual(found.names, []);
  });

  it("hands on the NODE_OPTIONS that were there before, and nothing of its own", () => {
    const script = "console.log(JSON.stringify([process.env.NODE_OPTIONS, process.env.SWITCHYARD_NODE_OPTIONS]))";
    assert.deepEqual(inProcess(script), [null, null]);
    assert.deepEqual(inProcess(script, "--no-deprecation"), ["--no-deprecation", null]);
  });

  it("notes no stack with each resource of the SDK's, nor with each promise unless leaks are looked for, and leaves those of errors as they are", () => {
    const script = `
      require("./infra/main.cjs");
      const { debuggablePromise } = require("@pulumi/pulumi/runtime/debuggable");
      const promise = Promise.resolve(1);
      void debuggablePromise(promise, "a promise");
      const lines = (text) => text.split("\\n").length;
      const { Resource } = require("@pulumi/pulumi");
      const positions = Resource.stackTrace(4).length;
      const found = [promise._debugCtx, lines(promise._debugStackTrace), positions, lines(new Error("x").stack) > 1];
      console.log(JSON.stringify(found));
    `;
    assert.deepEqual(inProcess(script), ["a promise", 1, 0, true]);
    process.env.PULUMI_DEBUG_PROMISE_LEAKS = "true";
    try {
      const [, lines] = inProcess(script) as [string, number];
      assert.ok(lines > 1);
    } finally {
      delete process.env.PULUMI_DEBUG_PROMISE_LEAKS;
    }
  });

  it("has the providers' process compile nothing anew: the shell in state loads them as the program loads its own files", () => {
    const script = `
      const { readdirSync } = require("node:fs");
      process.chdir("infra");
      require("tsx/cjs/api").require("./providers/entry", process.cwd() + "/_").provider("RolloutPlan");
      process.once("exit", () => {
        const compiled = readdirSync(require("node:os").tmpdir(), { recursive: true }).length;
        const apart = Object.keys(require.cache).filter((file) => file.includes("?namespace"));
        console.log(JSON.stringify({ compiled, apart: apart.map((file) => file.replace(/.*\\/|\\?.*/g, "")) }));
      });
    `;
    const folder = mkdtempSync(join(tmpdir(), "switchyard-light-"));
    const before = process.env.TMPDIR;
    process.env.TMPDIR = folder;
    try {
      const [first, again] = [inProcess(script), inProcess(script)] as { compiled: number; apart: string[] }[];
      assert.ok(first !== undefined && first.compiled > 20);
      assert.deepEqual(again, first);
      assert.deepEqual(first.apart, ["entry.js"]);
    } finally {
      if (before === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = before;
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
