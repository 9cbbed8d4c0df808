#!/usr/bin/env node
"use strict";
// `npx pulumi` in this project: the official npm wrapper, in the environment that project.cjs describes.
// tools/link.cjs puts it in node_modules/.bin.
const { existsSync } = require("node:fs");
const { join } = require("node:path");
const { environment, engineHome } = require("./project.cjs");
const { version } = require("pulumi/package.json");

Object.assign(process.env, environment(process.env));
const engine = join(process.env.PULUMI_HOME ?? engineHome(), "versions", version, "bin", "pulumi");
if (existsSync(engine)) {
  // An interrupt on the terminal reaches the engine by itself; this process only waits for its exit code.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => undefined);
  require("pulumi/run.js");
} else {
  console.error(`the Pulumi engine ${version} is not installed (looked at ${engine}); install it with: npm run engine`);
  process.exitCode = 1;
}
