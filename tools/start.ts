import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "./engine/run";
import { prepare } from "./engine/prepare";
import { environment, root } from "./project.cjs";

const stack = "local";

/** `npm start`: from a clean clone to a running local stack; run again, it only puts right what is missing. */
async function start(): Promise<number> {
  await prepare((line) => console.log(line));
  const env = environment(process.env);
  const pulumi = (...args: string[]) =>
    run(process.execPath, [join(root, "tools", "pulumi.cjs"), ...args], { cwd: root, env });
  if ((await pulumi("stack", "select", stack)).code !== 0) {
    dropForeignSalt();
    const { code, output } = await pulumi("stack", "init", stack);
    if (code !== 0) throw new Error(output.trim());
  }
  const code = await attached(["up", "--stack", stack, "--yes", "--skip-preview"], env);
  if (code === 0) console.log(await whatNow(pulumi));
  return code;
}

/**
 * `encryptionsalt` in Pulumi.local.yaml belongs to the passphrase of the clone that wrote it. A clone that has no such
 * stack yet has another passphrase, and would be told that its own is wrong.
 */
function dropForeignSalt(): void {
  const file = join(root, `Pulumi.${stack}.yaml`);
  const text = readFileSync(file, "utf8");
  const without = text.replace(/^encryptionsalt:.*\n?/m, "");
  if (without !== text) writeFileSync(file, without);
}

function attached(args: string[], env: NodeJS.ProcessEnv): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(root, "tools", "pulumi.cjs"), ...args], {
      cwd: root,
      env,
      stdio: "inherit",
    });
    // Ctrl-C goes to the whole group of the terminal: the engine handles it, and its exit code is awaited here.
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => undefined);
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? 1));
  });
}

async function whatNow(pulumi: (...args: string[]) => Promise<{ code: number; output: string }>): Promise<string> {
  const { code, output } = await pulumi("stack", "output", "--json", "--stack", stack);
  if (code !== 0) throw new Error(output.trim());
  const outputs = JSON.parse(output) as { url: string; previewUrl: string; previewHeader: string };
  const commands = [
    [`curl -i ${outputs.url}/health`, "which colour answers"],
    [`curl -i -H '${outputs.previewHeader}: green' ${outputs.previewUrl}/health`, "green, before it has traffic"],
    ["npx pulumi config set greenWeight 25 && npx pulumi up", "give green a quarter of new requests"],
    ["npx pulumi config set greenWeight 0 && npx pulumi up", "take it back"],
    ["npx pulumi destroy", "stop everything"],
  ] as const;
  const width = Math.max(...commands.map(([command]) => command.length));
  return ["", "Running. Try:", ...commands.map(([command, what]) => `  ${command.padEnd(width)}   ${what}`)].join("\n");
}

start().then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    console.error((error as Error).message);
    process.exitCode = 1;
  },
);
