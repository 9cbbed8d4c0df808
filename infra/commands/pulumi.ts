import { spawn } from "node:child_process";
import { join } from "node:path";
import { root } from "../../tools/project.cjs";
import { CommandError } from "./say";

/** What the engine marks a secret in an exported state with; this value is fixed in its source. */
const secretMark = ["4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"] as const;

/** A resource as the state has it, its secrets in the clear: never to be printed. */
export interface StateResource {
  readonly urn: string;
  readonly type: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly outputs: Readonly<Record<string, unknown>>;
}

/** One value of a stack's config, as `pulumi config --json` gives it: structured ones as JSON. */
interface ConfigValue {
  readonly value?: string;
}

/**
 * `npx pulumi …` of this project, to its end.
 * @throws CommandError with what the engine said.
 */
export function pulumi(args: readonly string[], stack?: string): Promise<string> {
  const all = [...args, ...(stack === undefined ? [] : ["--stack", stack]), "--non-interactive", "--color", "never"];
  return new Promise((done, failed) => {
    const child = spawn(process.execPath, [join(root, "tools", "pulumi.cjs"), ...all], {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const text = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) {
      child[name].setEncoding("utf8");
      child[name].on("data", (chunk: string) => (text[name] += chunk));
    }
    child.once("error", failed);
    child.once("close", (code) => {
      if (code === 0) done(text.stdout);
      // Only stderr: what was printed before may hold secrets.
      else failed(new CommandError(`pulumi ${args.slice(0, 2).join(" ")} failed: ${reasonOf(text.stderr)}`));
    });
  });
}

const reasonOf = (stderr: string): string =>
  stderr
    .replace(/^error: /gm, "")
    .trim()
    .split("\n")[0] ?? "it said nothing";

/** The stack that is meant: the one given, or the selected one. @throws CommandError when there is none. */
export async function stackNamed(given: string | undefined): Promise<string> {
  if (given !== undefined) return given;
  const selected = (
    await pulumi(["stack", "ls", "--json"]).then((text) => JSON.parse(text) as { name: string; current: boolean }[])
  ).find(({ current }) => current);
  if (selected !== undefined) return selected.name;
  throw new CommandError(
    "no stack is selected: name one by --stack NAME (npx pulumi stack ls lists them), or a database by DATABASE_URL",
  );
}

/** Every resource of the stack's state, with secrets in the clear. */
export async function resourcesOf(stack: string): Promise<StateResource[]> {
  const text = await pulumi(["stack", "export", "--show-secrets"], stack);
  const { deployment } = revealed(JSON.parse(text)) as { deployment?: { resources?: Partial<StateResource>[] } };
  return (deployment?.resources ?? []).map(({ urn = "", type = "", inputs = {}, outputs = {} }) => ({
    urn,
    type,
    inputs,
    outputs,
  }));
}

/** The stack's config under full keys, structured values as JSON: what `loadConfig` takes. */
export async function configOf(stack: string): Promise<Record<string, string>> {
  const text = await pulumi(["config", "--json", "--show-secrets"], stack);
  const values = Object.entries(JSON.parse(text) as Record<string, ConfigValue>);
  return Object.fromEntries(values.flatMap(([key, { value }]) => (value === undefined ? [] : [[key, value]])));
}

function revealed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(revealed);
  if (typeof value !== "object" || value === null) return value;
  const { [secretMark[0]]: mark, plaintext } = value as Record<string, unknown>;
  if (mark === secretMark[1] && typeof plaintext === "string") return revealed(JSON.parse(plaintext));
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, revealed(each)]));
}
