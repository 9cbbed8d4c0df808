import { spawn } from "node:child_process";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Client } from "pg";
import { dataFolderOf } from "../../../database/data-folder";
import { majorOf, serverEnv, superuser, withSuperuser, type ClusterOptions } from "./cluster";
import type { PostgresHome } from "./home";
import { scramVerifier } from "./scram";

/*
 * A stack that was destroyed leaves its data, and nobody knows a password of it any more. The next stack takes it up:
 *  1. the superuser gets a new password, in single-user mode, which asks for none;
 *  2. its database and roles step aside under other names, as Access creates its own and would find them taken;
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

export const isKept = (home: Pick<PostgresHome, "data">): boolean => existsSync(marker(home));

/** When everything of it is taken over. */
export const forgetKept = (home: Pick<PostgresHome, "data">): void => rmSync(marker(home), { force: true });

/** Where a running server has its data. */
export function dataOf(server: Server): Promise<Pick<PostgresHome, "data">> {
  return withSuperuser(server, async (client) => ({ data: await dataFolderOf(client) }));
}

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

/** What a stack made in its cluster; whatever else is there stays as it is. */
export interface Made {
  database: string;
  roles: readonly string[];
}

/** Renames the database and the roles of a stack before this one, so that their names are free. Safe to run again. */
export function stepAside(options: Server, administrator: string, { database, roles }: Made): Promise<void> {
  return withSuperuser(options, async (client) => {
    const name = (text: string) => client.escapeIdentifier(text);
    const [original, copy] = [name(database + suffix), name(database)];
    // Where both are there, the copy was not taken over yet, and holds nothing that its original does not.
    if (await exists(client, "database", database + suffix))
      await client.query(`DROP DATABASE IF EXISTS ${copy} WITH (FORCE)`);
    else if (await exists(client, "database", database))
      await client.query(`ALTER DATABASE ${copy} RENAME TO ${original}`);
    if (await exists(client, "database", database + suffix))
      await client.query(`ALTER DATABASE ${original} IS_TEMPLATE true`);
    for (const role of roles) {
      if (await exists(client, "role", role + suffix)) await client.query(`DROP ROLE IF EXISTS ${name(role)}`);
      else if (await exists(client, "role", role))
        await client.query(`ALTER ROLE ${name(role)} RENAME TO ${name(role + suffix)}`);
      // Access sets privileges on the objects of the copy while these still own them.
      if (await exists(client, "role", role + suffix))
        await client.query(
          `ALTER ROLE ${name(role + suffix)} NOLOGIN; GRANT ${name(role + suffix)} TO ${name(administrator)}`,
        );
    }
  });
}

/** The template of a new database of that name: what stepped aside, or PostgreSQL's own. */
export function templateFor(options: Server, database: string): Promise<string> {
  return withSuperuser(options, async (client) =>
    (await exists(client, "database", database + suffix)) ? database + suffix : "template1",
  );
}

/** Gives what the copy holds to its new owner, and drops what stepped aside. */
export async function takeOver(options: Server, { database, roles, owner }: Made & { owner: string }): Promise<void> {
  const leaving = await withSuperuser(options, async (client) => {
    const { rows } = await client.query<{ name: string }>(
      "SELECT rolname AS name FROM pg_roles WHERE rolname = ANY ($1)",
      [roles.map((role) => role + suffix)],
    );
    return rows.map((row) => client.escapeIdentifier(row.name));
  });
  /** Ownership passes on before privileges are dropped: DROP OWNED would drop what is still owned. */
  const empty = async (client: Client) => {
    await client.query("BEGIN");
    for (const role of leaving) await client.query(`REASSIGN OWNED BY ${role} TO ${client.escapeIdentifier(owner)}`);
    for (const role of leaving) await client.query(`DROP OWNED BY ${role}`);
    await client.query("COMMIT");
  };
  await withSuperuser(options, empty, database);
  await withSuperuser(options, async (client) => {
    if (await exists(client, "database", database + suffix)) {
      const original = client.escapeIdentifier(database + suffix);
      await client.query(`ALTER DATABASE ${original} IS_TEMPLATE false`);
      await client.query(`DROP DATABASE ${original} WITH (FORCE)`);
    }
    await empty(client);
    for (const role of leaving) await client.query(`DROP ROLE ${role}`);
  });
}

async function exists(client: Client, kind: "database" | "role", name: string): Promise<boolean> {
  const query =
    kind === "role" ? "SELECT 1 FROM pg_roles WHERE rolname = $1" : "SELECT 1 FROM pg_database WHERE datname = $1";
  return (await client.query(query, [name])).rowCount === 1;
}
