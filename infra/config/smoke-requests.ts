import { z } from "zod";
import { milliseconds, type Milliseconds } from "./duration";
import { childrenOf, infoOf, keyInfo, section } from "./key";
import { duration, integer, oneOf, text, understood, type About } from "./kinds";
import { nearest } from "./nearest";
import type { IssueDetails, Path } from "./problem";
import { isPlainName, outline, quote } from "./quote";

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/** One request of a smoke test, and what its answer must be. */
export interface SmokeRequest {
  readonly method: (typeof methods)[number];
  /** With its query, if any. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Text is sent as it is, anything else as JSON. */
  readonly body?: Json;
  readonly expect: {
    readonly status: number;
    /** What must be there and equal, at whatever depth; what else there is does not matter. */
    readonly json?: Json;
    /** Text that must occur in the answer. */
    readonly contains?: string;
  };
  /** What 95 of 100 answers may take at most, in ms. */
  readonly p95?: Milliseconds;
  /** How many times it is sent, and how many of these at once. */
  readonly requests: number;
  readonly concurrency: number;
}

const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;

/** With fewer, the p95 is the slowest answer of all (nearest rank: the 95th percentile of 19 is the 19th). */
const leastForP95 = 20;

const anyJson = understood<Json>(plainJson, {
  meaning: "",
  type: "JSON",
  allowed: "text, or a value that JSON can hold",
});

const headers = understood(readHeaders, {
  meaning: "",
  type: "object of strings",
  allowed: "an object of strings, each under the name of an HTTP header",
});

const request = z.strictObject({
  method: oneOf(methods, { meaning: "" }).default("GET"),
  path: text(
    // What RFC 3986 allows in a path and a query; the rest is percent-encoded.
    /^\/[\w.~:/?@!$&'()*+,;=%[\]-]{0,2047}$/,
    "path",
    "a path that starts with /, its query included, percent-encoded",
    {
      meaning: "",
      example: "/health",
    },
  ),
  headers: headers.default({}),
  body: anyJson.optional(),
  expect: section(
    {
      status: integer(100, 599, "an HTTP status", { meaning: "" }).default(200),
      json: anyJson.optional(),
      contains: text(/^[^]{1,1024}$/, "text", "text of 1 to 1024 characters", {
        meaning: "",
        example: "ok",
      }).optional(),
    },
    "",
  ).prefault({}),
  p95: duration(milliseconds(1), milliseconds(60_000), { meaning: "" }).optional(),
  requests: integer(1, 10_000, "how many times it is sent", { meaning: "" }).default(1),
  concurrency: integer(1, 100, "how many of these at once", { meaning: "" }).default(1),
});

/** What is wrong with a list of requests: where, what was found there, what is allowed. */
interface Wrong {
  where: string;
  found: string;
  allowed: string;
}

/**
 * A key that holds smoke requests. What is wrong with any of them is one problem: `pulumi config set --path` can't be
 * trusted with bodies and headers, so all of it is mended with an editor.
 */
export function smokeRequests(about: Pick<About, "meaning" | "unset">) {
  return z
    .unknown()
    .refine((found) => found !== undefined, { abort: true })
    .transform((found, context): readonly SmokeRequest[] => {
      const given = Array.isArray(found) && found.length <= most ? (found as unknown[]) : undefined;
      const read = given?.map(readRequest) ?? [];
      const wrong = read.flatMap((each, at) =>
        Array.isArray(each) ? each.map((problem) => ({ ...problem, where: `[${at}]${problem.where}` })) : [],
      );
      if (given !== undefined && wrong.length === 0)
        return read.filter((each): each is SmokeRequest => !Array.isArray(each));
      context.addIssue({ code: "custom", params: { details: detailsOf(wrong) } });
      return z.NEVER;
    })
    .register(keyInfo, { ...about, type: "list of requests", allowed });
}

const most = 100;
const allowed = `a list of at most ${most} objects with the keys ${Object.keys(request.shape).join(", ")} (docs/smoke.md)`;

function detailsOf(wrong: readonly Wrong[]): IssueDetails {
  const places = wrong.map(({ where }) => `requests${where}`).join(", ");
  const ways = (path: Path) => [
    [{ step: "edit" as const, what: `set ${wrong.length === 0 ? path.join(".") : places} in the stack's config file` }],
  ];
  if (wrong.length === 0) return { allowed, ways };
  return {
    allowed: wrong.map(({ where, allowed: what }) => `requests${where}: ${what}`).join("; "),
    remark: wrong.map(({ where, found }) => `requests${where} is ${found}`).join("; "),
    ways,
  };
}

function readRequest(found: unknown): SmokeRequest | Wrong[] {
  const { success, data, error } = request.safeParse(found);
  if (!success) return error.issues.flatMap((issue) => wrongIn(issue, found));
  const wrong = atOdds(data);
  return wrong.length > 0 ? wrong : data;
}

/** What each key is for itself, but not together. */
function atOdds({ requests, concurrency, p95, method, body }: z.output<typeof request>): Wrong[] {
  const wrong: Wrong[] = [];
  if (concurrency > requests)
    wrong.push({ where: ".concurrency", found: String(concurrency), allowed: "at most its requests" });
  if (p95 !== undefined && requests < leastForP95)
    wrong.push({
      where: ".requests",
      found: String(requests),
      allowed: `at least ${leastForP95}: the p95 of fewer is the slowest of all`,
    });
  if (body !== undefined && (method === "GET" || method === "HEAD"))
    wrong.push({ where: ".body", found: outline(body), allowed: `nothing: a ${method} has no body` });
  return wrong;
}

function wrongIn(issue: z.core.$ZodIssue, found: unknown): Wrong[] {
  const path = issue.path.map(String);
  const at = path.reduce<z.core.$ZodType>((key, name) => childrenOf(key)?.[name] ?? key, request);
  const value = path.reduce<unknown>((object, name) => (object as Record<string, unknown>)[name], found);
  if (issue.code === "unrecognized_keys") {
    const names = Object.keys(childrenOf(at) ?? {});
    return issue.keys.map((name) => {
      const meant = nearest(name, names);
      return {
        where: placeOf([...path, name]),
        found: `no key of a request${meant === undefined ? "" : `, did you mean ${meant}?`}`,
        allowed: `one of ${names.join(", ")}`,
      };
    });
  }
  const info = path.length === 0 ? allowedOfRequest : infoOf(at).allowed;
  return [{ where: placeOf(path), found: value === undefined ? "not set" : outline(value), allowed: info }];
}

const allowedOfRequest = `an object with the keys ${Object.keys(request.shape).join(", ")}`;

const placeOf = (path: Path): string =>
  path.map((name) => (isPlainName(name) ? `.${name}` : `[${quote(name)}]`)).join("");

/** Numbers with a fraction come from readJson as symbols that hold them as written. */
function plainJson(found: unknown): Json | undefined {
  if (typeof found === "symbol") return Number(found.description);
  if (Array.isArray(found)) {
    const values = found.map(plainJson);
    return values.every((value) => value !== undefined) ? values : undefined;
  }
  if (typeof found === "object" && found !== null) {
    const entries = Object.entries(found).map(([name, value]) => [name, plainJson(value)] as const);
    return entries.every(([, value]) => value !== undefined)
      ? (Object.fromEntries(entries) as Record<string, Json>)
      : undefined;
  }
  return found === null || ["string", "number", "boolean"].includes(typeof found) ? (found as Json) : undefined;
}

/** Names as RFC 9110 has them, in lower case; values without control characters, which no header can hold. */
function readHeaders(found: unknown): Record<string, string> | undefined {
  if (typeof found !== "object" || found === null || Array.isArray(found)) return undefined;
  const read: Record<string, string> = {};
  for (const [name, value] of Object.entries(found) as [string, unknown][]) {
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name) || typeof value !== "string" || unsendable.test(value)) return undefined;
    read[name.toLowerCase()] = value;
  }
  return read;
}

// eslint-disable-next-line no-control-regex -- exactly what a header can't hold
const unsendable = /[\u0000-\u0008\u000a-\u001f\u007f]/;
