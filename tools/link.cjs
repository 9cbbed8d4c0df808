"use strict";
// After npm has put the official wrapper at node_modules/.bin/pulumi, ours takes that name and calls it: `npx pulumi`
// then finds this clone's state, passphrase and plugins in any shell, without exports.
const { existsSync, renameSync, symlinkSync } = require("node:fs");
const { join } = require("node:path");

const bin = join(__dirname, "..", "node_modules", ".bin");
if (process.platform !== "win32" && existsSync(bin)) {
  const aside = join(bin, `.pulumi-${process.pid}`);
  symlinkSync(join("..", "..", "tools", "pulumi.cjs"), aside);
  renameSync(aside, join(bin, "pulumi"));
}
