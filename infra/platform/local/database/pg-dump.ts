import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface PgDump {
  path: string;
  major: number;
}

/** Where distributions put the client programs of a major when they are not the ones on PATH. */
const folders = ["/usr/lib/postgresql", "/usr/local/opt", "/opt/homebrew/opt"];

/** Every pg_dump on this machine: on PATH first, then where Debian and Homebrew keep one for each major. */
export async function findPgDumps(path = process.env.PATH ?? ""): Promise<PgDump[]> {
  const besides = folders.flatMap((folder) =>
    existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name, "bin")) : [],
  );
  const candidates = [...new Set([...path.split(":").filter(Boolean), ...besides])]
    .map((folder) => join(folder, "pg_dump"))
    .filter((file) => existsSync(file));
  const found: PgDump[] = [];
  for (const file of candidates) {
    const major = await majorOf(file);
    if (major !== undefined) found.push({ path: file, major });
  }
  return found;
}

/** Undefined when it doesn't run: Debian's wrapper stays on PATH after the last client package is gone. */
async function majorOf(file: string): Promise<number | undefined> {
  try {
    const { stdout } = await run(file, ["--version"]);
    const match = /\(PostgreSQL\) (\d+)/.exec(stdout);
    return match === null ? undefined : Number(match[1]);
  } catch {
    return undefined;
  }
}

/**
 * pg_dump dumps servers of its own major and older ones, never newer ones, and the server must be one that it can dump:
 * without it no backup is possible, and nothing may be changed.
 * @returns what is wrong, with the remedy; undefined when one fits.
 */
export async function whyNoDump(serverMajor: number, path?: string): Promise<string | undefined> {
  const dumps = await findPgDumps(path);
  if (dumps.some(({ major }) => major >= serverMajor)) return undefined;
  const found = dumps.map(({ path: file, major }) => `${file} of PostgreSQL ${major}`).join(", ") || "none";
  const fits = Math.max(0, ...dumps.map(({ major }) => major));
  return [
    `no pg_dump on this machine can dump PostgreSQL ${serverMajor}, so it could not be backed up (found: ${found};`,
    `expected: one of PostgreSQL ${serverMajor} or later). Install it (Debian: postgresql-client-${serverMajor},`,
    `macOS: brew install postgresql@${serverMajor})`,
    fits >= 15 ? `or choose a major that fits: pulumi config set --path switchyard:database.majorVersion ${fits}` : "",
  ]
    .join(" ")
    .trim();
}
