import { escapeIdentifier } from "pg";
import type { Failure } from "../protocol/plugin";
import { sameValue } from "../protocol/schema";

/** What can be granted on an object of each type. */
const allowed: Record<string, readonly string[]> = {
  database: ["ALL", "CREATE", "CONNECT", "TEMPORARY"],
  table: ["ALL", "SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN"],
  sequence: ["ALL", "USAGE", "SELECT", "UPDATE"],
  schema: ["ALL", "CREATE", "USAGE"],
  function: ["ALL", "EXECUTE"],
  procedure: ["ALL", "EXECUTE"],
  routine: ["ALL", "EXECUTE"],
  type: ["ALL", "USAGE"],
};

/** Privileges that are none of this type of object. MAINTAIN is the server's to refuse: it is new in 17. */
export const wrongPrivileges = (objectType: string, privileges: readonly string[]): Failure[] =>
  privileges
    .filter((privilege) => !allowed[objectType]?.includes(privilege))
    .map((privilege) => ({
      property: "privileges",
      reason: `${privilege} is not an allowed privilege for object type ${objectType}; allowed: ${(allowed[objectType] ?? []).join(", ")}`,
    }));

/** Whether what is granted is what was wanted; ALL stands for each privilege of the type. */
export function samePrivileges(objectType: string, granted: readonly string[], wanted: readonly string[]): boolean {
  if (!wanted.includes("ALL")) return sameValue("set", granted, wanted);
  const all = (allowed[objectType] ?? []).filter((privilege) => !["ALL", "MAINTAIN"].includes(privilege));
  return sameValue(
    "set",
    granted.filter((privilege) => privilege !== "MAINTAIN"),
    all,
  );
}

/** An object's name, which for a function may bear its arguments: `test(text, char)` gives `"test"(text, char)`. */
export function quoteObject(schema: string, name: string): string {
  const [bare = "", ...rest] = name.split("(");
  return `${escapeIdentifier(schema)}.${escapeIdentifier(bare)}${rest.length === 0 ? "" : `(${rest.join("(")}`}`;
}
