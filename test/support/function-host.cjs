"use strict";
// Stands where Lambda's runtime is: loads the bundled function, and calls its handler for each message.
const [, , file] = process.argv;
/** @type {{ handler: (event: object, context: object) => Promise<unknown> }} */
const { handler } = require(String(file));
process.on("message", () => {
  handler({}, { functionName: "collector" }).then(
    () => process.send?.({ error: null }),
    (error) => process.send?.({ error: error instanceof Error ? error.message : String(error) }),
  );
});
