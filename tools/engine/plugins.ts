import { existsSync, mkdirSync, readdirSync, renameSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { installStandIns } from "../../test/plugins/install.cjs";
import { whyUnreachable } from "./reach";
import { run } from "./run";
import { localPlugins } from "./versions";

/**
 * Sees to the resource plugins of the local platform: the official ones in `home` where they are or can be had, else
 * stand-ins in `standInHome`, a home of their own, so that they can never be taken for the real ones.
 * @returns the home to run with.
 */
export async function ensurePlugins(
  home: string,
  engine: string,
  standInHome: string,
  say: (line: string) => void,
): Promise<string> {
  const missing = Object.entries(localPlugins).filter(([name, version]) => !isInstalled(home, name, version));
  let reason = missing.length === 0 ? undefined : await whyUnreachable();
  for (const [name, version] of reason === undefined ? missing : []) {
    const { code, output } = await run(
      join(engine, "bin", "pulumi"),
      ["plugin", "install", "resource", name, version],
      {
        env: { ...process.env, PULUMI_HOME: home, PULUMI_SKIP_UPDATE_CHECK: "true" },
        timeoutMs: 300_000,
      },
    );
    if (code !== 0) reason = output.trim().split("\n").at(-1) ?? `exit code ${code}`;
  }
  const names = Object.keys(localPlugins);
  if (reason === undefined) {
    say(`plugins ${names.join(", ")}: official`);
    return home;
  }
  mkdirSync(standInHome, { recursive: true });
  linkEngine(home, standInHome);
  installStandIns(standInHome, names);
  say(
    `plugins ${names.join(", ")}: STAND-INS of this project, for the local stack and tests only (official ones: ${reason})`,
  );
  return standInHome;
}

function isInstalled(home: string, name: string, version: string): boolean {
  const folder = join(home, "plugins", `resource-${name}-v${version}`);
  return existsSync(folder) && readdirSync(folder).some((file) => file.startsWith(`pulumi-resource-${name}`));
}

function linkEngine(home: string, standInHome: string): void {
  const aside = join(standInHome, `.versions-${process.pid}`);
  symlinkSync(join(home, "versions"), aside);
  renameSync(aside, join(standInHome, "versions"));
}
