import type { Connection } from "../connection";
import { inProject } from "../project";

/** Where PostgreSQL's own programs connect, as arguments. A password is never one: every listing of processes shows them. */
export const connectTo = ({ host, port, database, user }: Connection): string[] => [
  ...["--host", host, "--port", String(port), "--username", user, "--no-password", "--dbname", database],
];

/**
 * The environment of PostgreSQL's own programs: messages in English, so that they can be told apart; of the caller's PG*
 * variables the certificates alone.
 */
export const plainEnv = (): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith("PG") || name === "PGSSLROOTCERT"),
  ),
  LC_ALL: "C",
});

/** The same for one that connects. */
export const connectEnv = ({ sslmode, sslrootcert }: Connection, password: string): NodeJS.ProcessEnv => ({
  ...plainEnv(),
  PGPASSWORD: password,
  PGSSLMODE: sslmode,
  ...(sslrootcert !== undefined && { PGSSLROOTCERT: inProject(sslrootcert) }),
  PGOPTIONS: "-c client_min_messages=warning",
});
