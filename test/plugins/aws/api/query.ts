import type { Properties } from "../../protocol/values";

/** The form of AWS's older APIs: parameters such as `Tags.member.1.Key` in, XML out. */
export function parseQuery(body: string): { action: string; parameters: Properties } {
  const root: Properties = {};
  for (const [path, value] of new URLSearchParams(body)) {
    const keys = path.split(".");
    let at: Properties = root;
    for (const key of keys.slice(0, -1)) at = (at[key] ??= {}) as Properties;
    at[keys.at(-1) ?? path] = value;
  }
  return { action: String(root["Action"]), parameters: listed(root) as Properties };
}

/** `{ member: { 1: a, 2: b } }` is a list. */
function listed(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const { member } = value as Properties;
  if (typeof member === "object" && member !== null)
    return Object.entries(member)
      .toSorted(([a], [b]) => Number(a) - Number(b))
      .map(([, each]) => listed(each));
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, listed(each)]));
}

const escapes: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
export const escaped = (text: string): string => text.replaceAll(/[&<>"]/g, (each) => escapes[each] ?? each);

/** A value as XML: lists have a `member` each, what is undefined is left out. */
export function xml(value: unknown, item = "member"): string {
  if (Array.isArray(value)) return value.map((each) => `<${item}>${xml(each)}</${item}>`).join("");
  if (typeof value === "object" && value !== null)
    return Object.entries(value)
      .filter(([, each]) => each !== undefined)
      .map(([key, each]) => `<${key}>${xml(each)}</${key}>`)
      .join("");
  return escaped(String(value));
}
