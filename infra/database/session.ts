// Nothing of the project is imported here: the collector's function has it in its bundle.

import { Client, type ClientConfig } from "pg";

/** Where a session is, and as whom; the rest as `pg` takes it. */
export interface SessionConfig extends ClientConfig {
  host: string;
  port: number;
  database: string;
  user: string;
}

/** Settings of the session, whatever the role's or the server's defaults are; none with a space in it. */
export type SessionLimits = Readonly<Record<string, string | number>>;

/**
 * A session for `work`, closed after it.
 * @throws with host, port and role, and what the server said, where it can't connect; never with the password
 */
export async function inSession<T>(
  config: SessionConfig,
  limits: SessionLimits,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const options = Object.entries(limits).map(([name, value]) => `-c ${name}=${value}`);
  const client = new Client({ ...config, options: options.join(" ") });
  // A session that ends while nothing runs on it is reported by the next query.
  client.on("error", () => undefined);
  try {
    await client.connect();
  } catch (cause) {
    const { user, host, port, database } = config;
    const said = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`can't connect as ${user} to ${database} at ${host}:${port}: ${said}`, { cause });
  }
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
