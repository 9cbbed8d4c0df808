"use strict";
// What every process of an `up` that runs Node.js loads first: `npx pulumi` sees to it through NODE_OPTIONS, and main.cjs
// where the engine was started without it. A return of traffic waits for two processes to load @pulumi/pulumi, and most
// of what that brings in is never used here: a compiler and npm's own dependency tree, both to serialise closures
// (infra/providers/dynamic.ts has none), and the automation API. Each is loaded all the same once somebody asks for it.
const Module = require("node:module");

/** @typedef {() => Record<string | symbol, any>} Real loads the real module, once */

/**
 * Puts a stand-in where `require` looks for a module; the real one takes its place when it is first used.
 * @param {string} name
 * @param {(real: Real) => object} standInFor
 */
function defer(name, standInFor) {
  let file;
  try {
    file = require.resolve(name);
  } catch {
    // Another @pulumi/pulumi than the pinned one may lack it: then there is nothing to defer.
    return;
  }
  if (require.cache[file] !== undefined) return;
  const standIn = new Module(file);
  const real = () => {
    if (require.cache[file] === standIn) Reflect.deleteProperty(require.cache, file);
    return require(file);
  };
  standIn.filename = file;
  standIn.loaded = true;
  standIn.exports = standInFor(real);
  require.cache[file] = standIn;
}

/** @type {(names: string[]) => (real: Real) => object} */
const functions = (names) => (real) =>
  Object.fromEntries(names.map((name) => [name, (/** @type {unknown[]} */ ...given) => real()[name](...given)]));

/**
 * Marked as a module of its own kind, so that whoever imports all of it keeps it whole instead of copying it.
 * @param {Real} real
 */
const wholeModule = (real) =>
  new Proxy(
    {},
    {
      get: (_, key) => (key === "__esModule" ? true : real()[key]),
      has: (_, key) => key in real(),
      ownKeys: () => Reflect.ownKeys(real()),
      getOwnPropertyDescriptor: (_, key) => {
        const found = Reflect.getOwnPropertyDescriptor(real(), key);
        return found && { ...found, configurable: true };
      },
    },
  );

const closures = "@pulumi/pulumi/runtime/closure";
defer(`${closures}/codePaths`, functions(["computeCodePaths", "findWorkspaceRoot", "packageArchivePath"]));
defer(`${closures}/serializeClosure`, functions(["serializeFunction", "serializeFunctionAsync"]));
defer("@pulumi/pulumi/automation", wholeModule);

// `runtime.options.typescript: false` of Pulumi.yaml doesn't reach every language host; where it doesn't, ts-node is loaded.
if (process.argv.at(-1) === "main.cjs" && process.argv.includes(__dirname))
  process.env.PULUMI_NODEJS_TYPESCRIPT = "false";

// What these processes start (colours, commands of a team) has nothing to do with it.
const { SWITCHYARD_NODE_OPTIONS: before } = process.env;
if (before !== undefined) {
  delete process.env.SWITCHYARD_NODE_OPTIONS;
  if (before === "") delete process.env.NODE_OPTIONS;
  else process.env.NODE_OPTIONS = before;
}
