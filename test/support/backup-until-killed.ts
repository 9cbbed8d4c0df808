// A process that backs up, verifies or drills until somebody kills it: it says when it is in the middle, and never gets on.
// Its arguments come as JSON on standard input, the passwords among them.

import { readFileSync } from "node:fs";
import { listBackups } from "../../infra/providers/backup/archive";
import { takeBackup } from "../../infra/providers/backup/take";
import type { BackupTarget } from "../../infra/providers/backup/target";
import { drillBackup, verifyBackup } from "../../infra/providers/backup/verify";
import { storeAt } from "../../infra/providers/store/store";
import { held } from "./backup";

const { target, folder, what } = JSON.parse(readFileSync(0, "utf8")) as {
  target: BackupTarget;
  folder: string;
  what: "take" | "upload" | "verify" | "drill";
};

const store = storeAt({ kind: "local", folder });
const say = (line: string): void => console.error(line);

async function work(): Promise<void> {
  const at = held(store, what === "verify" ? "get" : "put");
  void at.middle.then(() => console.log("in the middle"));
  if (what === "take") await takeBackup(target, store, { before: "asked", release: "", say });
  if (what === "upload") await takeBackup(target, at.store, { before: "asked", release: "", say });
  const [backup] = (await listBackups(store)).backups;
  if (backup === undefined) throw new Error("there is no backup to try");
  if (what === "verify") await verifyBackup(at.store, backup);
  if (what === "drill") await drillBackup(target, store, backup, { say });
}

work().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
