import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { resolve } from "node:path";

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

  it("notes no stack with each promise of the SDK's, unless leaks are looked for, and leaves those of errors as they are", () => {
    const script = `
      require("./infra/main.cjs");
      const { debuggablePromise } = require("@pulumi/pulumi/runtime/debuggable");
      const promise = Promise.resolve(1);
      void debuggablePromise(promise, "a promise");
      const lines = (text) => text.split("\\n").length;
      console.log(JSON.stringify([promise._debugCtx, lines(promise._debugStackTrace), lines(new Error("x").stack) > 1]));
    `;
    assert.deepEqual(inProcess(script), ["a promise", 1, true]);
    process.env.PULUMI_DEBUG_PROMISE_LEAKS = "true";
    try {
      const [, lines] = inProcess(script) as [string, number];
      assert.ok(lines > 1);
    } finally {
      delete process.env.PULUMI_DEBUG_PROMISE_LEAKS;
    }
  });
});
