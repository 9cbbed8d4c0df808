import { readFileSync } from "node:fs";
import { join } from "node:path";

// It comes with the SDK of Pulumi, which reads the same files with it.
// eslint-disable-next-line @typescript-eslint/no-require-imports -- it has no types of its own
const { load } = require("js-yaml") as { load: (text: string) => { config: Record<string, unknown> } };

/** What a stack's own file says, by key without its namespace. */
export function configOf(stack: string): Record<string, unknown> {
  const { config } = load(readFileSync(join(__dirname, `../../Pulumi.${stack}.yaml`), "utf8"));
  const own = Object.entries(config).filter(([key]) => key.startsWith("switchyard:"));
  return Object.fromEntries(own.map(([key, value]) => [key.slice("switchyard:".length), value]));
}
