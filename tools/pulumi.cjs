#!/usr/bin/env node
"use strict";
// `npx pulumi` in this project: the engine, in the environment that project.cjs describes. tools/link.cjs puts it in
// node_modules/.bin.
const { existsSync } = require("node:fs");
const { delimiter, dirname, join } = require("node:path");
const { environment, engineHome } = require("./project.cjs");
const { version } = require("pulumi/package.json");

const env = environment(process.env);
const engine = join(env.PULUMI_HOME ?? engineHome(), "versions", version, "bin", "pulumi");

if (!existsSync(engine)) {
  console.error(`the Pulumi engine ${version} is not installed (looked at ${engine}); install it with: npm run engine`);
  process.exitCode = 1;
} else if (process.execve === undefined) {
  console.error(
    `found Node.js ${process.version}, expected the one that npm ci brings, which can hand over to the engine; run: npx pulumi`,
  );
  process.exitCode = 1;
} else {
  // The engine takes this process's place. As its child it would get the Ctrl-C of a terminal, which goes to the whole
  // group, but not the signal that a CI job or a person sends to this process alone; and whoever passes signals on can't
  // tell the two apart, while a second one makes the engine end its providers at once, in the middle of a walk.
  // It finds the language host, which lies beside it, on PATH: as the official wrapper has it.
  const path = [dirname(engine), env.PATH].join(delimiter);
  process.execve(engine, ["pulumi", ...process.argv.slice(2)], {
    ...env,
    ...light(env.NODE_OPTIONS ?? ""),
    PATH: path,
  });
}

/**
 * Has the Node.js processes of the engine load infra/light.cjs first, which also takes these two out again.
 * @param {string} before the NODE_OPTIONS of whoever called
 */
function light(before) {
  const file = join(__dirname, "../infra/light.cjs").replace(/["\\]/g, "\\$&");
  return { NODE_OPTIONS: `${before} --require "${file}"`.trim(), SWITCHYARD_NODE_OPTIONS: before };
}
