import { createHash } from "node:crypto";
import type { Sync } from "./directive-kinds";
import { bindExpression, quoted, unquoted, type Bound } from "./sync-expression";

/** A table as the catalogue has it. */
export interface SyncTable {
  readonly schema: string;
  readonly name: string;
}

/** The table that a directive names; `public` where it names no schema, as the runner's search_path has it. */
export function syncTable({ table }: Pick<Sync, "table">): SyncTable {
  const [first = "", second] = (table.match(/"(?:[^"]|"")+"|[^."]+/g) ?? []).map(unquoted);
  return second === undefined ? { schema: "public", name: first } : { schema: first, name: second };
}

export const quotedTable = ({ schema, name }: SyncTable): string => `${quoted(schema)}.${quoted(name)}`;

/** The table in messages, without `public`. */
export const tableLabel = ({ schema, name }: SyncTable): string => (schema === "public" ? name : `${schema}.${name}`);

export const oldNames = (sync: Sync): string[] => sync.old.map(unquoted);
export const newNames = (sync: Sync): string[] => sync.new.map(unquoted);

/** "name and first_name, last_name", for messages. */
export function sidesOf(sync: Sync): string {
  if (sync.shape === "not-null") return newNames(sync).join(", ");
  const sides = [oldNames(sync), newNames(sync)].filter((side) => side.length > 0);
  return sides.length === 0 ? "both shapes" : sides.map((side) => side.join(", ")).join(" and ");
}

export interface SyncNames {
  /** In the schema `switchyard`. */
  readonly function: string;
  /** They sort behind a service's own triggers, which PostgreSQL fires in order of name: what those change counts. */
  readonly insert: string;
  readonly update: string;
}

/** Names of at most 63 bytes (PostgreSQL cuts longer ones) that no other sync has. `id` is `0004/1`: version and place. */
export function syncNames(id: string, table: SyncTable): SyncNames {
  const hash = createHash("sha256")
    .update(`${id} ${quotedTable(table)}`)
    .digest("hex")
    .slice(0, 10);
  const word = table.name.replace(/[^A-Za-z0-9_]/g, "").slice(0, 16);
  const base = `${id.replace("/", "_")}_${word}_${hash}`;
  return { function: `sync_${base}`, insert: `zz_sync_${base}_ins`, update: `zz_sync_${base}_upd` };
}

/** An expression of a sync that no trigger can carry out. */
export class UnboundExpression extends Error {
  constructor(
    readonly key: "forward" | "backward",
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/**
 * The sync's expressions, bound to its columns; a plain column where shape and types say it all.
 * @throws UnboundExpression for one that must be written otherwise
 */
export function bindSync(sync: Sync): { forward: Bound[]; backward: Bound[] } {
  const { name } = syncTable(sync);
  const [olds, news] = [oldNames(sync), newNames(sync)];
  const named = (key: string): string => `the ${key} of sync=${sync.shape} table=${sync.table}`;
  const bind = (key: "forward" | "backward", expressions: readonly string[], allowed?: readonly string[]): Bound[] =>
    expressions.map((expression) => {
      try {
        return bindExpression(expression, name, allowed);
      } catch (error) {
        throw new UnboundExpression(key, `${named(key)}: ${(error as Error).message}`, { cause: error });
      }
    });
  const plain = (names: readonly string[]): string[] => names.map(quoted);
  if (sync.shape === "manual") return { forward: [], backward: [] };
  // Rows without the column get a value from the rest of the row.
  if (sync.shape === "not-null") {
    const forward = bind("forward", sync.forward);
    if (forward.some(({ reads }) => reads.some((column) => news.includes(column))))
      throw new UnboundExpression("forward", `${named("forward")} reads ${news.join()} itself, which is NULL then`);
    return { forward, backward: [] };
  }
  return {
    forward: bind("forward", sync.forward.length > 0 ? sync.forward : plain(olds), olds),
    backward: bind("backward", sync.backward.length > 0 ? sync.backward : plain(news), news),
  };
}
