"use strict";
// After npm has put the official wrapper at node_modules/.bin/pulumi, ours takes that name and calls it: `npx pulumi`
// then finds this clone's state, passphrase and plugins in any shell, without exports.
const { existsSync, lstatSync, readlinkSync, renameSync, symlinkSync } = require("node:fs");
const { join } = require("node:path");

const bin = join(__dirname, "..", "node_modules", ".bin");
const name = join(bin, "pulumi");
const ours = join("..", "..", "tools", "pulumi.cjs");

const isLinked = () =>
  lstatSync(name, { throwIfNoEntry: false })?.isSymbolicLink() === true && readlinkSync(name) === ours;

if (process.platform !== "win32" && existsSync(bin) && !isLinked()) {
  const aside = join(bin, `.pulumi-${process.pid}`);
  symlinkSync(ours, aside);
  renameSync(aside, name);
}
