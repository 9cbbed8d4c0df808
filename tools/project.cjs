"use strict";
// What a command of this project runs in. One rule: when PULUMI_BACKEND_URL is not set, everything is this clone's own
// (state, passphrase, and the plugins of `npm start`); when it is set, nothing is touched.
const { existsSync, mkdirSync } = require("node:fs");
const { homedir } = require("node:os");
const { delimiter, join, resolve } = require("node:path");

const root = resolve(__dirname, "..");
const own = join(root, ".switchyard");

/** Where the engine is installed: shared by all projects of this user. */
const engineHome = () => process.env.PULUMI_HOME ?? join(homedir(), ".pulumi");

/** Made by `npm start` only where the official plugins can't be had; holds stand-ins, and a link to the engine. */
const standInHome = join(own, "home");

const passphraseFile = join(own, "passphrase");

/**
 * The environment for `pulumi`, from `given`.
 * @param {NodeJS.ProcessEnv} given
 * @returns {NodeJS.ProcessEnv}
 */
function environment(given) {
  const path = [join(root, "node_modules", ".bin"), given.PATH ?? ""].join(delimiter);
  const common = {
    ...given,
    PATH: path,
    PULUMI_SKIP_UPDATE_CHECK: given.PULUMI_SKIP_UPDATE_CHECK ?? "true",
    // Compiled JavaScript of the SDKs is kept between runs: a tenth of an `up` that changes nothing.
    NODE_COMPILE_CACHE: given.NODE_COMPILE_CACHE ?? join(own, "cache"),
  };
  if (given.PULUMI_BACKEND_URL !== undefined) return common;
  const backend = join(own, "backend");
  mkdirSync(backend, { recursive: true, mode: 0o700 });
  const hasPassphrase =
    given.PULUMI_CONFIG_PASSPHRASE !== undefined || given.PULUMI_CONFIG_PASSPHRASE_FILE !== undefined;
  return {
    ...common,
    PULUMI_BACKEND_URL: `file://${backend}`,
    ...(hasPassphrase || !existsSync(passphraseFile) ? {} : { PULUMI_CONFIG_PASSPHRASE_FILE: passphraseFile }),
    ...(existsSync(standInHome)
      ? { PULUMI_HOME: standInHome, PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true" }
      : {}),
  };
}

module.exports = { root, own, engineHome, standInHome, passphraseFile, environment };
