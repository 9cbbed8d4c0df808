import { spawn } from "node:child_process";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Client } from "pg";
import { administratorGroup } from "./administrator";
import { majorOf, serverEnv, superuser, withSuperuser, type ClusterOptions } from "./cluster";
import type { PostgresHome } from "./home";
import { scramVerifier } from "./scram";

/*
 * A stack that was destroyed leaves its data, and nobody knows a password of it any more. The next stack takes it up:
 *  1. the superuser gets a new password, in single-user mode, which asks for none;
 *  2. roles and databases step aside under other names, as Access creates its own and would find them taken;
 *  3. Access creates its database as a copy of the one that stepped aside;
 *  4. the copy's objects pass to the new owner, and what stepped aside is dropped (`takeOver`).
 * Until 4 is done the old database is whole, and nothing has written to the new one: every step may be run again.
 */

/** What everything that steps aside is called after. */
const suffix = "_kept";

const marker = ({ data }: Pick<PostgresHome, "data">): string => `${data}.kept`;

/** A running server, and how to get in. */
type Server = Pick<ClusterOptions, "port" | "superuserPassword">;

/** Notes that the data in `home` was left on purpose, by a destroy. */
export const noteKept = (home: PostgresHome): void => writeFileSync(marker(home), "");

export const isKept = (home: PostgresHome): boolean => existsSync(marker(home));

/**
 * Gives the superuser of a stopped cluster a password, where nobody knows the old one.
 * @throws when the data is of another major than `major`, or can't be opened.
 */
export async function resetSuperuser({ home, superuserPassword }: ClusterOptions, major: number): Promise<void> {
  const found = majorOf(home);
  if (found !== major)
    throw new Error(
      `the data that an earlier stack left in ${home.data} is of PostgreSQL ${found}, and ${major} can't open it: ` +
        `pulumi config set --path switchyard:database.majorVersion ${found}, or move that folder away to start empty`,
    );
  const child = spawn(join(home.binaries, "bin", "postgres"), ["--single", "-D", home.data, "postgres"], {
    cwd: "/",
    env: serverEnv(home),
    uid: home.account?.uid,
    gid: home.account?.gid,
    stdio: ["pipe", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stdin.end(`ALTER ROLE ${superuser} PASSWORD '${scramVerifier(superuserPassword)}'\n`);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (code !== 0 || /ERROR:|FATAL:/.test(output))
    throw new Error(
      `the kept data in ${home.data} can't be opened:\n${output.replace(/SCRAM-SHA-256\S*/g, "…").trim()}`,
    );
}

/** Renames every database and role that a stack of before made, so that their names are free. Safe to run again. */
export function stepAside(options: Server, administrator: string): Promise<void> {
  return withSuperuser(options, async (client) => {
    const name = (text: string) => client.escapeIdentifier(text);
    const [databases, roles] = [await databasesOf(client), await rolesOf(client, administrator)];
    for (const database of databases.filter((each) => !each.endsWith(suffix))) {
      // A copy that was not taken over yet holds nothing that its original does not.
      if (databases.includes(database + suffix)) await client.query(`DROP DATABASE ${name(database)} WITH (FORCE)`);
      else await client.query(`ALTER DATABASE ${name(database)} RENAME TO ${name(database + suffix)}`);
    }
    for (const database of await databasesOf(client))
      await client.query(`ALTER DATABASE ${name(database)} IS_TEMPLATE true`);
    for (const role of roles.filter((each) => !each.endsWith(suffix))) {
      if (roles.includes(role + suffix)) await client.query(`DROP ROLE ${name(role)}`);
      else await client.query(`ALTER ROLE ${name(role)} RENAME TO ${name(role + suffix)}`);
    }
    // Access sets privileges on the objects of the copy while these still own them.
    for (const role of await rolesOf(client, administrator))
      await client.query(`ALTER ROLE ${name(role)} NOLOGIN; GRANT ${name(role)} TO ${name(administrator)}`);
  });
}

/** The template of a new database of that name: what stepped aside, or PostgreSQL's own. */
export function templateFor(options: Server, database: string): Promise<string> {
  return withSuperuser(options, async (client) =>
    (await databasesOf(client)).includes(database + suffix) ? database + suffix : "template1",
  );
}

/**
 * Gives what the copy holds to its new owner, and drops what stepped aside. Does nothing on a cluster that began empty.
 * @returns whether there was anything to take over.
 */
export async function takeOver(
  options: Server,
  { administrator, database, owner }: { administrator: string; database: string; owner: string },
): Promise<boolean> {
  const kept = await withSuperuser(options, (client) => rolesOf(client, administrator));
  const leaving = kept.filter((role) => role.endsWith(suffix));
  await withSuperuser(
    options,
    async (client) => {
      const name = (text: string) => client.escapeIdentifier(text);
      await client.query("BEGIN");
      for (const role of leaving) await client.query(`REASSIGN OWNED BY ${name(role)} TO ${name(owner)}`);
      for (const role of leaving) await client.query(`DROP OWNED BY ${name(role)}`);
      await client.query("COMMIT");
    },
    database,
  );
  const data = await withSuperuser(options, async (client) => {
    const name = (text: string) => client.escapeIdentifier(text);
    for (const each of (await databasesOf(client)).filter((found) => found.endsWith(suffix))) {
      await client.query(`ALTER DATABASE ${name(each)} IS_TEMPLATE false`);
      await client.query(`DROP DATABASE ${name(each)} WITH (FORCE)`);
    }
    for (const role of leaving) await client.query(`DROP OWNED BY ${name(role)}; DROP ROLE ${name(role)}`);
    const { rows } = await client.query<{ data: string }>("SELECT current_setting('data_directory') AS data");
    return rows[0]?.data;
  });
  if (data !== undefined) rmSync(marker({ data }), { force: true });
  return leaving.length > 0;
}

async function databasesOf(client: Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    "SELECT datname AS name FROM pg_database WHERE datname NOT IN ('postgres', 'template0', 'template1')",
  );
  return rows.map((row) => row.name);
}

async function rolesOf(client: Client, administrator: string): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    "SELECT rolname AS name FROM pg_roles WHERE rolname !~ '^pg_' AND rolname <> ALL ($1)",
    [[superuser, administratorGroup, administrator]],
  );
  return rows.map((row) => row.name);
}
