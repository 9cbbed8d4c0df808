import type { Client } from "pg";
import { inSession } from "../database/session";
import { read, type Reading } from "./reading";

/** Where and as whom the collector looks. */
export interface Target {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  /** Certificates, in PEM, by which the server is known; undefined without TLS. */
  readonly ca: string | undefined;
  /** Roles whose statements are the service's, and all whose connections are counted. */
  readonly service: readonly string[];
  readonly all: readonly string[];
}

/** Milliseconds. A look that takes longer is given up: it would be in the way of the next, and of what it looks at. */
const [connectMs, statementMs] = [5_000, 10_000];

const limits = {
  statement_timeout: statementMs,
  lock_timeout: 1_000,
  default_transaction_read_only: "on",
  // What is planned for one row needs no processes beside it.
  max_parallel_workers_per_gather: 0,
};

/** One reading. @throws as `withSession` */
export const readOnce = (target: Target): Promise<Reading> => withSession(target, (client) => read(client, target));

/**
 * One connection for `work`, closed after it.
 * @throws with host, port and role and what the server said; never with the password
 */
export async function withSession<T>(target: Target, work: (client: Client) => Promise<T>): Promise<T> {
  const { host, port, database, user, password, ca } = target;
  const config = {
    ...{ host, port, database, user, password, connectionTimeoutMillis: connectMs },
    query_timeout: statementMs + 1_000,
    application_name: "switchyard-collector",
    ssl: ca === undefined ? false : { ca, rejectUnauthorized: true },
  };
  return inSession(config, limits, async (client) => {
    try {
      return await work(client);
    } catch (cause) {
      const said = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`can't read the statistics of ${database} at ${host}:${port} as ${user}: ${said}`, { cause });
    }
  });
}

/** Whether the server refused the password. */
export const isRefused = (error: unknown): boolean => {
  const cause = error instanceof Error ? error.cause : undefined;
  return (cause as { code?: string } | undefined)?.code === "28P01";
};
