"use strict";
// Preloaded where a walk's hours have to pass in minutes: in the process of Pulumi's dynamic providers, and in no other, time
// is what the file FAST_CLOCK says (test/support/fast-clock.ts writes it), and timers run as many times as fast. As libfaketime
// does it to a program, so that the program itself needs no door for tests.
//
// How long an answer may take to come is left alone: whoever answers is as slow as this machine is.
const { openSync, readSync } = require("node:fs");
const { performance } = require("node:perf_hooks");

const { FAST_CLOCK: file = "" } = process.env;
if (file !== "" && /[\\/]dynamic-provider[\\/]/.test(process.argv[1] ?? "")) hasten(openSync(file, "r"));

/** @param {number} clock a file of two doubles: milliseconds since the epoch, and how many times as fast as time they go by */
function hasten(clock) {
  const read = new Float64Array(2);
  let latest = 0;
  const now = () => {
    readSync(clock, read, 0, read.byteLength, 0);
    // What is read while it is written never lets time go back.
    return (latest = Math.max(latest, read[0] ?? 0));
  };
  now();
  const speed = read[1] ?? 1;

  const RealDate = Date;
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, given, by) => Reflect.construct(target, given.length === 0 ? [now()] : given, by),
    apply: () => new RealDate(now()).toString(),
    get: (target, key, by) => (key === "now" ? () => Math.floor(now()) : Reflect.get(target, key, by)),
  });
  const { timeOrigin } = performance;
  performance.now = () => now() - timeOrigin;

  /** @type {any} */
  const timers = globalThis;
  for (const name of ["setTimeout", "setInterval"]) {
    const real = timers[name];
    /** @type {(work: unknown, ms?: number, ...rest: unknown[]) => unknown} */
    const fast = (work, ms, ...rest) => real(work, ms === undefined || limits(fast) ? ms : ms / speed, ...rest);
    timers[name] = Object.defineProperties(fast, Object.getOwnPropertyDescriptors(real));
  }
  const promises = require("node:timers/promises");
  const delay = promises.setTimeout;
  promises.setTimeout = (ms, ...rest) => delay(ms === undefined ? ms : ms / speed, ...rest);
}

/** What bounds how long connections and answers may take. */
const libraries = /[\\/]node_modules[\\/](@smithy[\\/]node-http-handler|@grpc|pg|pg-pool|undici)[\\/]/;

/**
 * Whether the timer that is being set is such a bound: by who sets it.
 * @param {Function} timer
 */
function limits(timer) {
  const { prepareStackTrace, stackTraceLimit } = Error;
  /** @type {{ stack?: any }} */
  const trace = {};
  try {
    Error.stackTraceLimit = 1;
    Error.prepareStackTrace = (_, sites) => sites;
    Error.captureStackTrace(trace, timer);
    return libraries.test(String(trace.stack?.[0]?.getFileName() ?? ""));
  } finally {
    Object.assign(Error, { prepareStackTrace, stackTraceLimit });
  }
}
