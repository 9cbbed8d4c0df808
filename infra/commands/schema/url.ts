import { resolve } from "node:path";
import type { Connection } from "../../providers/connection";
import { CommandError } from "../say";

/** A database that somebody named, and the password that goes with it. */
export interface Login {
  readonly connection: Connection;
  /** Secret. */
  readonly password: string;
}

/** The server is this machine: nothing can listen in between. */
const LOCAL = ["localhost", "127.0.0.1", "[::1]"];

const sslModes = ["verify-full", "verify-ca", "disable"] as const;

/**
 * Reads postgres://user:password@host:port/database?sslmode=…&sslrootcert=…, whose file is looked for from where the command runs.
 * @param from names where it comes from, in messages. The URL itself is never shown: it may hold a password.
 * @param env PGPASSWORD is taken where the URL has no password
 * @throws CommandError that says what is missing
 */
export function readUrl(text: string, from: "DATABASE_URL" | "--database-url", env: NodeJS.ProcessEnv): Login {
  const refuse = (why: string): never => {
    throw new CommandError(`${from} ${why}; expected postgres://USER@HOST:PORT/DATABASE, the password in PGPASSWORD`);
  };
  const url = URL.parse(text) ?? refuse("is no URL");
  if (!/^postgres(ql)?:$/.test(url.protocol)) refuse(`begins with ${url.protocol}`);
  if (from === "--database-url" && url.password !== "")
    refuse(
      "holds a password, which every listing of processes shows: put it into PGPASSWORD, or the URL into DATABASE_URL",
    );
  const decoded = (part: string, what: string): string => {
    if (part === "") refuse(`names no ${what}`);
    try {
      return decodeURIComponent(part);
    } catch {
      return refuse(`has a ${what} with a % that stands for nothing`);
    }
  };
  const fallback = LOCAL.includes(url.hostname) ? "disable" : "verify-full";
  const mode = url.searchParams.get("sslmode") ?? fallback;
  const sslmode = sslModes.find((each) => each === mode) ?? refuse(`has sslmode=${mode}; use ${sslModes.join(", ")}`);
  const sslrootcert = url.searchParams.get("sslrootcert");
  return {
    connection: {
      host: decoded(url.hostname, "host").replace(/^\[(.*)\]$/, "$1"),
      port: url.port === "" ? 5432 : Number(url.port),
      database: decoded(url.pathname.slice(1), "database"),
      user: decoded(url.username, "user"),
      sslmode,
      ...(sslrootcert !== null && { sslrootcert: resolve(sslrootcert) }),
    },
    password: url.password === "" ? (env.PGPASSWORD ?? "") : decoded(url.password, "password"),
  };
}
