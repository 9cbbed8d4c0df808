import { randomUUID } from "node:crypto";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";

// Headers that speak of one connection only (RFC 9110 7.6.1), and `expect`, which Node.js has answered already.
const hopByHop = new Set([
  "connection",
  "expect",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

// A client may name any header in Connection. To drop these would change where a request goes or where its body ends.
const neverDropped = new Set(["host", "content-length"]);

/** How a request's body ends: by its length, by chunks, or there is none. */
export type Framing = "length" | "chunked" | "none";

export function framingOf(headers: IncomingHttpHeaders): Framing {
  if (headers["transfer-encoding"] !== undefined) return "chunked";
  return headers["content-length"] === undefined ? "none" : "length";
}

function namedIn(connection: string | undefined): Set<string> {
  const names = (connection ?? "").split(",").map((name) => name.trim().toLowerCase());
  return new Set(names.filter((name) => name !== "" && !neverDropped.has(name)));
}

/** Removes the client's hop-by-hop headers from `request.headers`, those that its Connection header names included. */
function dropHopByHop(headers: IncomingHttpHeaders): void {
  for (const name of [...hopByHop, ...namedIn(headers.connection)]) Reflect.deleteProperty(headers, name);
}

/**
 * Makes a request's headers those that its target gets: no hop-by-hop ones, Host as it was,
 * X-Forwarded-For appended, X-Forwarded-Proto and -Port set (as an ALB does), x-request-id given when absent.
 * @param listenerPort the port on which the request came in
 */
export function prepareRequest(request: IncomingMessage, listenerPort: number): void {
  const headers = request.headers;
  const websocket = isWebSocket(request);
  dropHopByHop(headers);
  if (websocket) {
    headers.connection = "Upgrade";
    headers.upgrade = "websocket";
  }
  const client = request.socket.remoteAddress ?? "unknown";
  const forwarded = headers["x-forwarded-for"];
  headers["x-forwarded-for"] = forwarded === undefined ? client : `${String(forwarded)}, ${client}`;
  headers["x-forwarded-proto"] = "http";
  headers["x-forwarded-port"] = String(listenerPort);
  headers["x-request-id"] ??= newRequestId();
}

/** Like X-Amzn-Trace-Id's Root: version, seconds since the epoch, 96 random bits, so that ids sort by time. */
function newRequestId(): string {
  const seconds = Math.floor(Date.now() / 1000).toString(16);
  return `1-${seconds}-${randomUUID().replaceAll("-", "").slice(0, 24)}`;
}

/** Whether a request asks for the one upgrade that the balancer (like an ALB) passes on. */
export function isWebSocket(request: IncomingMessage): boolean {
  return request.method === "GET" && request.headers.upgrade?.toLowerCase() === "websocket";
}

/** A target's headers without the hop-by-hop ones, as the flat list of names and values that they came in. */
export function endToEnd(response: IncomingMessage): string[] {
  const dropped = namedIn(response.headers.connection);
  const kept: string[] = [];
  for (let at = 0; at + 1 < response.rawHeaders.length; at += 2) {
    const name = response.rawHeaders[at] ?? "";
    const lower = name.toLowerCase();
    if (!hopByHop.has(lower) && !dropped.has(lower)) kept.push(name, response.rawHeaders[at + 1] ?? "");
  }
  return kept;
}

/** The origin form (`/path?query`) of a request's target, which may also come as an absolute URL (RFC 9112 3.2.2). */
export function originForm(url: string): string {
  const absolute = /^https?:\/\/[^/?#]*/i.exec(url);
  if (!absolute) return url;
  const rest = url.slice(absolute[0].length);
  return rest.startsWith("/") ? rest : `/${rest}`;
}
