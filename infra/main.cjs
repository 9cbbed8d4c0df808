"use strict";
// The language host starts this file with plain Node.js; the program itself is TypeScript, compiled as it is loaded.
require("tsx/cjs/api").register();

// In three parts, so that the providers' process starts while config is read, and traffic comes back before the rest is
// loaded.
module.exports = async () => {
  const first = await require("./first").declareFirst();
  const begun = await require("./begin").begin(first);
  return require("./index").program(begun);
};
