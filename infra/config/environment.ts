import { z } from "zod";
import { keyInfo } from "./key";
import { remove, set, type IssueDetails } from "./problem";
import { outline } from "./quote";

/** Variables that the platform gives every copy itself, so that config could only break them. PG* is libpq's. */
const reserved = ["PORT", "HOST", "COLOUR", "RELEASE", "SCHEMA"] as const;

const isReserved = (name: string): boolean => name.startsWith("PG") || reserved.some((taken) => taken === name);
const isVariable = (name: string): boolean => /^[A-Z][A-Z0-9_]{0,254}$/.test(name);

const named = `a name of A-Z, 0-9 and _ that starts with a letter, other than ${reserved.join(", ")} and PG*`;

/** Environment variables of a release: names in upper case, values plain strings without a NUL (execve(2)). */
export const environment = z
  .unknown()
  .transform((found, context): Readonly<Record<string, string>> => {
    if (typeof found !== "object" || found === null || Array.isArray(found)) {
      context.addIssue({ code: "custom" });
      return z.NEVER;
    }
    const accepted: Record<string, string> = {};
    for (const [name, value] of Object.entries(found) as [string, unknown][]) {
      const details = !isVariable(name) || isReserved(name) ? badName(name, value) : badValue(value);
      if (details !== undefined) context.addIssue({ code: "custom", path: [name], params: { details } });
      else if (typeof value === "string") accepted[name] = value;
    }
    return accepted;
  })
  .register(keyInfo, {
    meaning: "Environment variables of each copy, as plain strings.",
    type: "object of strings",
    allowed: `an object of strings, each under ${named}`,
    unset: "none",
  });

function badName(name: string, value: unknown): IssueDetails {
  const better = name.toUpperCase();
  const rename = typeof value === "string" && better !== name && isVariable(better) && !isReserved(better);
  return {
    allowed: named,
    ways: (path) => [[remove(path), ...(rename ? [set([...path.slice(0, -1), better], value, path[0] ?? "")] : [])]],
  };
}

function badValue(value: unknown): IssueDetails | undefined {
  if (typeof value === "string" && !value.includes("\0")) return undefined;
  const scalar = typeof value === "number" || typeof value === "boolean" || typeof value === "symbol";
  return {
    allowed: "a string; in YAML, numbers and true or false need quotes",
    ways: (path) => [[scalar ? set(path, outline(value), path[0] ?? "") : remove(path)]],
  };
}
