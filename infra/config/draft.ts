import { z } from "zod";
import { childrenOf } from "./key";
import { shown, type Path, type Shown } from "./problem";
import { outline } from "./quote";
import type { schema } from "./schema";

type Scalar = string | number | boolean | undefined;
/** As much of a value as is valid: any key, at any depth, may be missing. */
type Partly<T> = T extends Scalar ? T : { readonly [K in keyof T]?: Partly<T[K]> | undefined };

/** What of a config is valid, defaults included. A key that is wrong is missing here. */
export type Draft = Partly<z.output<typeof schema>>;

/** What rules go by: they must say all they can about a config that has other problems too. */
export interface Facts {
  readonly draft: Draft;
  /** Was a key given, right or wrong? */
  readonly has: (path: Path) => boolean;
  /** What was given for a key, for messages. */
  readonly found: (path: Path) => Shown;
}

/** Gathers the {@link Facts} of a tree of raw values. */
export function factsOf(root: typeof schema, tree: unknown): Facts {
  return {
    draft: salvage(root, tree) ?? {},
    has: (path) => valueAt(tree, path) !== undefined,
    found: (path) => shown(outline(valueAt(tree, path)), ...path.slice(0, 1)),
  };
}

/** The raw value at a path, own properties only; undefined where there is none. */
export function valueAt(tree: unknown, path: Path): unknown {
  return path.reduce<unknown>((at, name) => {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, name)) return undefined;
    return (at as Record<string, unknown>)[name];
  }, tree);
}

/** Parses each key by itself, so that a wrong one takes no right one with it. */
function salvage(key: z.core.$ZodType, found: unknown): unknown {
  const children = childrenOf(key);
  if (children === undefined || typeof found !== "object" || found === null || Array.isArray(found)) {
    const { success, data } = z.safeParse(key, found);
    if (success) return data;
    // An object that is there but can't be read is known to be there, and nothing else of it.
    return children === undefined || found === undefined ? undefined : {};
  }
  const parts = Object.entries(children).map(
    ([name, child]) => [name, salvage(child, valueAt(found, [name]))] as const,
  );
  return Object.fromEntries(parts.filter(([, part]) => part !== undefined));
}
