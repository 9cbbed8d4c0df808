"use strict";
require("./light.cjs");
// Loaded before tsx is there, which would read and search each of its files for what is to be compiled.
require("@pulumi/pulumi");
noteNoStacks();
// The language host starts this file with plain Node.js; the program itself is TypeScript, compiled as it is loaded.
require("./compile.cjs");

// In three parts, so that the providers' process starts while config is read, and traffic comes back before the rest is
// loaded.
module.exports = async () => {
  const first = await require("./first").declareFirst();
  const begun = await require("./begin").begin(first);
  return require("./index").program(begun);
};

/**
 * The SDK notes where each resource was declared, for its state, and where each of its promises was made, to print that if one
 * never ends and PULUMI_DEBUG_PROMISE_LEAKS asks for it. To look up so many lines in source maps took a third of a preview;
 * and they were the lines of what tsx had made of a file.
 */
function noteNoStacks() {
  /** @type {Record<string, any>} */
  const Resource = require("@pulumi/pulumi").Resource;
  Resource.callsites = () => [];
  if (process.env.PULUMI_DEBUG_PROMISE_LEAKS) return;
  /** @type {Record<string, any>} */
  const debuggable = require("@pulumi/pulumi/runtime/debuggable");
  const { debuggablePromise } = debuggable;
  debuggable.debuggablePromise = (/** @type {unknown[]} */ ...given) => {
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    try {
      return debuggablePromise(...given);
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
  };
}
