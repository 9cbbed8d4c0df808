import { accessSync, chmodSync, constants, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { installCLI } from "pulumi/lib/download";
import { join } from "node:path";
import { whyUnreachable } from "./reach";
import { run } from "./run";
import { engineVersion } from "./versions";

const programs = ["pulumi", "pulumi-language-nodejs", "pulumi-resource-pulumi-nodejs"] as const;

/** A way to get the engine: fills `folder`/bin, or says why it can't. */
export interface Way {
  name: string;
  /** Undefined when it worked. */
  install(folder: string): Promise<string | undefined>;
}

/**
 * Finds the engine in `home`, or installs it: the official download, else a build from the Go module proxy. Each attempt
 * says what it does and why it was left. A way fills a folder aside, which is renamed when it is whole and answers with
 * the right version, so there is never half an engine under the name that `npx pulumi` looks at.
 * @throws when no way is left, with what to install.
 */
export async function ensureEngine(
  home: string,
  say: (line: string) => void,
  ways: readonly Way[] = [download, build],
): Promise<string> {
  const folder = join(home, "versions", engineVersion);
  const found = await whyIncomplete(folder);
  if (found === undefined) {
    say(`engine ${engineVersion}: found in ${folder}`);
    return folder;
  }
  say(`engine ${engineVersion}: not in ${folder} (${found})`);
  const left: string[] = [];
  for (const way of ways) {
    const aside = `${folder}.${process.pid}`;
    try {
      const reason = await installAside(way, aside, say);
      if (reason === undefined) {
        await moveIntoPlace(aside, folder);
        say(`engine ${engineVersion}: installed in ${folder}`);
        return folder;
      }
      left.push(`${way.name}: ${reason}`);
      say(`engine ${engineVersion}: ${way.name}: left, ${reason}`);
    } finally {
      rmSync(aside, { recursive: true, force: true });
    }
  }
  throw new Error(
    [
      `The Pulumi engine ${engineVersion} can't be had on this machine:`,
      ...left.map((reason) => `  - ${reason}`),
      "Install one of these, then run the same command again:",
      `  - Pulumi ${engineVersion} itself, unpacked so that ${join(folder, "bin", "pulumi")} exists, or`,
      "  - Go 1.25 or later (Debian: golang, macOS: brew install go), to build it from source in about 6 minutes.",
    ].join("\n"),
  );
}

async function installAside(way: Way, aside: string, say: (line: string) => void): Promise<string | undefined> {
  say(`engine ${engineVersion}: ${way.name}: trying`);
  mkdirSync(join(aside, "bin"), { recursive: true });
  return (await way.install(aside)) ?? (await whyIncomplete(aside));
}

/** What is missing from an installed engine, or undefined when it is whole and of the pinned version. */
async function whyIncomplete(folder: string): Promise<string | undefined> {
  for (const program of programs) {
    try {
      accessSync(join(folder, "bin", program), constants.X_OK);
    } catch {
      return `no executable bin/${program}`;
    }
  }
  const { code, output } = await run(join(folder, "bin", "pulumi"), ["version"], {
    env: { ...process.env, PULUMI_SKIP_UPDATE_CHECK: "true" },
    timeoutMs: 60_000,
  });
  const lines = output.trim().split("\n");
  return code === 0 && lines.includes(`v${engineVersion}`)
    ? undefined
    : `bin/pulumi version says ${JSON.stringify(lines.at(-1))}`;
}

async function moveIntoPlace(aside: string, folder: string): Promise<void> {
  // Somebody else's install may have been quicker; a broken one makes room.
  if (existsSync(folder)) {
    if ((await whyIncomplete(folder)) === undefined) return;
    renameSync(folder, `${aside}.broken`);
  }
  renameSync(aside, folder);
  rmSync(`${aside}.broken`, { recursive: true, force: true });
}

const download: Way = {
  name: "official download",
  async install(folder) {
    const blocked = await whyUnreachable();
    if (blocked !== undefined) return blocked;
    try {
      await installCLI(engineVersion, folder);
      return undefined;
    } catch (error) {
      return (error as Error).message;
    }
  },
};

const build: Way = {
  name: "build from the Go module proxy",
  async install(folder) {
    const go = await run("go", ["version"]);
    if (go.code !== 0) return "no working go on PATH";
    const flags = `-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v${engineVersion}`;
    // prettier-ignore
    const parts = [
      ["cli", "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi", "pulumi"],
      ["language-nodejs", "github.com/pulumi/pulumi/sdk/v3/nodejs/cmd/pulumi-language-nodejs", "pulumi-language-nodejs"],
    ] as const;
    for (const [module, tool, program] of parts) {
      const target = join(folder, "bin", program);
      const args = ["build", "-mod=readonly", "-trimpath", "-ldflags", flags, "-o", target, tool];
      const { code, output } = await run("go", args, {
        cwd: join(__dirname, module),
        env: { ...process.env, CGO_ENABLED: "0", GOFLAGS: "" },
      });
      if (code !== 0) return `go build of ${program} failed:\n${output.trim()}`;
    }
    writeFileSync(join(folder, "bin", "pulumi-resource-pulumi-nodejs"), dynamicProviderLauncher);
    chmodSync(join(folder, "bin", "pulumi-resource-pulumi-nodejs"), 0o755);
    return undefined;
  },
};

/** What a Pulumi release ships under this name: it starts the dynamic provider of the program's own @pulumi/pulumi. */
const dynamicProviderLauncher = `#!/bin/sh
script=$(node -e "console.log(require.resolve('@pulumi/pulumi/cmd/dynamic-provider'))") || exit 1
exec node "$script" "$@"
`;
