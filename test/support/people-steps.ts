// Migrations of a table `people`, run section by section as a runner does, for tests of syncs.

import { randomBytes } from "node:crypto";
import type { Client } from "pg";
import { completeSyncs, prepareSyncs } from "../../infra/providers/schema/sync";
import type { Run, RunStep } from "../../infra/providers/schema/run";
import { parseMigration, type Direction, type Migration, type Section } from "../../infra/schema";
import type { TestPostgres } from "./postgres";

export interface PeopleDatabase {
  name: string;
  /** Works as the owner. */
  run: Run;
  owner: Client;
  /** What was said to the operator. */
  lines: string[];
  /** A session of a role that may write the table and nothing else, as a release is. */
  release(): Promise<Client>;
  env: Record<string, string>;
  up(migration: Migration, hook?: Hook): Promise<void>;
  down(migration: Migration, hook?: Hook): Promise<void>;
}

/** Called before each point at which a process might be killed; throwing there ends the run as a kill would. */
export type Hook = (point: "prepare" | "statement" | "complete" | "commit", index?: number) => Promise<void> | void;

/** A database with owner, migrator and app roles as the access step leaves them. */
export async function createPeopleDatabase(postgres: TestPostgres): Promise<PeopleDatabase> {
  const name = `people_${randomBytes(4).toString("hex")}`;
  const [owner, migrator, app] = [`${name}_owner`, `${name}_migrator`, `${name}_app`];
  const password = randomBytes(12).toString("base64url");
  await postgres.asSuperuser(async (client) => {
    await client.query(`CREATE ROLE ${owner}`);
    await client.query(`CREATE ROLE ${migrator} LOGIN NOINHERIT PASSWORD '${password}' IN ROLE ${owner}`);
    await client.query(`CREATE ROLE ${app} LOGIN PASSWORD '${password}'`);
    await client.query(`CREATE DATABASE ${name} OWNER ${owner}`);
  });
  await postgres.asSuperuser(async (client) => {
    await client.query(`GRANT CREATE, USAGE ON SCHEMA public TO ${owner}`);
    // Functions in `switchyard` are nobody's to call, and the schema is not even open to the role.
    await client.query(`ALTER DEFAULT PRIVILEGES FOR ROLE ${owner} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC`);
    await client.query(
      `ALTER DEFAULT PRIVILEGES FOR ROLE ${owner} IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO ${app}`,
    );
    await client.query(`ALTER DEFAULT PRIVILEGES FOR ROLE ${owner} GRANT USAGE ON SEQUENCES TO ${app}`);
  }, name);
  const client = await postgres.connect({ user: migrator, password, database: name });
  await client.query(`SET ROLE ${owner}; SET lock_timeout = '5s'`);
  const lines: string[] = [];
  const connection = {
    host: "127.0.0.1",
    port: postgres.port,
    database: name,
    user: migrator,
    sslmode: "disable" as const,
  };
  const run: Run = {
    client,
    connection,
    password,
    owner,
    assertHeld: async () => {
      await client.query("SELECT 1");
    },
    proof: "SELECT 1",
    say: (line) => lines.push(line),
  };
  return {
    name,
    run,
    owner: client,
    lines,
    release: () => postgres.connect({ user: app, password, database: name }),
    env: { PGHOST: "127.0.0.1", PGPORT: String(postgres.port), PGDATABASE: name, PGUSER: app, PGPASSWORD: password },
    up: (migration, hook) => runSection(run, migration, "up", hook),
    down: (migration, hook) => runSection(run, migration, "down", hook),
  };
}

/** One migration file. */
export interface FileText {
  phase?: "expand" | "contract";
  sync?: string;
  up: string;
  down?: string;
  options?: "transaction:false";
}

export function migration(version: string, { phase = "expand", sync, up, down, options }: FileText): Migration {
  const marker = (direction: string): string => `-- migrate:${direction}${options === undefined ? "" : ` ${options}`}`;
  const text = [
    `-- switchyard: phase=${phase}`,
    ...(sync === undefined ? [] : [`-- switchyard: ${sync}`]),
    marker("up"),
    up,
    marker("down"),
    down ?? "SELECT 1;",
    "",
  ].join("\n");
  return parseMigration(`${version}_people.sql`, text);
}

async function runSection(
  run: Run,
  from: Migration,
  direction: Direction,
  hook: Hook = () => undefined,
): Promise<void> {
  const section: Section = from[direction];
  const { version, name, phase, impact, syncs, verify } = from;
  const step: RunStep = { version, name, phase, impact, direction, section, syncs, verify, source: "file" };
  const { client } = run;
  if (section.transaction) await client.query("BEGIN");
  try {
    await hook("prepare");
    await prepareSyncs(run, step);
    const first = section.statements.findIndex(({ backfill }) => backfill !== undefined);
    for (const [index, { text }] of section.statements.entries()) {
      await hook("statement", index);
      if (index === first) await completeSyncs(run, step);
      await client.query(text);
    }
    await hook("complete");
    if (first === -1) await completeSyncs(run, step);
    await hook("commit");
    if (section.transaction) await client.query("COMMIT");
  } catch (error) {
    await client.query("ROLLBACK");
    throw error;
  }
}
