import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Client } from "pg";
import { connectEnv, connectTo, plainEnv } from "../backup/libpq";
import { findPrograms, type Program } from "../backup/programs";
import type { Connection } from "../connection";

const run = promisify(execFile);

/** Every pg_restore on this machine. */
export const findPgRestores = (path?: string): Promise<Program[]> => findPrograms("pg_restore", path);

/** Entries that the copy has already, or that another server's roles are in. */
const left =
  /^\d+; \d+ \d+ (EXTENSION - |COMMENT - EXTENSION |SCHEMA - public |COMMENT - SCHEMA public |ACL - SCHEMA public )/;

/** Lines of an archive's table of contents can outgrow the default of 1 MiB. */
const outputBytes = 256 * 1024 * 1024;

/** @throws when there is no such dump, with the key that names it. */
export function assertThere(file: string): void {
  if (!existsSync(file))
    throw new Error(
      `rehearsal.from names ${file}, and there is no such file; make one with pg_dump -Fc, or take the key out: ` +
        "pulumi config rm --path rehearsal.from",
    );
}

export interface Restore {
  /** A dump in custom format. */
  readonly file: string;
  /** The copy, and a role that may work as its owner. */
  readonly connection: Connection;
  /** Secret. */
  readonly password: string;
  readonly owner: string;
  /** How many tables and indexes at a time, 1 or more. @default 1 */
  readonly jobs?: number;
  /** Only what lies in that schema, which is made. @default everything */
  readonly schema?: string;
}

/**
 * Restores a dump in custom format into an empty copy; everything in it belongs to `owner` then, with the privileges that
 * the copy gives new objects. `client` is connected to it.
 * @throws when no pg_restore of this machine can read the file, or a statement of it fails.
 */
export async function restoreDump(client: Client, { jobs = 1, ...of }: Restore, path?: string): Promise<void> {
  const { file } = of;
  assertThere(file);
  const { rows } = await client.query<{ version: string }>("SELECT current_setting('server_version_num') AS version");
  const serverMajor = Math.floor(Number(rows[0]?.version) / 10_000);
  const { program, contents } = await readableBy(file, serverMajor, path);
  if (of.schema !== undefined) await makeSchema(client, of.schema, of.owner, contents);
  const folder = mkdtempSync(join(tmpdir(), "switchyard-restore-"));
  try {
    const list = join(folder, "contents");
    writeFileSync(
      list,
      contents
        .split("\n")
        .filter((line) => !left.test(line))
        .join("\n"),
    );
    await restore(program, { ...of, list, serverMajor, jobs });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** pg_restore leaves out the schema itself where it restores one alone. */
async function makeSchema(client: Client, schema: string, owner: string, contents: string): Promise<void> {
  const all = [...contents.matchAll(/^\d+; 2615 \d+ SCHEMA - (.+) \S+$/gm)].map(([, name = ""]) => name);
  if (schema !== "public" && !all.includes(schema))
    throw new Error(`there is no schema ${schema} in the dump, only ${["public", ...all].join(", ")}`);
  const [name, role] = [schema, owner].map((each) => client.escapeIdentifier(each)) as [string, string];
  await client.query(`CREATE SCHEMA IF NOT EXISTS ${name} AUTHORIZATION ${role}`);
}

/** The server's own major is best: a later pg_restore sends settings that an older server doesn't know. */
async function readableBy(
  file: string,
  serverMajor: number,
  path?: string,
): Promise<{ program: Program; contents: string }> {
  const all = await findPgRestores(path);
  const distance = ({ major }: Program) => (major >= serverMajor ? major - serverMajor : 100 + serverMajor - major);
  const why: string[] = [];
  for (const program of all.sort((a, b) => distance(a) - distance(b))) {
    try {
      const { stdout } = await run(program.path, ["--list", file], { maxBuffer: outputBytes, env: plainEnv() });
      return { program, contents: stdout };
    } catch (error) {
      why.push(`${program.path} of PostgreSQL ${program.major} says: ${said(error)}`);
    }
  }
  throw new Error(
    all.length === 0
      ? `rehearsal.from can't be restored: there is no pg_restore on this machine. Install it (Debian: ` +
          `postgresql-client-${serverMajor}, macOS: brew install postgresql@${serverMajor}), or rehearse on the structure ` +
          "alone: pulumi config rm --path rehearsal.from"
      : `no pg_restore on this machine can read ${file}, expected: a dump in custom format (pg_dump -Fc) by a pg_dump no ` +
          `newer than the newest of them. ${why.join("; ")}`,
  );
}

async function restore(
  { path, major }: Program,
  of: Restore & { list: string; serverMajor: number; jobs: number },
): Promise<void> {
  // A copy that subscribed would take the rows that are meant for the database.
  const without = ["--no-owner", "--no-privileges", "--no-publications", "--no-subscriptions"];
  const part = of.schema === undefined ? [] : [`--schema=${of.schema}`];
  const how = ["--role", of.owner, "--jobs", String(of.jobs), ...without, ...part, "--use-list", of.list];
  try {
    await run(path, [...connectTo(of.connection), ...how, of.file], {
      maxBuffer: outputBytes,
      env: connectEnv(of.connection, of.password),
    });
  } catch (error) {
    const errors = said(error)
      .split("\n")
      .filter((line) => line.includes("error: "));
    // pg_restore 17 and later set it, whatever the server is; older ones refuse that statement and go on.
    const foreign = major >= 17 && of.serverMajor < 17;
    const real = errors.filter((line) => !(foreign && line.includes('"transaction_timeout"')));
    if (errors.length > 0 && real.length === 0) return;
    throw new Error(
      `${of.file} could not be restored into the scratch copy: ${(real.length > 0 ? real : [said(error)]).join("; ")}`,
      {
        cause: error,
      },
    );
  }
}

/** What a program wrote before it failed; its command line, which execFile's message begins with, is of no use. */
function said(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message: string };
  return (stderr ?? "").trim() || message;
}
