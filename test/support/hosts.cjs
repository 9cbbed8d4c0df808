"use strict";
// Preloaded where a name of a test's own has to lead to this machine: the names of TEST_HOSTS, separated by commas, are
// 127.0.0.1, as a hosts file would have it.
const dns = require("node:dns");

const names = new Set((process.env.TEST_HOSTS ?? "").split(",").filter(Boolean));
const real = dns.lookup;

/** @type {(...given: any[]) => void} */
const lookup = (name, ...rest) => {
  const [options, done] = rest.length > 1 ? rest : [{}, rest[0]];
  if (!names.has(name)) return Reflect.apply(real, dns, [name, ...rest]);
  const all = typeof options === "object" && options !== null && options.all === true;
  process.nextTick(() => (all ? done(null, [{ address: "127.0.0.1", family: 4 }]) : done(null, "127.0.0.1", 4)));
};
dns.lookup = /** @type {typeof dns.lookup} */ (Object.assign(lookup, real));
