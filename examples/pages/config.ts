import { z } from "zod";
import { readTls, type Tls } from "./tls";

/** What the service needs to know, complete before it starts. Each key of the environment is described in README.md. */
export interface ServiceConfig {
  host: string;
  port: number;
  colour: "blue" | "green";
  release: string;
  /** The migration that this release was built against. */
  schema: string;
  /** The migration that has to be applied for it: the newest expand at or below `schema`. */
  needs: string;
  logLevel: (typeof logLevels)[number];
  /** Whether routes that exist for tests only are served. */
  debug: boolean;
  /** How long requests in flight may go on after SIGTERM, in ms. */
  drainMs: number;
  database: DatabaseConfig;
}

export interface DatabaseConfig {
  host: string;
  port: number;
  database: string;
  user: string;
  password: string;
  tls: Tls;
  /** Shown in pg_stat_activity. */
  applicationName: string;
  /** Connections, at most and at least. */
  max: number;
  min: number;
  /** After how long unused a connection above `min` is closed, in ms. */
  idleMs: number;
  /** How long to wait for a connection, opened or handed back, in ms. */
  connectMs: number;
  /** After how long the server cancels a statement (57014), in ms. */
  statementTimeoutMs: number;
}

/** Everything that is wrong with the environment, one line each. */
export class ConfigError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(`the environment can't be used:\n${problems.map((problem) => `  ${problem}`).join("\n")}`);
  }
}

const logLevels = ["trace", "debug", "info", "warn", "error", "fatal"] as const;
const sslModes = ["disable", "require", "verify-ca", "verify-full"] as const;

/** The oldest schema that the queries of this code base work on. */
export const oldestSchema = "0006";

/** A variable that `read` understands; an empty one counts as unset, as it does for libpq. */
function variable<T>(expected: string, read: (text: string) => T | undefined, fallback?: T) {
  return z
    .string()
    .optional()
    .transform((text, context): T => {
      const unset = text === undefined || text === "";
      if (unset && fallback !== undefined) return fallback;
      const value = unset ? undefined : read(text);
      if (value !== undefined) return value;
      context.addIssue({ code: "custom", message: `found ${unset ? "nothing" : `"${text}"`}, expected ${expected}` });
      return z.NEVER;
    });
}

const text = (expected: string, fallback?: string) => variable(expected, (found) => found, fallback);

const matching = (pattern: RegExp, expected: string) =>
  variable(expected, (found) => (pattern.test(found) ? found : undefined));

function whole(min: number, max: number, unit: string, fallback?: number) {
  const read = (found: string) => {
    const value = /^\d{1,9}$/.test(found) ? Number(found) : NaN;
    return value >= min && value <= max ? value : undefined;
  };
  return variable(`a whole number of ${unit} from ${min} to ${max}`, read, fallback);
}

const migrationFrom = (found: string): string | undefined =>
  /^\d{4,14}$/.test(found) && Number(found) >= Number(oldestSchema) ? found : undefined;

const oneOf = <const T extends string>(values: readonly T[], fallback?: T) =>
  variable(`one of ${values.join(", ")}`, (found) => values.find((value) => value === found), fallback);

const environment = z.object({
  HOST: text("an address to listen on", "127.0.0.1"),
  PORT: whole(0, 65_535, "port"),
  COLOUR: oneOf(["blue", "green"]),
  RELEASE: matching(/^[0-9A-Za-z][0-9A-Za-z.+_-]{0,127}$/, "a version such as 1.0.0"),
  SCHEMA: variable(`the version of a migration such as ${oldestSchema}, ${oldestSchema} or later`, migrationFrom),
  SCHEMA_NEEDS: variable("the version of a migration at or below SCHEMA", migrationFrom, ""),
  LOG_LEVEL: oneOf(logLevels, "info"),
  PAGES_DEBUG: variable("1, or nothing", (found) => (found === "1" ? true : undefined), false),
  DRAIN_MS: whole(0, 600_000, "ms", 20_000),
  PGHOST: text("the database's host"),
  PGPORT: whole(1, 65_535, "port", 5432),
  PGDATABASE: text("the name of the database"),
  PGUSER: text("the role to connect as"),
  PGPASSWORD: text("the password of the role in PGUSER"),
  PGSSLMODE: oneOf(sslModes, "disable"),
  PGSSLROOTCERT: text("a file", "system"),
  POOL_MAX: whole(1, 1_000, "connections", 20),
  POOL_MIN: whole(0, 1_000, "connections", 5),
  POOL_IDLE_MS: whole(1, 86_400_000, "ms", 30_000),
  POOL_CONNECT_MS: whole(1, 60_000, "ms", 2_000),
  STATEMENT_TIMEOUT_MS: whole(1, 3_600_000, "ms", 10_000),
});

/**
 * Reads the environment.
 * @throws ConfigError with every problem at once; it never holds the password.
 */
export function readConfig(env: NodeJS.ProcessEnv): ServiceConfig {
  const { success, data, error } = environment.safeParse(env);
  const problems = error?.issues.map(({ path, message }) => `${path.join(".")}: ${message}`) ?? [];
  const tls = readTls(env.PGSSLMODE ?? "", env.PGSSLROOTCERT ?? "", (problem) => problems.push(problem));
  if (success && data.POOL_MIN > data.POOL_MAX)
    problems.push(`POOL_MIN: found ${data.POOL_MIN}, expected at most POOL_MAX, which is ${data.POOL_MAX}`);
  if (success && Number(data.SCHEMA_NEEDS) > Number(data.SCHEMA))
    problems.push(`SCHEMA_NEEDS: found ${data.SCHEMA_NEEDS}, expected at most SCHEMA, which is ${data.SCHEMA}`);
  if (!success || problems.length > 0) throw new ConfigError(problems);
  return {
    host: data.HOST,
    port: data.PORT,
    colour: data.COLOUR,
    release: data.RELEASE,
    schema: data.SCHEMA,
    needs: data.SCHEMA_NEEDS === "" ? data.SCHEMA : data.SCHEMA_NEEDS,
    logLevel: data.LOG_LEVEL,
    debug: data.PAGES_DEBUG,
    drainMs: data.DRAIN_MS,
    database: {
      host: data.PGHOST,
      port: data.PGPORT,
      database: data.PGDATABASE,
      user: data.PGUSER,
      password: data.PGPASSWORD,
      tls,
      applicationName: `pages-${data.COLOUR}`,
      max: data.POOL_MAX,
      min: data.POOL_MIN,
      idleMs: data.POOL_IDLE_MS,
      connectMs: data.POOL_CONNECT_MS,
      statementTimeoutMs: data.STATEMENT_TIMEOUT_MS,
    },
  };
}
