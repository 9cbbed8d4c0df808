import { DatabaseError, Pool, TypeOverrides, types, type PoolClient, type QueryResultRow } from "pg";
import type { Logger } from "pino";
import type { DatabaseConfig } from "./config";
import { clientsWithin } from "./connections";
import { keepFloor, type Floor } from "./floor";

/** A statement with its values, as the modules under queries/ write them. */
export interface Sql {
  text: string;
  values: unknown[];
}

/** No connection could be had; the statement was not sent, so it is safe to try again. */
export class DatabaseUnavailable extends Error {
  override readonly name = "DatabaseUnavailable";
}

/** The connection was lost, or went silent, while the statement ran: whether it took effect is unknown. */
export class ConnectionLost extends Error {
  override readonly name = "ConnectionLost";
}

/** Time on top of the server's own statement timeout after which the client gives up on an answer, in ms. */
const answerMarginMs = 2_000;

/** How much earlier the server gives up a `read` than the client, so that its answer still arrives, in ms. */
const cancelMarginMs = 100;

/** bigint as a number: what this service counts stays far below 2^53. */
const typeParsers = new TypeOverrides();
typeParsers.setTypeParser(types.builtins.INT8, Number);

/** The pool of connections, with its promises kept: never above `max`, and `min` of them open while the server is up. */
export class Database {
  private readonly pool: Pool;
  private readonly floor: Floor;

  constructor(
    private readonly config: DatabaseConfig,
    private readonly log: Logger,
  ) {
    this.pool = new Pool({
      host: config.host,
      port: config.port,
      database: config.database,
      user: config.user,
      password: config.password,
      ssl: config.tls,
      application_name: config.applicationName,
      max: config.max,
      min: config.min,
      idleTimeoutMillis: config.idleMs,
      connectionTimeoutMillis: config.connectMs,
      statement_timeout: config.statementTimeoutMs,
      query_timeout: config.statementTimeoutMs + answerMarginMs,
      keepAlive: true,
      types: typeParsers,
      Client: clientsWithin(config.max, config.connectMs),
    });
    this.pool.on("error", (err) => this.log.warn({ err }, "an idle connection was lost"));
    // While a client is in use the pool does not listen to it, and an error nobody listens to ends the process. The
    // statement under way fails with the same error, or the next one does.
    this.pool.on("connect", (client) => client.on("error", (err) => this.log.debug({ err }, "a connection failed")));
    this.floor = keepFloor(this.pool, config.min, log);
  }

  /** Opens the first `min` connections; gives up after `connectMs` and goes on trying in the background. Never throws. */
  open(): Promise<void> {
    return this.floor.fill();
  }

  /**
   * Runs one statement, which is a transaction of its own.
   * @throws DatabaseUnavailable, ConnectionLost, or pg's DatabaseError for what the server refused
   */
  async query<Row extends object>(sql: Sql): Promise<Row[]> {
    return this.use(await this.acquire(), async (client) => (await client.query<Row & QueryResultRow>(sql)).rows);
  }

  /**
   * Reads, and gives up after `withinMs`, the wait for a connection included. The server gives up a little earlier: a
   * statement that only the client forgets would go on there, on a connection that the pool no longer counts.
   * @throws as `query`; 57014 where the server gave up
   */
  async read<Row extends object>(sql: Sql, withinMs: number): Promise<Row[]> {
    const deadline = performance.now() + withinMs;
    const left = () => Math.max(1, Math.floor(deadline - performance.now()));
    return this.use(await this.acquire(withinMs), async (client) => {
      const serverMs = Math.max(1, left() - cancelMarginMs);
      const send = (text: string, values?: unknown[]) =>
        client.query<Row & QueryResultRow>({ text, values, ...{ query_timeout: left() } });
      await send(`BEGIN READ ONLY; SET LOCAL statement_timeout = ${serverMs}`);
      try {
        return (await send(sql.text, sql.values)).rows;
      } finally {
        await send("ROLLBACK");
      }
    });
  }

  /** Connections open, of those unused, and callers that wait for one. */
  figures(): { total: number; idle: number; waiting: number } {
    return { total: this.pool.totalCount, idle: this.pool.idleCount, waiting: this.pool.waitingCount };
  }

  /** Closes every connection, once those in use are handed back. */
  async close(): Promise<void> {
    this.floor.stop();
    await this.pool.end();
  }

  /** Hands the connection back in the end, or closes it when it is no longer fit for use. */
  private async use<T>(client: PoolClient, work: (client: PoolClient) => Promise<T>): Promise<T> {
    try {
      const result = await work(client);
      client.release();
      return result;
    } catch (error) {
      // pool.query would close the connection after every error, a duplicate key included.
      const usable = isRefusal(error);
      client.release(!usable);
      if (usable) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw new ConnectionLost(`the connection to the database was lost: ${reason}`, { cause: error });
    }
  }

  private async acquire(withinMs = Infinity): Promise<PoolClient> {
    const { max, connectMs } = this.config;
    const busy = this.pool.totalCount >= max && this.pool.idleCount === 0;
    const pending = this.pool.connect();
    try {
      return await (withinMs < connectMs ? within(pending, withinMs) : pending);
    } catch (error) {
      const ms = Math.min(connectMs, withinMs);
      const what = busy ? `all ${max} connections were in use for ${ms} ms` : "the database can't be reached";
      throw new DatabaseUnavailable(`${what}: ${describe(error)}`, { cause: error });
    }
  }
}

/** Resolves like `pending`, or rejects after `ms`; a client that comes later is handed back. */
async function within(pending: Promise<PoolClient>, ms: number): Promise<PoolClient> {
  let late = false;
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      late = true;
      reject(new Error(`no connection within ${ms} ms`));
    }, ms);
  });
  pending.then(
    (client) => late && client.release(),
    () => undefined,
  );
  return Promise.race([pending, limit]).finally(() => clearTimeout(timer));
}

/** Whether the server refused a statement on a connection that lives on. 08 and 57P: the server ends it. */
function isRefusal(error: unknown): error is DatabaseError {
  return error instanceof DatabaseError && !/^(08|57P)/.test(error.code ?? "08");
}

/** Node.js reports a name with several addresses as an AggregateError without a message of its own. */
function describe(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(describe).join("; ");
  return error instanceof Error ? error.message : String(error);
}
