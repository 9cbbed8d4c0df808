// The example service as a real process, and its database at any migration, for tests.

import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "pg";
import type { TestPostgres } from "./postgres";

const root = resolve(__dirname, "../..");
const service = join(root, "examples/pages/server.ts");

export interface MigrationFile {
  version: string;
  name: string;
  phase: string;
  up: Section;
  down: Section;
}

interface Section {
  transaction: boolean;
  sql: string;
}

/** The files in migrations/, in order. Far simpler than the real reader: it knows only how those files are written. */
export const migrationFiles: readonly MigrationFile[] = readdirSync(join(root, "migrations"))
  .filter((file) => file.endsWith(".sql"))
  .sort()
  .map((file) => {
    const [, version = "", name = ""] = /^(\d+)_(.+)\.sql$/.exec(file) ?? [];
    const text = readFileSync(join(root, "migrations", file), "utf8");
    const [head = "", upOptions = "", up = "", downOptions = "", down = ""] =
      text.split(/^-- migrate:(?:up|down)(.*)$/m);
    const section = (options: string, sql: string) => ({ transaction: options.trim() !== "transaction:false", sql });
    const phase = /^-- switchyard: phase=(\w+)$/m.exec(head)?.[1] ?? "";
    return { version, name, phase, up: section(upOptions, up), down: section(downOptions, down) };
  });

/** Runs a section as a runner does: in one transaction, or statement by statement. */
export async function runSection(client: Client, { transaction, sql }: Section): Promise<void> {
  if (transaction) return runInTransaction(client, sql);
  for (const statement of sql.split(/;$/m).filter((part) => part.replace(/^\s*--.*$/gm, "").trim() !== ""))
    await client.query(statement);
}

async function runInTransaction(client: Client, sql: string): Promise<void> {
  await client.query("BEGIN");
  try {
    await client.query(sql);
    await client.query("COMMIT");
  } catch (error) {
    await client.query("ROLLBACK");
    throw error;
  }
}

export interface Session {
  pid: number;
  state: string;
  query: string;
}

/** A database as the access step leaves it: extensions, an owner role without login, an app role, default privileges. */
export interface PagesDatabase {
  name: string;
  /** What the service needs to connect. */
  env: Record<string, string>;
  /** A session that works as the owner role. */
  owner: Client;
  /** Applies what is pending, up to and including `version`, and records it. */
  migrate(version: string): Promise<void>;
  /** Enters a migration that has no file. */
  record(row: { version: string; phase: "expand" | "contract"; finished?: boolean }): Promise<void>;
  /** Sessions of the service, as PostgreSQL counts them. */
  sessions(colour?: string): Promise<Session[]>;
}

/** Makes a database of its own in `postgres`, its schema at migration `version` ("" for none at all). */
export async function createPagesDatabase(postgres: TestPostgres, version = "0006"): Promise<PagesDatabase> {
  const name = `pages_${randomBytes(4).toString("hex")}`;
  const password = randomBytes(12).toString("base64url");
  const [ownerRole, app] = [`${name}_owner`, `${name}_app`];
  await postgres.asSuperuser(async (client) => {
    await client.query(`CREATE ROLE ${ownerRole}`);
    await client.query(`CREATE ROLE ${app} LOGIN PASSWORD '${password}'`);
    await client.query(`CREATE DATABASE ${name} OWNER ${ownerRole}`);
  });
  await postgres.asSuperuser(async (client) => {
    for (const extension of ["uuid-ossp", "pg_trgm", "pg_stat_statements"])
      await client.query(`CREATE EXTENSION IF NOT EXISTS "${extension}"`);
    await client.query(`GRANT CREATE, USAGE ON SCHEMA public TO ${ownerRole}`);
    await client.query(
      `ALTER DEFAULT PRIVILEGES FOR ROLE ${ownerRole} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO ${app}`,
    );
    await client.query(`ALTER DEFAULT PRIVILEGES FOR ROLE ${ownerRole} GRANT USAGE ON SCHEMAS TO ${app}`);
  }, name);
  const superuser = { user: "postgres", password: postgres.superuserPassword, database: name };
  const [owner, watcher] = await Promise.all([postgres.connect(superuser), postgres.connect(superuser)]);
  await owner.query(`SET ROLE ${ownerRole}`);
  const env = {
    PGHOST: "127.0.0.1",
    PGPORT: String(postgres.port),
    PGDATABASE: name,
    PGUSER: app,
    PGPASSWORD: password,
  };
  const database: PagesDatabase = {
    name,
    env,
    owner,
    migrate: (to) => migrate(owner, to),
    record: ({ version: entered, phase, finished = true }) =>
      record(owner, { version: entered, name: "entered", phase }, finished),
    async sessions(colour = "blue") {
      const { rows } = await watcher.query<Session>(
        "SELECT pid, state, query FROM pg_stat_activity WHERE datname = $1 AND application_name = $2 ORDER BY pid",
        [name, `pages-${colour}`],
      );
      return rows;
    },
  };
  if (version !== "") await database.migrate(version);
  return database;
}

/** The columns of `switchyard.migrations` that a service may count on. */
const historyTable = `
  CREATE SCHEMA IF NOT EXISTS switchyard;
  CREATE TABLE IF NOT EXISTS switchyard.migrations (
    version text PRIMARY KEY, name text NOT NULL, phase text NOT NULL CHECK (phase IN ('expand', 'contract')),
    checksum text NOT NULL, finished_at timestamptz
  )`;

async function migrate(owner: Client, to: string): Promise<void> {
  await owner.query(historyTable);
  const { rows } = await owner.query<{ version: string }>("SELECT version FROM switchyard.migrations");
  for (const file of migrationFiles) {
    if (file.version > to || rows.some(({ version }) => version === file.version)) continue;
    await runSection(owner, file.up);
    await record(owner, file, true);
  }
  await owner.query("ANALYZE pages, page_revisions, page_plugins");
}

async function record(owner: Client, file: Pick<MigrationFile, "version" | "name" | "phase">, finished: boolean) {
  await owner.query(
    `INSERT INTO switchyard.migrations (version, name, phase, checksum, finished_at)
     VALUES ($1, $2, $3, '', CASE WHEN $4 THEN now() END)`,
    [file.version, file.name, file.phase, finished],
  );
}

export interface RunningService {
  port: number;
  pid: number;
  url: string;
  /** Every line that it has written. */
  lines: string[];
  /** Its log, as far as it is JSON (which all of it has to be). */
  log(): Record<string, unknown>[];
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** Sends a JSON body; gives status and parsed answer. */
  call(method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown; headers: Headers }>;
  signal(name: NodeJS.Signals): void;
  /** The exit code, or the signal that ended it. */
  exited: Promise<number | string>;
  /** Ends it by SIGKILL if it still runs; for `after`. */
  destroy(): Promise<void>;
}

const defaults = { PORT: "0", COLOUR: "blue", RELEASE: "1.0.0", SCHEMA: "0006", LOG_LEVEL: "debug" };

function launch(env: Record<string, string>) {
  const child = spawn(process.execPath, ["--import", "tsx", service], {
    cwd: root,
    env: { PATH: process.env.PATH, ...defaults, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const lines: string[] = [];
  const ready = new Promise<number | undefined>((settle) => {
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on("line", (line) => {
        lines.push(line);
        const port = /"listening at http:\/\/[^"]*:(\d+)"/.exec(line)?.[1];
        if (port !== undefined) settle(Number(port));
      });
    child.once("close", () => settle(undefined));
  });
  const exited = once(child, "close").then(([code, signal]) => (code ?? signal) as number | string);
  return { child, lines, ready, exited };
}

/** Starts the service and waits until it listens. `env` adds to, and overrides, release 1.0.0 as blue on a free port. */
export async function startService(env: Record<string, string>): Promise<RunningService> {
  const { child, lines, ready, exited } = launch(env);
  const port = await ready;
  if (port === undefined) throw new Error(`the service ended before it listened:\n${lines.join("\n")}`);
  const url = `http://127.0.0.1:${port}`;
  const send = (path: string, init?: RequestInit) => fetch(url + path, init);
  return {
    port,
    pid: child.pid ?? 0,
    url,
    lines,
    log: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>),
    fetch: send,
    async call(method, path, body) {
      const headers = body === undefined ? {} : { "content-type": "application/json" };
      const answer = await send(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
      const text = await answer.text();
      return { status: answer.status, headers: answer.headers, body: text === "" ? undefined : JSON.parse(text) };
    },
    signal: (name) => void child.kill(name),
    exited,
    async destroy() {
      child.kill("SIGKILL");
      await exited;
    },
  };
}

/** Starts the service with an environment that it must refuse; gives its exit code and what it wrote. */
export async function startInVain(env: Record<string, string>): Promise<{ code: number | string; lines: string[] }> {
  const { child, lines, ready, exited } = launch(env);
  if ((await ready) !== undefined) {
    child.kill("SIGKILL");
    throw new Error("the service started although its environment was wrong");
  }
  return { code: await exited, lines };
}

/** Waits until `condition` gives a value. @throws Error naming `what` after `ms` */
export async function eventually<T>(
  what: string,
  condition: () => Promise<T | undefined | false> | T | undefined | false,
  ms = 10_000,
): Promise<T> {
  const deadline = performance.now() + ms;
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > deadline) throw new Error(`waited ${ms / 1000} s in vain until ${what}`);
    await delay(20);
  }
}
