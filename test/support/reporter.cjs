"use strict";
const { reporters, Runner } = require("mocha");

/** Mocha's own reporter, and then one closing line that any machine can read. */
module.exports = class extends reporters.Spec {
  /**
   * @param {import("mocha").Runner} runner
   * @param {import("mocha").MochaOptions} options
   */
  constructor(runner, options) {
    super(runner, options);
    runner.once(Runner.constants.EVENT_RUN_END, () => {
      const { passes, failures, pending } = runner.stats ?? { passes: 0, failures: 0, pending: 0 };
      const skipped = pending === 0 ? "" : `, ${pending} skipped`;
      // Spec prints its summary in the same event; what stands last must come after it.
      setImmediate(() => console.log(`${passes} passed, ${failures} failed${skipped}`));
    });
  }
};
