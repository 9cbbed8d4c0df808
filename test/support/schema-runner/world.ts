// A server with the roles of a stack, databases on it, and the runner's orders for them.

import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client } from "pg";
import type { EmbeddedMajor } from "../../../infra/platform/local/postgres/binaries";
import { shutDown, start } from "../../../infra/platform/local/postgres/cluster";
import { findHome } from "../../../infra/platform/local/postgres/home";
import type { ProcessRef } from "../../../infra/platform/local/process/identity";
import { waitUntil } from "../../../infra/platform/local/process/lifecycle";
import { readCatalogue } from "../../../infra/providers/schema/catalogue";
import { readSchemaFacts, type SchemaFacts } from "../../../infra/providers/schema/history";
import type { RunTarget } from "../../../infra/providers/schema/session";
import { runStage, type StageOrders } from "../../../infra/providers/schema/stage";
import { readMigrations, summarise } from "../../../infra/schema";
import { startPostgres, type TestPostgres } from "../postgres";

const password = randomBytes(12).toString("base64url");

export class World {
  private databases = 0;
  private folders = 0;
  private restarted: ProcessRef | undefined;

  private constructor(
    readonly major: EmbeddedMajor,
    readonly postgres: TestPostgres,
    readonly folder: string,
  ) {}

  static async start(major: EmbeddedMajor): Promise<World> {
    const postgres = await startPostgres(major);
    // As the Access step leaves them: nobody logs in as the owner, and the migrator begins as it.
    await postgres.asSuperuser((client) =>
      client.query(
        `CREATE ROLE app_owner NOLOGIN; GRANT pg_read_all_stats TO app_owner; CREATE ROLE app_migrator LOGIN NOINHERIT PASSWORD '${password}';
         GRANT app_owner TO app_migrator; ALTER ROLE app_migrator SET role = 'app_owner'`,
      ),
    );
    return new World(major, postgres, mkdtempSync(join(tmpdir(), "switchyard-runner-")));
  }

  async stop(): Promise<void> {
    await shutDown(this.restarted);
    await this.postgres.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async createDatabase(template = "template1"): Promise<RunTarget> {
    const database = `app_${this.databases++}`;
    await this.postgres.asSuperuser((client) =>
      client.query(`CREATE DATABASE ${database} OWNER app_owner TEMPLATE ${template}`),
    );
    const { port } = this.postgres;
    const connection = { host: "127.0.0.1", port, database, user: "app_migrator", sslmode: "disable" as const };
    return { connection, password, owner: "app_owner" };
  }

  write(files: Record<string, string>): string {
    const folder = join(this.folder, `migrations-${this.folders++}`);
    mkdirSync(folder);
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    return folder;
  }

  /** What an `up` over these files orders, all of it in one stage. */
  orders(files: Record<string, string>, more: Partial<StageOrders> = {}): StageOrders {
    return ordersOf(this.write(files), more);
  }

  /** Runs what is ordered, to its end. */
  async run(target: RunTarget, orders: StageOrders): Promise<{ facts: SchemaFacts; said: string[] }> {
    const said: string[] = [];
    const facts = await runStage(target, orders, { say: (line) => said.push(line) });
    return { facts, said };
  }

  superuser(target: RunTarget): Promise<Client> {
    const { superuserPassword } = this.postgres;
    return this.postgres.connect({
      user: "postgres",
      password: superuserPassword,
      database: target.connection.database,
    });
  }

  facts(target: RunTarget): Promise<SchemaFacts> {
    return this.postgres.asSuperuser(readSchemaFacts, target.connection.database);
  }

  /** Everything that two databases with the same migrations have in common. */
  everything(target: RunTarget): Promise<{ catalogue: object; rows: object; history: object[]; runs: object[] }> {
    return this.postgres.asSuperuser(async (client) => {
      const catalogue = await readCatalogue(client);
      const tables = await client.query<{ name: string }>(
        "SELECT oid::regclass::text AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') ORDER BY 1",
      );
      const rows: Record<string, string> = {};
      for (const { name } of tables.rows) {
        const found = await client.query<{ all: string }>(
          `SELECT coalesce(string_agg(t::text, E'\\n' ORDER BY t::text), '') AS all FROM ${name} AS t`,
        );
        rows[name] = found.rows[0]?.all ?? "";
      }
      const history = await client.query<object>(
        "SELECT version, state, statements_applied, statement_begun, error, finished_at IS NULL AS open FROM switchyard.migrations ORDER BY 1",
      );
      const runs = await client.query<object>(
        "SELECT version, direction, count(*)::int AS runs FROM switchyard.migration_runs WHERE error IS NULL GROUP BY 1, 2 ORDER BY 1, 2",
      );
      return { catalogue, rows, history: history.rows, runs: runs.rows };
    }, target.connection.database);
  }

  /** Stops the server as a power cut does, from whoever calls: without a word to anybody, no buffer written. */
  get postmaster(): number {
    const file = join(findHome(this.postgres.folder, this.major).data, "postmaster.pid");
    return Number(readFileSync(file, "utf8").split("\n")[0]);
  }

  /** Starts the server again once the one that was ended is gone. */
  async restart(ended: number): Promise<void> {
    await waitUntil("the end of the server", () => Promise.resolve(existsSync(`/proc/${ended}`) ? undefined : true), {
      timeoutMs: 30_000,
    });
    const { folder, port, superuserPassword } = this.postgres;
    const home = findHome(folder, this.major);
    const log = join(folder, "postgres.log");
    this.restarted = await start({ home, port, maxConnections: 200, log, superuserPassword });
  }
}

export function ordersOf(folder: string, more: Partial<StageOrders> = {}): StageOrders {
  const files = readMigrations(folder);
  return {
    ...{ stage: "widen", folder, migrateTo: "latest", acceptEdited: [], acceptLoss: [], release: "blue 1.0.0" },
    migrations: files.map((file) => summarise(file, files)),
    plan: { early: [], waits: [] },
    ...more,
  };
}
