import { z } from "zod";
import { valueAt } from "./draft";
import { exampleFor } from "./example";
import { childrenOf, describeKeys, schemaAt, unwrap } from "./key";
import { nearest } from "./nearest";
import { remove, set, shown, type Path, type Problem, type Way } from "./problem";
import { keyName, outline } from "./quote";
import { schema } from "./schema";

/** A key that the schema doesn't know: what it was probably meant to be, and how to get there. */
export function unknownKey(path: Path, tree: unknown): Problem {
  const found = valueAt(tree, path);
  const siblings = Object.keys(childrenOf(schemaAt(schema, path.slice(0, -1)) ?? schema) ?? {});
  const meant = probablyMeant(path, siblings);
  return {
    path,
    remark: remarkOn(path, meant),
    found: shown(outline(found), path[0] ?? ""),
    allowed: `one of the keys ${siblings.join(", ")}`,
    ways: meant === undefined ? [[remove(path)]] : waysTo(path, meant, tree),
  };
}

function remarkOn(path: Path, meant: Path | undefined): string {
  if (meant === undefined) return "unknown key";
  const flat = path.length === 1 && path[0] === meant.join(".");
  return `unknown key, did you mean ${meant.join(".")}${flat ? ", set with --path" : ""}?`;
}

function probablyMeant(path: Path, siblings: readonly string[]): Path | undefined {
  const name = path.at(-1) ?? "";
  const near = nearest(name, siblings);
  if (near !== undefined) return [...path.slice(0, -1), near];
  return withoutPathFlag(path) ?? elsewhere(path);
}

/** `pulumi config set green.version 1.0.0` without --path makes one key with a dot in its name. */
function withoutPathFlag(path: Path): Path | undefined {
  const steps = path.length === 1 ? (path[0] ?? "").split(".") : [];
  return steps.length > 1 && schemaAt(schema, steps) !== undefined ? steps : undefined;
}

/** A key of that name further down, if there is just one. */
function elsewhere(path: Path): Path | undefined {
  const name = path.at(-1);
  const above = path.slice(0, -1);
  const places = describeKeys(schema).filter(
    (key) => key.path.at(-1) === name && above.every((step, at) => key.path[at] === step),
  );
  return places.length === 1 ? places[0]?.path : undefined;
}

/** When the key that was meant has a value of its own too, which of the two is wanted can't be known. */
function waysTo(path: Path, meant: Path, tree: unknown): Way[] {
  const move = rename(path, meant, valueAt(tree, path));
  return hasOwnValue(meant, tree) ? [[remove(path)], move] : [move];
}

/** Was a key given another value than its default? The engine fills in the defaults of Pulumi.yaml, as if they were given. */
function hasOwnValue(path: Path, tree: unknown): boolean {
  const given = valueAt(tree, path);
  const key = schemaAt(schema, path);
  if (given === undefined || key === undefined) return false;
  const { fallback } = unwrap(key);
  return outline(given) !== outline(Array.isArray(fallback) ? fallback : String(fallback));
}

/** Moves the value to the key that was meant, where it is one that this key accepts; else an example shows how. */
function rename(path: Path, meant: Path, found: unknown): Way {
  const key = schemaAt(schema, meant);
  if (key === undefined || childrenOf(key) !== undefined) {
    return [
      { step: "edit", what: `rename ${keyName(path.at(-1) ?? "")} to ${meant.join(".")} in the stack's config file` },
    ];
  }
  const scalar = typeof found === "string" || typeof found === "number" || typeof found === "boolean";
  if (scalar && z.safeParse(key, found).success) return [remove(path), set(meant, String(found), path[0] ?? "")];
  return [remove(path), ...exampleFor(meant, key)];
}
