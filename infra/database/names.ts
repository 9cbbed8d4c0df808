/** The roles of a database. `blue` and `green` are what a colour's service connects as. */
export const roleKinds = ["owner", "migrator", "blue", "green", "readonly", "monitoring"] as const;
export type RoleKind = (typeof roleKinds)[number];

/** Those that a program connects as; nobody logs in as the owner. */
export const loginKinds = ["migrator", "blue", "green", "readonly", "monitoring"] as const;
export type LoginKind = (typeof loginKinds)[number];

export type RoleNames = Record<RoleKind, string>;

const suffixes: RoleNames = {
  owner: "_owner",
  migrator: "_migrator",
  blue: "_app_blue",
  green: "_app_green",
  readonly: "_readonly",
  monitoring: "_monitoring",
};

/** Bytes. PostgreSQL cuts longer names off (NAMEDATALEN − 1), so that two could become one. */
export const longestName = 63;

/**
 * `name` with `suffix` behind it, and where both are too long, with the end of `name` cut off: what makes it one of its own is
 * in the suffix.
 * @param longest characters. Both have plain ones, of one byte each. @default what PostgreSQL takes
 */
export const withSuffix = (name: string, suffix: string, longest = longestName): string =>
  name.slice(0, longest - suffix.length) + suffix;

const longestSuffix = Math.max(...Object.values(suffixes).map((suffix) => suffix.length));

/**
 * The names of a database's roles: `pages` has `pages_owner`, `pages_migrator`, `pages_app_blue`, `pages_app_green`,
 * `pages_readonly` and `pages_monitoring`.
 * @throws when `database` is empty, or longer than 52 bytes: its roles' names would be longer than PostgreSQL's 63.
 */
export function roleNames(database: string): RoleNames {
  const length = Buffer.byteLength(database);
  if (length === 0 || length > longestName - longestSuffix)
    throw new Error(
      `database.name: found "${database}" (${length} bytes), expected 1 to ${longestName - longestSuffix}: its roles' ` +
        `names begin with it, and PostgreSQL cuts names off at ${longestName}; choose a shorter one`,
    );
  return Object.fromEntries(roleKinds.map((kind) => [kind, `${database}${suffixes[kind]}`])) as RoleNames;
}
