import type { Facts } from "../draft";
import { set, shown, type Problem, type Way } from "../problem";
import { connectionReserve, connectionsFor, embeddedMajors, highestColourLimit, reservedConnections } from "./database";
import { defaultCount } from "./release";
import { maximumPercent, mostCopies } from "./service";
import { colours, type Colour } from "./traffic";

const reserved = `${reservedConnections} reserved (administration ${connectionReserve.administration}, migrator ${connectionReserve.migrator}, read-only ${connectionReserve.readOnly}, monitoring ${connectionReserve.monitoring})`;

/** Names PostgreSQL itself already uses for databases of every cluster. */
const taken: readonly string[] = ["postgres", "template0", "template1"];

/** The database can be had on this platform, and its connections are enough for what may be opened. */
export function databaseRules(facts: Facts): Problem[] {
  return [
    ...ownName(facts),
    ...embedded(facts),
    ...poolBounds(facts),
    ...serverBudget(facts),
    ...(facts.draft.platform === "aws"
      ? scaledBudget(facts)
      : colours.flatMap((colour) => colourBudget(colour, facts))),
  ];
}

function ownName({ draft: { database } }: Facts): Problem[] {
  if (database?.name === undefined || !taken.includes(database.name)) return [];
  return [
    {
      path: ["database", "name"],
      found: shown(`"${database.name}", which every PostgreSQL already has for itself`, "database"),
      allowed: `any identifier but ${taken.join(", ")}`,
      ways: [[set(["database", "name"], "pages")]],
    },
  ];
}

function embedded({ draft: { platform, database } }: Facts): Problem[] {
  const major = database?.majorVersion;
  if (platform !== "local" || major === undefined || embeddedMajors.includes(major)) return [];
  return [
    {
      path: ["database", "majorVersion"],
      found: shown(String(major), "database"),
      allowed: shown(`${embeddedMajors.join(" or ")}: the majors that the local platform has`, "platform"),
      ways: embeddedMajors.map((offered) => [set(["database", "majorVersion"], offered)]),
    },
  ];
}

function poolBounds({ draft: { database: { pool: { min, max } = {} } = {} } }: Facts): Problem[] {
  if (min === undefined || max === undefined || min <= max) return [];
  return [
    {
      path: ["database", "pool", "min"],
      found: shown(`${min}, above pool.max ${max}`, "database"),
      allowed: "at most pool.max",
      ways: [[set(["database", "pool", "min"], max, "database")], [set(["database", "pool", "max"], min, "database")]],
    },
  ];
}

function serverBudget({
  draft: { database: { colourConnectionLimit: limit, maxConnections: most } = {} },
}: Facts): Problem[] {
  if (limit === undefined || most === undefined || connectionsFor(limit) <= most) return [];
  const lower = Math.floor((most - reservedConnections) / 2);
  const raise: Way = [set(["database", "maxConnections"], connectionsFor(limit), "database")];
  return [
    {
      path: ["database", "maxConnections"],
      found: shown(
        `${most}, for 2 × colourConnectionLimit ${limit} + ${reserved} = ${connectionsFor(limit)}`,
        "database",
      ),
      allowed: shown(`${connectionsFor(limit)} or more, or a lower colourConnectionLimit`, "database"),
      ways: lower < 1 ? [raise] : [raise, [set(["database", "colourConnectionLimit"], lower, "database")]],
    },
  ];
}

/** Every copy of a colour may fill its pool at once; the colour's role must let it. */
function colourBudget(colour: Colour, { draft: { platform, database = {}, ...draft }, has }: Facts): Problem[] {
  const { colourConnectionLimit: limit, pool: { max, min } = {}, maxConnections } = database;
  const given = draft[colour]?.count;
  const usual = platform === undefined || has([colour, "count"]) ? undefined : defaultCount[platform];
  const count = given ?? usual;
  if (!has([colour]) || count === undefined || max === undefined || limit === undefined || count * max <= limit)
    return [];
  return [
    {
      path: [colour, "count"],
      found: shown(`${count} × database.pool.max ${max} = ${count * max} connections`, colour, "database"),
      allowed: shown(
        `at most database.colourConnectionLimit, ${limit}: smaller pools, fewer copies or a higher limit`,
        "database",
      ),
      ways: [
        ...smallerPools(Math.floor(limit / count), min, colour),
        ...fewerCopies(colour, Math.floor(limit / max)),
        ...higherLimit(count * max, maxConnections, colour),
      ],
    },
  ];
}

function smallerPools(max: number, min = 0, colour: Colour): Way[] {
  if (max < 1) return [];
  const smaller = set(["database", "pool", "max"], max, colour, "database");
  return [min <= max ? [smaller] : [smaller, set(["database", "pool", "min"], max, colour, "database")]];
}

function fewerCopies(colour: Colour, count: number): Way[] {
  return count < 1 ? [] : [[set([colour, "count"], count, "database")]];
}

function higherLimit(limit: number, most: number | undefined, reveals: Colour | "service"): Way[] {
  if (limit > highestColourLimit) return [];
  const raise = set(["database", "colourConnectionLimit"], limit, "database", reveals);
  const enough = most !== undefined && connectionsFor(limit) <= most;
  return [enough ? [raise] : [raise, set(["database", "maxConnections"], connectionsFor(limit), "database", reveals)]];
}

/**
 * On AWS a colour grows by itself, and pools shrink with it: each copy opens as much as is left for it when there are as
 * many as there can be. So that must still be a pool that serves.
 */
function scaledBudget({ draft: { service: { maximum } = {}, database = {} } }: Facts): Problem[] {
  const { colourConnectionLimit: limit, pool: { min } = {}, maxConnections } = database;
  if (maximum === undefined || limit === undefined || min === undefined) return [];
  const copies = mostCopies(maximum);
  const least = Math.max(1, min);
  const each = Math.floor(limit / copies);
  if (each >= least) return [];
  const fewer = Math.floor((Math.floor(limit / least) * 100) / maximumPercent);
  return [
    {
      path: ["service", "maximum"],
      found: shown(
        `${maximum}, ${copies} copies while a release is replaced: ${each} of ${limit} connections for each`,
        "service",
        "database",
      ),
      allowed: shown(
        `at least database.pool.min, ${least}, of database.colourConnectionLimit for each copy`,
        "database",
      ),
      ways: [
        ...(fewer < 1 ? [] : [[set(["service", "maximum"], fewer, "database")]]),
        ...higherLimit(copies * least, maxConnections, "service"),
        ...(each < 1 ? [] : [[set(["database", "pool", "min"], each, "database", "service")]]),
      ],
    },
  ];
}
