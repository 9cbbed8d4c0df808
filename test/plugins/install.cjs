"use strict";
// Installs the stand-ins as the engine expects plugins: an executable in a folder that names kind, name and version.
const { chmodSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const packageJson = require("../../package.json");

/** The stand-ins there are. To add one: a folder here with a `main.ts`, and its name, as that of the npm package. */
const standIns = ["aws", "command", "postgresql"];

/** @param {string} text */
const quote = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

/**
 * The version that the program's SDK asks the engine for: what package.json pins.
 * @param {string} name
 */
function versionOf(name) {
  const version = /** @type {Record<string, string>} */ (packageJson.dependencies)[`@pulumi/${name}`];
  if (version === undefined)
    throw new Error(`package.json has no dependency @pulumi/${name}, so its plugin has no version`);
  return version;
}

/** The Node.js of this project, which a machine's own may be too old to stand in for. */
function node() {
  const own = join(__dirname, "..", "..", "node_modules", "node", "bin", "node");
  return existsSync(own) ? own : process.execPath;
}

/**
 * Installs stand-ins for resource plugins into a PULUMI_HOME, replacing what is there of the same version. They run from
 * this checkout; a launcher is renamed into place when it is whole.
 * @param {string} pulumiHome
 * @param {readonly string[]} names such as "postgresql"
 * @throws {Error} when there is no such stand-in
 */
function installStandIns(pulumiHome, names) {
  const strange = names.filter((name) => !standIns.includes(name));
  if (strange.length > 0)
    throw new Error(`no stand-in for ${strange.join(", ")} in test/plugins; there are ${standIns.join(", ")}`);
  for (const name of names) {
    const folder = join(pulumiHome, "plugins", `resource-${name}-v${versionOf(name)}`);
    mkdirSync(folder, { recursive: true });
    const launcher = join(folder, `pulumi-resource-${name}`);
    const aside = `${launcher}.${process.pid}`;
    const main = join(__dirname, name, "main.ts");
    const command = [node(), "--require", require.resolve("tsx/cjs"), main].map(quote).join(" ");
    try {
      writeFileSync(
        aside,
        `#!/bin/sh\n# A stand-in for tests and local use, not the official plugin.\nexec ${command} "$@"\n`,
      );
      chmodSync(aside, 0o755);
      renameSync(aside, launcher);
    } finally {
      rmSync(aside, { force: true });
    }
  }
}

module.exports = { installStandIns };
