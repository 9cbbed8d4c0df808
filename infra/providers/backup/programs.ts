import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { BackupFailure } from "../../backup/failure";

const run = promisify(execFile);

/** A client program of PostgreSQL, as found on this machine. */
export interface Program {
  readonly path: string;
  readonly major: number;
  /** As it says itself, such as "15.18". */
  readonly version: string;
}

/**
 * Where client programs of each major are when they are not the ones on PATH: Debian, Homebrew on both kinds of Mac, and
 * Postgres.app. What the installers of Red Hat's family make (`/usr/pgsql-18`) is looked for by its form.
 */
const folders = [
  "/usr/lib/postgresql",
  "/usr/local/opt",
  "/opt/homebrew/opt",
  "/Applications/Postgres.app/Contents/Versions",
];

const subfolders = (folder: string): string[] =>
  existsSync(folder) ? readdirSync(folder).map((each) => join(folder, each, "bin")) : [];

const redHat = (): string[] => subfolders("/usr").filter((each) => /\/pgsql-\d+\/bin$/.test(each));

/** Every program of that name on this machine: on PATH first, then where installers keep one for each major. */
export async function findPrograms(name: "pg_dump" | "pg_restore", path = process.env.PATH ?? ""): Promise<Program[]> {
  const besides = [...folders.flatMap(subfolders), ...redHat()];
  const candidates = [...new Set([...path.split(delimiter).filter(Boolean), ...besides])]
    .map((folder) => join(folder, name))
    .filter((file) => existsSync(file));
  const found = await Promise.all(candidates.map(ask));
  return found.filter((each) => each !== undefined);
}

export const findPgDumps = (path?: string): Promise<Program[]> => findPrograms("pg_dump", path);

/** Undefined when it doesn't run: Debian's wrapper stays on PATH after the last client package is gone. */
async function ask(path: string): Promise<Program | undefined> {
  try {
    const { stdout } = await run(path, ["--version"]);
    const [, version, major] = /\(PostgreSQL\) ((\d+)\S*)/.exec(stdout) ?? [];
    return version === undefined ? undefined : { path, major: Number(major), version };
  } catch {
    return undefined;
  }
}

/** Of the major itself where there is one, else of the closest later one. */
const closest = (programs: readonly Program[], major: number): Program | undefined =>
  programs.filter((each) => each.major >= major).sort((a, b) => a.major - b.major)[0];

/**
 * pg_dump dumps servers of its own major and older ones, never newer ones, and the server must be one that it can dump:
 * without it no backup is possible, and nothing may be changed.
 * @returns what is wrong, with the remedy; undefined when one fits.
 */
export async function whyNoDump(serverMajor: number, path?: string): Promise<string | undefined> {
  const dumps = await findPgDumps(path);
  if (closest(dumps, serverMajor) !== undefined) return undefined;
  const fits = Math.max(0, ...dumps.map(({ major }) => major));
  const other = `, or choose a major that fits: pulumi config set --path switchyard:database.majorVersion ${fits}`;
  return (
    `no pg_dump on this machine can dump PostgreSQL ${serverMajor}, so it could not be backed up (found: ${list(dumps)}; ` +
    `expected: one of PostgreSQL ${serverMajor} or later). ${install(serverMajor)}${fits >= 15 ? other : ""}`
  );
}

const list = (programs: readonly Program[]): string =>
  programs.map(({ path, major }) => `${path} of PostgreSQL ${major}`).join(", ") || "none";

/**
 * What brings it. A distribution has the client of one major alone, seldom the newest: the others are in PostgreSQL's own
 * repositories (PGDG), which Debian's package postgresql-common switches on.
 */
const install = (major: number): string =>
  `Install it (Debian and Ubuntu: apt install postgresql-common && /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y && ` +
  `apt install postgresql-client-${major}; Red Hat: dnf install postgresql${major}, from https://yum.postgresql.org; macOS: ` +
  `brew install postgresql@${major}), or put the folder of one that is there on PATH`;

/** The pg_dump for a server. @throws BackupFailure with the package to install */
export async function dumpProgram(serverMajor: number, path?: string): Promise<Program> {
  const found = closest(await findPgDumps(path), serverMajor);
  if (found !== undefined) return found;
  throw new BackupFailure("pg_dump", (await whyNoDump(serverMajor, path)) ?? "no pg_dump fits");
}

/**
 * The pg_restore for what a pg_dump of that major wrote: an older one may not read it.
 * @throws BackupFailure with the package to install
 */
export async function restoreProgram(dumpMajor: number, path?: string): Promise<Program> {
  const all = await findPrograms("pg_restore", path);
  const found = closest(all, dumpMajor);
  if (found !== undefined) return found;
  throw new BackupFailure(
    "decode",
    `no pg_restore on this machine can read a dump of pg_dump ${dumpMajor} (found: ${list(all)}; expected: one of ` +
      `PostgreSQL ${dumpMajor} or later). ${install(dumpMajor)}`,
  );
}
