import { randomBytes } from "node:crypto";
import { existsSync, linkSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { engineHome, own, passphraseFile, standInHome } from "../project.cjs";
import { ensureEngine } from "./engine";
import { ensurePlugins } from "./plugins";

/** Everything that `pulumi` needs to run the local stack of this clone. Quick when all of it is there. */
export async function prepare(say: (line: string) => void): Promise<void> {
  await import("../link.cjs");
  mkdirSync(own, { recursive: true, mode: 0o755 });
  makePassphrase();
  const engine = await ensureEngine(engineHome(), say);
  const home = await ensurePlugins(engineHome(), engine, standInHome, say);
  // Stand-ins of an earlier run give way once the official plugins are there.
  if (home !== standInHome) rmSync(standInHome, { recursive: true, force: true });
}

/** What encrypts the secrets in this clone's state; written once, whole, and never replaced. */
function makePassphrase(): void {
  if (existsSync(passphraseFile)) return;
  const aside = `${passphraseFile}.${process.pid}`;
  writeFileSync(aside, randomBytes(24).toString("base64url"), { mode: 0o600 });
  try {
    linkSync(aside, passphraseFile);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    rmSync(aside);
  }
}
