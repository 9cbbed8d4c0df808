// A process that rehearses until somebody kills it: its smoke says which copy it is given, and never ends.
// Its arguments come as JSON on standard input, the passwords among them.

import { readFileSync } from "node:fs";
import { rehearse } from "../../infra/providers/schema/rehearse";
import type { RehearsalTarget } from "../../infra/providers/schema/rehearsal-types";
import { parseMigration } from "../../infra/schema";

const { target, file } = JSON.parse(readFileSync(0, "utf8")) as {
  target: RehearsalTarget;
  file: { name: string; text: string };
};

rehearse(
  target,
  {
    migrations: [parseMigration(file.name, file.text)],
    smoke: ({ connection }) => {
      console.log(`at work in ${connection.database}`);
      return new Promise(() => setInterval(() => undefined, 60_000));
    },
  },
  (line) => console.error(line),
).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
