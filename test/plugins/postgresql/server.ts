import { Client } from "pg";
import type { Properties } from "../protocol/values";

/** The provider's configuration. */
export interface Settings {
  host: string;
  port: number;
  /** The maintenance database, where roles and databases are made. */
  database: string;
  username: string;
  password: string;
  /** Whether `username` is a superuser. */
  superuser: boolean;
  sslmode: SslMode;
  sslrootcert?: string;
  /** In seconds; 0: for ever. */
  connectTimeout: number;
  /** At once, in each database; 0: any number. */
  maxConnections: number;
}

/** What lib/pq knows, the driver of the official plugin. */
export const sslModes = ["disable", "require", "verify-ca", "verify-full"] as const;
export type SslMode = (typeof sslModes)[number];

/** The server that the provider is configured for. Like the official plugin's, its sessions end with each operation. */
export class Server {
  readonly #free = new Map<string, Turns>();

  constructor(readonly settings: Settings) {}

  /**
   * A session in `database` (default: the maintenance database) for `work`, ended after it, or when `signal` is aborted.
   * @throws when the server can't be reached or refuses us: what was tried, and what to do.
   */
  async session<T>(
    database: string | undefined,
    signal: AbortSignal,
    work: (client: Client) => Promise<T>,
  ): Promise<T> {
    const name = database ?? this.settings.database;
    const turns = this.#free.get(name) ?? new Turns(this.settings.maxConnections);
    this.#free.set(name, turns);
    await turns.take();
    try {
      return await this.#connected(name, signal, work);
    } finally {
      turns.give();
    }
  }

  /** As `session`, in one transaction: it is rolled back, whole, when `work` throws or the session ends. */
  transaction<T>(database: string | undefined, signal: AbortSignal, work: (client: Client) => Promise<T>): Promise<T> {
    return this.session(database, signal, async (client) => {
      await client.query("BEGIN");
      const result = await work(client);
      await client.query("COMMIT");
      return result;
    });
  }

  async #connected<T>(database: string, signal: AbortSignal, work: (client: Client) => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    const { host, port, username, password, connectTimeout } = this.settings;
    const client = new Client({
      host,
      port,
      database,
      user: username,
      password,
      application_name: "pulumi-resource-postgresql (stand-in)",
      connectionTimeoutMillis: connectTimeout * 1000,
      ssl: await tls(this.settings),
      options: "-c client_min_messages=error",
    });
    // A session that is ended while nothing runs on it is reported by the next query.
    client.on("error", () => undefined);
    const abort = () => void client.end();
    signal.addEventListener("abort", abort);
    try {
      await client.connect().catch((error: unknown) => {
        throw unreachable(error as Error, this.settings, database);
      });
      return await work(client);
    } finally {
      signal.removeEventListener("abort", abort);
      await client.end();
    }
  }
}

async function tls({ sslmode, sslrootcert }: Settings): Promise<object | false> {
  if (sslmode === "disable") return false;
  if (sslmode === "require") return { rejectUnauthorized: false };
  const { readFile } = await import("node:fs/promises");
  const ca = sslrootcert === undefined ? undefined : await readFile(sslrootcert, "utf8");
  return sslmode === "verify-full" ? { ca } : { ca, checkServerIdentity: () => undefined };
}

function unreachable(error: Error & { code?: string }, settings: Settings, database: string): Error {
  const { host, port, username, sslmode } = settings;
  const tried = `tried host ${host}, port ${port}, database ${database}, user ${username}, sslmode ${sslmode}`;
  const remedies: Record<string, string> = {
    "28P01": "the password is not that role's: see the provider's username and password",
    "28000": "the server lets this user not in from here: see its pg_hba.conf, and the provider's username and sslmode",
    "3D000": "there is no such database: see the provider's database",
    "53300": "all connections are taken: end some, or raise max_connections of the server",
  };
  const remedy =
    remedies[error.code ?? ""] ??
    "see that the server runs and is reachable from here, and the provider's host and port";
  return new Error(`can't connect to PostgreSQL at ${host}:${port}: ${error.message} (${tried}); ${remedy}`, {
    cause: error,
  });
}

/** Lets a number of holders in at once, in the order of their coming. */
class Turns {
  #taken = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(readonly most: number) {}

  async take(): Promise<void> {
    if (this.most > 0 && this.#taken >= this.most) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#taken += 1;
  }

  give(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#taken -= 1;
    else next();
  }
}

/** duplicate_object and duplicate_database. */
const isThereAlready = ["42710", "42P04"];

/** Runs a step of an operation; what PostgreSQL says gets `what` before it, its code, detail and hint after it. */
export async function step<T>(what: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const {
      message,
      code = "",
      detail,
      hint,
    } = error as { message: string; code?: string; detail?: string; hint?: string };
    const ways = isThereAlready.includes(code)
      ? "another stack's, or left by an up that was killed as it made it: drop it, or take it over with pulumi import"
      : undefined;
    const more = [detail, hint, ways].filter((part) => part !== undefined);
    throw new Error([`${what}: ${message}${code === "" ? "" : ` (${code})`}`, ...more].join("; "), { cause: error });
  }
}

/** The names of the columns' values in one row, as properties; undefined when there is no row. */
export async function row(client: Client, sql: string, values: unknown[]): Promise<Properties | undefined> {
  const { rows } = await client.query<Properties>(sql, values);
  return rows[0];
}
