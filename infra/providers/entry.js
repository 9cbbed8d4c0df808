"use strict";
// What the shell in state asks for (dynamic.ts). That loads this file by tsx's own `require`, in a namespace of the process:
// whatever is loaded in there is compiled anew in each process, @pulumi/pulumi a second time among it. So this file needs no
// compiling, and loads all the rest as the program's own files are.
const { createRequire } = require("node:module");
const { join } = require("node:path");

const load = createRequire(join(__dirname, "entry.js"));
load("../compile.cjs");

/** @type {typeof import("./by-name")} */
const { provider } = load("./by-name.ts");
module.exports = { provider };
