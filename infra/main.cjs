"use strict";
// The language host starts this file with plain Node.js; the program itself is TypeScript, compiled as it is loaded.
require("tsx/cjs/api").register();

module.exports = require("./index");
