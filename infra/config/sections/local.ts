import type { Facts } from "../draft";
import { section } from "../key";
import { flag, port, text } from "../kinds";
import { remove, shown, type Problem } from "../problem";

/** What only the local platform has. */
export interface LocalSettings {
  /** Port of the listener, 1024..65535. Default: chosen free on the first `pulumi up`, and kept. */
  readonly port?: number | undefined;
  /** Port of the preview listener, 1024..65535. Default: chosen free, and kept. */
  readonly previewPort?: number | undefined;
  /** Port of PostgreSQL, 1024..65535, on loopback only. Default: chosen free, and kept. */
  readonly databasePort?: number | undefined;
  /** Does `pulumi destroy` delete the data folder too? Default: false. */
  readonly deleteDataOnDestroy: boolean;
  /** The user that PostgreSQL, which refuses to run as root, runs as when root started it. Default: one is found. */
  readonly postgresUser?: UnixUser | undefined;
}

declare const kind: unique symbol;
/** The name of an unprivileged user of this machine. */
export type UnixUser = string & { readonly [kind]: "unix user" };

const kept = "chosen free, and kept";
const ports = ["port", "previewPort", "databasePort"] as const;

export const localKeys = {
  local: section(
    {
      port: port({ meaning: "Port of the listener.", example: "8080", unset: kept }).optional(),
      previewPort: port({ meaning: "Port of the preview listener.", example: "8081", unset: kept }).optional(),
      databasePort: port({ meaning: "Port of PostgreSQL, on loopback only.", example: "5433", unset: kept }).optional(),
      deleteDataOnDestroy: flag({
        meaning: "Does `pulumi destroy` delete the data folder too? Else the next `pulumi up` finds it again.",
      }).default(false),
      postgresUser: text<UnixUser>(
        /^(?!root$)[a-z_][a-z0-9_-]{0,31}$/,
        "user name",
        "an existing user other than root: a-z, 0-9, _ and -, at most 32 characters, not starting with a digit",
        {
          meaning: "The user that PostgreSQL runs as when root runs `pulumi up`; it refuses to run as root.",
          example: "postgres",
          unset: "found by itself",
        },
      ).optional(),
    },
    "What only the local platform has; refused on any other.",
  ).optional(),
};

/** The section belongs to the local platform, and no two of its ports are the same. */
export function localRules(facts: Facts): Problem[] {
  return [...onlyHere(facts), ...distinctPorts(facts)];
}

function onlyHere({ draft: { platform, local }, found }: Facts): Problem[] {
  if (platform !== "aws" || local === undefined) return [];
  return [
    {
      path: ["local"],
      found: found(["local"]),
      allowed: shown("nothing: these are settings of the local platform, and this stack's is aws", "platform"),
      ways: [[remove(["local"])]],
    },
  ];
}

function distinctPorts({ draft: { local = {} } }: Facts): Problem[] {
  return ports.flatMap((name, at) => {
    const taken = local[name];
    const earlier = ports.slice(0, at).find((other) => taken !== undefined && local[other] === taken);
    if (earlier === undefined) return [];
    return [
      {
        path: ["local", name],
        found: shown(`${String(taken)}, which local.${earlier} has too`, "local"),
        allowed: "a port of its own; left out, a free one is chosen and kept",
        ways: [[remove(["local", name])]],
      },
    ];
  });
}
