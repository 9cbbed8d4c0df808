import { execFile } from "node:child_process";
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Client } from "pg";
import { dataFolderOf } from "../../../database/data-folder";
import { identify, isRunning, type ProcessRef } from "../process/identity";
import { launch, stop, waitUntil } from "../process/lifecycle";
import type { PostgresHome } from "./home";
import { settings } from "./settings";

const run = promisify(execFile);

export interface ClusterOptions {
  home: PostgresHome;
  port: number;
  maxConnections: number;
  /** What the server writes before its own log starts, such as "no space left on device". */
  log: string;
  /** Of the bootstrap superuser, `postgres`. */
  superuserPassword: string;
}

export const superuser = "postgres";

/** Whether `home` holds an initialised cluster. */
export const isInitialised = (home: PostgresHome): boolean => existsSync(join(home.data, "PG_VERSION"));

/** The major of the cluster in `home`: its data can't be opened by another one. */
export const majorOf = (home: PostgresHome): number => Number(readFileSync(join(home.data, "PG_VERSION"), "utf8"));

/**
 * Makes a new cluster: scram-sha-256 for every connection, UTF-8, C collation (the same order on every machine).
 * It is built aside and renamed when whole: one that was cut short is never taken for a cluster.
 */
export async function initialise(options: ClusterOptions): Promise<void> {
  const { home } = options;
  if (isInitialised(home)) throw new Error(`${home.data} already holds a PostgreSQL cluster`);
  const aside = mkdtempSync(join(tmpdir(), "switchyard-initdb-"));
  const passwordFile = join(aside, "password");
  const building = `${home.data}.new`;
  rmSync(building, { recursive: true, force: true });
  try {
    writeFileSync(passwordFile, options.superuserPassword, { mode: 0o600 });
    if (home.account) {
      for (const path of [aside, passwordFile]) chownSync(path, home.account.uid, home.account.gid);
      mkdirSync(building, { mode: 0o700 });
      chownSync(building, home.account.uid, home.account.gid);
    }
    await run(
      join(home.binaries, "bin", "initdb"),
      // prettier-ignore
      ["--pgdata", building, "--username", superuser, "--pwfile", passwordFile, "--auth", "scram-sha-256",
        "--encoding", "UTF8", "--locale", "C"],
      { cwd: "/", env: serverEnv(home), uid: home.account?.uid, gid: home.account?.gid },
    );
  } catch (error) {
    rmSync(building, { recursive: true, force: true });
    throw new Error(`initdb failed: ${((error as { stderr?: string }).stderr ?? (error as Error).message).trim()}`, {
      cause: error,
    });
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
  renameSync(building, home.data);
}

/**
 * Starts the server of an initialised cluster and waits, up to 60 s, until it takes connections.
 * A server that was killed leaves helpers that hold its shared memory for a moment, and perhaps a stale lock file.
 */
export async function start(options: ClusterOptions): Promise<ProcessRef> {
  const { home } = options;
  writeSettings(options);
  const end = Date.now() + 15_000;
  for (;;) {
    clearStaleLock(home);
    const server = await launch({
      command: join(home.binaries, "bin", "postgres"),
      args: ["-D", home.data],
      cwd: "/",
      env: serverEnv(home),
      log: options.log,
      account: home.account,
    });
    try {
      await waitUntil("PostgreSQL", () => answers(options), { timeoutMs: 60_000, ref: server, log: options.log });
      return server;
    } catch (error) {
      await shutDown(server);
      if (!/shared memory block .* still in use/.test((error as Error).message) || Date.now() > end) throw error;
      rmSync(options.log, { force: true });
    }
  }
}

/** Stops the server: "fast" (sessions are ended, data is flushed), and by force after 60 s. */
export const shutDown = (server: ProcessRef | undefined): Promise<boolean> =>
  stop(server, { signal: "SIGINT", graceMs: 60_000 });

/** A connection as the bootstrap superuser; the local platform alone has one, nothing above it. */
export async function withSuperuser<T>(
  options: Pick<ClusterOptions, "port" | "superuserPassword">,
  work: (client: Client) => Promise<T>,
  database = "postgres",
): Promise<T> {
  const client = new Client({
    host: "127.0.0.1",
    port: options.port,
    user: superuser,
    password: options.superuserPassword,
    database,
    application_name: "switchyard-local",
    connectionTimeoutMillis: 5_000,
  });
  // A server that goes away while we are connected is reported by the query that was under way, or by the next one.
  client.on("error", () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** True once the server answers a query of the superuser; undefined while it starts. */
async function answers(options: ClusterOptions): Promise<true | undefined> {
  try {
    return await withSuperuser(options, async (client) => {
      const folder = await dataFolderOf(client);
      if (folder === options.home.data) return true as const;
      throw new Error(`port ${options.port} is answered by another PostgreSQL (${folder})`);
    });
  } catch (error) {
    const code = (error as { code?: string }).code;
    // 57P03: starting up, or recovering from a crash.
    if (code === "ECONNREFUSED" || code === "57P03") return undefined;
    throw error;
  }
}

function writeSettings(options: ClusterOptions): void {
  const { data, account } = options.home;
  const files = settings(options);
  for (const [name, text] of Object.entries(files)) {
    const file = join(data, name);
    writeFileSync(file, text, { mode: 0o600 });
    if (account) chownSync(file, account.uid, account.gid);
  }
}

/**
 * After a reboot the pid in postmaster.pid may belong to anybody, and PostgreSQL then refuses to start. On Linux the
 * working directory of a postmaster is its data directory, so a lock held by nobody of ours can be told and removed;
 * elsewhere PostgreSQL's own message stands.
 */
function clearStaleLock(home: PostgresHome): void {
  const file = join(home.data, "postmaster.pid");
  if (process.platform !== "linux" || !existsSync(file)) return;
  if (!ownsCluster(Number(readFileSync(file, "utf8").split("\n")[0]), home)) rmSync(file);
}

function ownsCluster(pid: number, home: PostgresHome): boolean {
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === home.data;
  } catch (error) {
    // ENOENT, ESRCH: no such process. EACCES: a stranger's, as ours is readable to us.
    if (["ENOENT", "ESRCH", "EACCES"].includes((error as NodeJS.ErrnoException).code ?? "")) return false;
    throw error;
  }
}

/** The postmaster of `home` that runs now, also one that no state knows of (an `up` killed before it could record it). */
export function runningServer(home: PostgresHome, known?: ProcessRef): ProcessRef | undefined {
  if (isRunning(known)) return known;
  const file = join(home.data, "postmaster.pid");
  if (!existsSync(file)) return undefined;
  const pid = Number(readFileSync(file, "utf8").split("\n")[0]);
  return process.platform === "linux" && !ownsCluster(pid, home) ? undefined : identify(pid);
}

/** What the programs of PostgreSQL run with: their own libraries, and nothing of the caller's. */
export const serverEnv = (home: PostgresHome): Record<string, string> => ({
  PATH: "/usr/bin:/bin",
  LD_LIBRARY_PATH: join(home.binaries, "lib"),
  TZ: "UTC",
  LC_ALL: "C",
});
