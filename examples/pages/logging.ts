import type { IncomingMessage } from "node:http";
import { randomUUID } from "node:crypto";
import { pino, type Logger } from "pino";
import type { ServiceConfig } from "./config";

/**
 * Structured logs, one JSON object a line on standard output, written before the call returns: nothing is lost at the
 * end of the process.
 */
export function createLogger(config?: Pick<ServiceConfig, "colour" | "release" | "logLevel">): Logger {
  return pino({
    level: config?.logLevel ?? "info",
    base: { service: "pages", ...(config && { colour: config.colour, release: config.release }) },
    formatters: { level: (level) => ({ level }) },
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { err: describeError },
  });
}

/**
 * What a log says about an error. PostgreSQL's `detail` and `where` are left out, since they repeat the values of rows,
 * and so is whatever a library hangs onto its errors (pg: the whole client).
 */
export function describeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: String(error) };
  const { code, constraint } = error as Error & { code?: string; constraint?: string };
  const cause = error.cause === undefined ? undefined : describeError(error.cause);
  return { type: error.name, message: error.message, code, constraint, stack: error.stack, cause };
}

/** The caller's `x-request-id` where it is fit for logs and headers, else a new one. */
export function requestId({ headers }: Pick<IncomingMessage, "headers">): string {
  const given = headers["x-request-id"];
  return typeof given === "string" && /^[\w.:/+=-]{1,128}$/.test(given) ? given : randomUUID();
}
