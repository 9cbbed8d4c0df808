import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import type { FastifySchemaValidationError } from "fastify/types/schema";
import { DatabaseError } from "pg";
import { ConnectionLost, DatabaseUnavailable } from "./database";

/** An answer other than success, thrown by routes. */
export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(
    readonly status: number,
    /** For programs; never changes its meaning. */
    readonly code: string,
    message: string,
    readonly headers: Record<string, string> = {},
  ) {
    super(message);
  }
}

/** The body of every answer that is not a success. */
export interface ErrorBody {
  error: { code: string; message: string };
}

export const errorBody = ({ code, message }: { code: string; message: string }): ErrorBody => ({
  error: { code, message },
});

/** What fastify itself refuses, by its code. */
const refusals: Record<string, string> = {
  FST_ERR_CTP_BODY_TOO_LARGE: "payload_too_large",
  FST_ERR_CTP_INVALID_MEDIA_TYPE: "unsupported_media_type",
  FST_ERR_CTP_INVALID_JSON_BODY: "invalid_json",
  FST_ERR_CTP_EMPTY_JSON_BODY: "invalid_json",
};

/** Turns anything thrown while a request was handled into an answer. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof DatabaseUnavailable)
    return new ApiError(503, "database_unavailable", "no connection to the database could be had; try again", {
      "retry-after": "1",
    });
  if (error instanceof ConnectionLost)
    return new ApiError(503, "connection_lost", "the database went away meanwhile; look whether the change was made");
  if (error instanceof DatabaseError) return fromDatabase(error);
  const { statusCode = 500, code, message } = error as FastifyError;
  if (statusCode < 400 || statusCode > 499)
    return new ApiError(500, "internal", "the service failed; its log says why");
  return new ApiError(statusCode, refusals[code] ?? "invalid_request", message);
}

function fromDatabase(error: DatabaseError): ApiError {
  const code = error.code ?? "";
  // 22: data exception, such as a NUL character in a text.
  if (code.startsWith("22"))
    return new ApiError(400, "invalid_request", `the database can't store this value: ${error.message}`);
  if (code === "57014")
    return new ApiError(504, "statement_timeout", "the database took too long and the statement was cancelled (57014)");
  // 53: out of a resource, such as connections or disk; 40: lost against a concurrent transaction.
  if (/^(53|40)/.test(code))
    return new ApiError(503, "database_busy", "the database can't do this now; try again", { "retry-after": "1" });
  return new ApiError(500, "internal", "the service failed; its log says why");
}

/** Answers with the error, and logs those that are ours. */
export function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const answer = toApiError(error);
  if (answer.status >= 500) request.log.error({ err: error, code: answer.code }, "request failed");
  return reply.code(answer.status).headers(answer.headers).send(errorBody(answer));
}

/** "body/title must be string", with the name of a property that is not known or missing and the values that are. */
export function describeInvalid(errors: FastifySchemaValidationError[], where: string): Error {
  const problems = errors.map(({ instancePath, message, params }) => {
    const named = [params.additionalProperty, params.allowedValues].flat().filter((value) => typeof value === "string");
    const which = named.length === 0 ? "" : `: ${named.join(", ")}`;
    return `${where}${instancePath} ${message ?? "is not valid"}${which}`;
  });
  return new ApiError(400, "invalid_request", problems.join("; "));
}
