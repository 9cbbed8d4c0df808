"use strict";
// Preloaded (node --require) into what the local platform starts: secrets arrive as one JSON object on standard input and
// can be read from process.env by name, inside this process only. They are in no real environment, and no enumeration
// shows them, so `ps` finds none here, nor in a child that inherits this environment (the compiler that tsx starts).
const { readFileSync } = require("node:fs");

/** @type {() => Record<string, string>} */
const read = () => JSON.parse(readFileSync(0, "utf8") || "{}");
const secrets = new Map(Object.entries(read()));

process.env = new Proxy(process.env, {
  /** @returns {unknown} */
  get: (env, name) => (typeof name === "string" && secrets.has(name) ? secrets.get(name) : Reflect.get(env, name)),
  has: (env, name) => (typeof name === "string" && secrets.has(name)) || Reflect.has(env, name),
});
