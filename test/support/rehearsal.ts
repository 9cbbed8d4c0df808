// A database as the Access step leaves it, with migrations applied to it, and everything that a rehearsal of it needs.

import { randomBytes } from "node:crypto";
import type { Client } from "pg";
import { parseMigration, type Migration } from "../../infra/schema";
import type { Catalogue } from "../../infra/schema/catalogue-diff";
import { readCatalogue } from "../../infra/providers/schema/catalogue";
import { prepareHistory } from "../../infra/providers/schema/history";
import type { RehearsalTarget } from "../../infra/providers/schema/rehearsal-types";
import { runStep, stepFromFile } from "../../infra/providers/schema/run-step";
import { withRun } from "../../infra/providers/schema/session";
import type { TestPostgres } from "./postgres";

/** A migration as its file would be. `options` follow both markers, such as " transaction:false". */
export function migration(fileName: string, up: string, down: string, head = "phase=expand", options = ""): Migration {
  const text = `-- switchyard: ${head}\n-- migrate:up${options}\n${up}\n-- migrate:down${options}\n${down}\n`;
  return parseMigration(fileName, text);
}

export interface RealDatabase {
  name: string;
  target: RehearsalTarget;
  /** A superuser's session that works as the owner. */
  owner: Client;
  /** Applies and records, as an `up` would have. */
  apply(...migrations: readonly Migration[]): Promise<void>;
  /** Everything that a rehearsal must leave as it is. */
  everything(): Promise<{ catalogue: Catalogue; history: unknown[]; privileges: unknown[] }>;
  /** Scratch copies of it that are there now. */
  copies(): Promise<string[]>;
}

/** Makes one, with roles of its own; the server's administrator is no superuser. */
export async function createRealDatabase(postgres: TestPostgres): Promise<RealDatabase> {
  const name = `app_${randomBytes(4).toString("hex")}`;
  const [owner, migrator, app] = [`${name}_owner`, `${name}_migrator`, `${name}_app_blue`];
  const password = randomBytes(12).toString("base64url");
  const { administrator, port } = postgres;
  const asAdministrator = (database: string) => postgres.connect({ ...administrator, database });
  const client = await asAdministrator("postgres");
  await client.query(`CREATE ROLE ${owner}; GRANT ${owner} TO ${administrator.user}`);
  for (const login of [migrator, app])
    await client.query(`CREATE ROLE ${login} LOGIN NOINHERIT PASSWORD '${password}'`);
  await client.query(`GRANT ${owner} TO ${migrator}`);
  await client.query(`CREATE DATABASE ${name} OWNER ${owner} TEMPLATE template1`);
  await client.query(
    `REVOKE ALL ON DATABASE ${name} FROM PUBLIC; GRANT CONNECT ON DATABASE ${name} TO ${migrator}, ${app}`,
  );
  await client.end();
  const inside = await asAdministrator(name);
  for (const extension of ["uuid-ossp", "pg_trgm", "pg_stat_statements"])
    await inside.query(`CREATE EXTENSION IF NOT EXISTS "${extension}"`);
  await inside.query(`REVOKE ALL ON SCHEMA public FROM PUBLIC; GRANT USAGE ON SCHEMA public TO ${app}`);
  const defaults = `ALTER DEFAULT PRIVILEGES FOR ROLE ${owner}`;
  await inside.query(`${defaults} IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO ${app}`);
  await inside.query(`${defaults} GRANT SELECT ON TABLES TO ${app}; ${defaults} GRANT USAGE ON SCHEMAS TO ${app}`);
  await inside.query(
    `${defaults} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC; ${defaults} GRANT EXECUTE ON FUNCTIONS TO ${app}`,
  );
  await inside.end();
  const session = await postgres.connect({ user: "postgres", password: postgres.superuserPassword, database: name });
  await session.query(`SET ROLE ${owner}`);
  await prepareHistory(session);
  const connection = { host: "127.0.0.1", port, database: name, user: administrator.user, sslmode: "disable" as const };
  return {
    name,
    owner: session,
    target: {
      connection,
      password: administrator.password,
      owner,
      migrator: { user: migrator, password },
      service: { user: app, password },
      template: "template1",
    },
    apply: (...migrations) =>
      withRun(
        { connection: { ...connection, user: migrator }, password, owner },
        { say: () => undefined },
        async (run) => {
          for (const each of migrations) await runStep(run, stepFromFile(each, "up"));
        },
      ),
    everything: async () => ({
      catalogue: await readCatalogue(session),
      history: (await session.query("SELECT * FROM switchyard.migrations ORDER BY version")).rows,
      privileges: (await session.query("SELECT datacl::text, datallowconn FROM pg_database WHERE datname = $1", [name]))
        .rows,
    }),
    copies: async () => {
      const { rows } = await session.query<{ name: string }>(
        "SELECT datname AS name FROM pg_database WHERE starts_with(datname, $1) ORDER BY 1",
        [`${name}_rehearsal_`],
      );
      return rows.map((row) => row.name);
    },
  };
}
