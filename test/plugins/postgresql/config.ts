import type { Failure } from "../protocol/plugin";
import { hasUnknown, type Properties } from "../protocol/values";
import { sslModes, type Settings, type SslMode } from "./server";

/** The provider's properties, and the environment variable that stands in for each, as in the official plugin. */
const offered: Record<string, { variable?: string; usual?: string }> = {
  host: { variable: "PGHOST", usual: "localhost" },
  port: { variable: "PGPORT", usual: "5432" },
  database: { variable: "PGDATABASE", usual: "postgres" },
  username: { variable: "PGUSER", usual: "postgres" },
  password: { variable: "PGPASSWORD", usual: "" },
  superuser: { variable: "PGSUPERUSER", usual: "true" },
  // lib/pq requires TLS where nothing is said.
  sslmode: { variable: "PGSSLMODE", usual: "require" },
  sslrootcert: {},
  connectTimeout: { variable: "PGCONNECT_TIMEOUT", usual: "180" },
  maxConnections: { usual: "20" },
};

/** What the engine itself adds. */
const ofEngine = ["version", "__internal"];

/** What the official plugin has beside these. */
const notOffered = [
  "awsRdsIamAuth",
  "awsRdsIamProfile",
  "awsRdsIamProviderRoleArn",
  "awsRdsIamRegion",
  "azureIdentityAuth",
  "azureTenantId",
  "clientcert",
  "databaseUsername",
  "expectedVersion",
  "gcpIamImpersonateServiceAccount",
  "scheme",
  "sslMode",
];

export function checkConfig(args: Properties): Failure[] {
  const strange = Object.keys(args)
    .filter((key) => !(key in offered) && !ofEngine.includes(key))
    .map((key) => ({
      property: key,
      reason: notOffered.includes(key)
        ? "the stand-in does not offer this; leave it out, or install the official plugin"
        : `there is no such property; there are ${Object.keys(offered).join(", ")}`,
    }));
  return [...strange, ...wrongValues(args)];
}

function wrongValues(args: Properties): Failure[] {
  const wrong = (property: string, expected: string, isRight: (value: string) => boolean): Failure[] => {
    if (hasUnknown(args[property])) return [];
    const value = valueOf(args, property);
    return isRight(value) ? [] : [{ property, reason: `found ${JSON.stringify(value)}, expected ${expected}` }];
  };
  const isWhole = (value: string) => /^\d+$/.test(value);
  return [
    ...wrong("port", "a port, 1 to 65535", (value) => isWhole(value) && Number(value) >= 1 && Number(value) <= 65535),
    ...wrong("superuser", "true or false", (value) => ["true", "false"].includes(value)),
    ...wrong("sslmode", `one of ${sslModes.join(", ")}`, (value) => (sslModes as readonly string[]).includes(value)),
    ...wrong("connectTimeout", "a number of seconds", isWhole),
    // With 1 the official plugin hangs: it makes a database on one connection, and holds a lock on another.
    ...wrong("maxConnections", "0 (any number), or 2 and more", (value) => isWhole(value) && value !== "1"),
  ];
}

/** The SDK sends numbers and booleans of a provider as JSON text. */
function valueOf(args: Properties, key: string): string {
  const { variable, usual = "" } = offered[key] ?? {};
  const given = args[key] ?? (variable === undefined ? undefined : process.env[variable]);
  return given === undefined ? usual : typeof given === "string" ? given : JSON.stringify(given);
}

/** @throws when something is wrong that `checkConfig` could not see, being unknown then. */
export function readSettings(args: Properties): Settings {
  const failures = checkConfig(args);
  if (failures.length > 0)
    throw new Error(failures.map(({ property, reason }) => `provider's ${property}: ${reason}`).join("\n"));
  const value = (key: string) => valueOf(args, key);
  return {
    host: value("host"),
    port: Number(value("port")),
    database: value("database"),
    username: value("username"),
    password: value("password"),
    superuser: value("superuser") === "true",
    sslmode: value("sslmode") as SslMode,
    sslrootcert: args["sslrootcert"] === undefined ? undefined : value("sslrootcert"),
    connectTimeout: Number(value("connectTimeout")),
    maxConnections: Number(value("maxConnections")),
  };
}
