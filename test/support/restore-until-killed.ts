// A process that restores until somebody kills it. Its arguments come as JSON on standard input, the passwords among them.

import { readFileSync } from "node:fs";
import type { BackupTarget } from "../../infra/providers/backup/target";
import { restore } from "../../infra/providers/restore/restore";
import { storeAt } from "../../infra/providers/store/store";

const { target, folder, from, into } = JSON.parse(readFileSync(0, "utf8")) as {
  target: BackupTarget;
  folder: string;
  from: string;
  into: string;
};

restore(target, storeAt({ kind: "local", folder }), {
  ...{ from, into, acceptLossSince: from, release: "" },
  say: (line) => console.error(line),
}).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
