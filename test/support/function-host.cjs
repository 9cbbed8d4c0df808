"use strict";
// Stands where Lambda's runtime is: loads the bundled function, and calls its handler with each message.
const [, , file] = process.argv;
/** @type {{ handler: (event: unknown, context: object) => Promise<unknown> }} */
const { handler } = require(String(file));
process.on("message", (event) => {
  handler(event, { functionName: "function" }).then(
    () => process.send?.({ error: null }),
    (error) => process.send?.({ error: error instanceof Error ? error.message : String(error) }),
  );
});
