"use strict";
// Has Node.js load TypeScript: the program and the providers' process each start with plain Node.js.
const plainly = require.extensions[".js"];
const mapped = process.sourceMapsEnabled;
require("tsx/cjs/api").register();
// tsx has Node.js note the source map of each file. Where Pulumi's own mapping of stack traces is in place, nobody reads them.
process.setSourceMapsEnabled(mapped);
// What is installed is compiled already; so it stays with Node.js, which keeps its compile cache.
const compiling = require.extensions[".js"];
require.extensions[".js"] = (/** @type {NodeJS.Module} */ module, /** @type {string} */ file) =>
  (file.includes("/node_modules/") ? plainly : compiling)(module, file);
