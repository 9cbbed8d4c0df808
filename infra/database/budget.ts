/** A colour's copies, as far as they take connections. */
export interface ColourDemand {
  /** The key that says how many copies there are, such as "blue.count". */
  key: string;
  /** Most copies that run once a deployment is over; with autoscaling, its highest capacity. 0 or more. */
  copies: number;
  /** How many run while one release replaces another, as a percentage of `copies`, 100 or more. @default 100 */
  maximumPercent?: number;
}

/** What is asked of the server. Every figure is a number of connections, unless it says otherwise. */
export interface ConnectionDemand {
  /** PostgreSQL's max_connections. */
  maxConnections: number;
  /** The CONNECTION LIMIT of each colour's role. */
  colourLimit: number;
  /** What no colour gets: PostgreSQL's own reserve, migrator, dump, monitoring. By the name it has in messages. */
  reserved: Readonly<Record<string, number>>;
  colours: readonly ColourDemand[];
  /** The connection pool of each copy, as it is configured. */
  pool: { max: number; min: number };
}

/** The pool that each copy of a colour opens. */
export interface FittedPool {
  max: number;
  min: number;
}

/** Copies that run at a time at the most. ECS rounds down: "Service deployment parameters", maximumPercent. */
export function mostCopies({ copies, maximumPercent = 100 }: ColourDemand): number {
  return Math.floor((copies * maximumPercent) / 100);
}

/**
 * The largest pool, up to the configured one, with which all copies of a colour together stay within its CONNECTION
 * LIMIT: it shrinks as copies are added. Undefined when there is none of `pool.min` connections, or of one.
 */
export function fitPool(pool: FittedPool, colourLimit: number, colour: ColourDemand): FittedPool | undefined {
  const copies = mostCopies(colour);
  const max = copies === 0 ? pool.max : Math.min(pool.max, Math.floor(colourLimit / copies));
  return max < Math.max(1, pool.min) ? undefined : { max, min: pool.min };
}

/** Connections that are left for one colour, when each gets the same. */
export function highestColourLimit({ maxConnections, reserved, colours }: ConnectionDemand): number {
  return Math.floor((maxConnections - sum(reserved)) / Math.max(1, colours.length));
}

/**
 * The pool of each colour's copies, in their order.
 * @throws with everything that does not fit, each with what was found and the ways out of it.
 */
export function planConnections(demand: ConnectionDemand): FittedPool[] {
  const problems = connectionProblems(demand);
  if (problems.length > 0) throw new Error(problems.join("\n"));
  return demand.colours.map((colour) => fitPool(demand.pool, demand.colourLimit, colour) ?? demand.pool);
}

/** What does not fit into the server's connections: one line each, empty when all of it does. */
export function connectionProblems(demand: ConnectionDemand): string[] {
  return [...serverProblems(demand), ...demand.colours.flatMap((colour) => colourProblems(demand, colour))];
}

function serverProblems(demand: ConnectionDemand): string[] {
  const { maxConnections, colourLimit, reserved, colours } = demand;
  const wanted = colours.length * colourLimit + sum(reserved);
  if (wanted <= maxConnections) return [];
  const parts = Object.entries(reserved).map(([name, count]) => `${name} ${count}`);
  const highest = highestColourLimit(demand);
  const ways = [
    `raise database.maxConnections to ${wanted} (on AWS a larger instance class)`,
    ...(highest < 1 ? [] : [`lower database.colourConnectionLimit to ${highest}`]),
  ];
  return [
    `database.maxConnections: found ${maxConnections}, expected at least ${wanted}: ${colours.length} colours × ` +
      `${colourLimit} + ${parts.join(" + ")}; ${ways.join(", or ")}`,
  ];
}

function colourProblems({ colourLimit, pool }: ConnectionDemand, colour: ColourDemand): string[] {
  if (fitPool(pool, colourLimit, colour) !== undefined) return [];
  const copies = mostCopies(colour);
  const { maximumPercent = 100 } = colour;
  const least = Math.max(1, pool.min);
  const each = Math.floor(colourLimit / copies);
  const fewer = Math.floor((Math.floor(colourLimit / least) * 100) / maximumPercent);
  const ways = [
    `raise database.colourConnectionLimit to ${copies * least}`,
    ...(fewer < 1 ? [] : [`lower ${colour.key} to ${fewer}`]),
    ...(each < 1 ? [] : [`lower database.pool.min to ${each}`]),
    ...(maximumPercent > 100 && colour.copies * least <= colourLimit
      ? [`replace copies without running more than ${colour.copies} at a time (maximumPercent 100)`]
      : []),
  ];
  return [
    `${colour.key}: found ${colour.copies} copies, ${copies} while they are replaced (maximumPercent ${maximumPercent}): ` +
      `each would get ${each} of database.colourConnectionLimit ${colourLimit} connections, expected at least ${least}; ` +
      ways.join(", or "),
  ];
}

const sum = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((total, count) => total + count, 0);
