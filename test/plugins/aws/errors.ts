import { randomUUID } from "node:crypto";

/** What AWS answers when it refuses: a code that programs act on, and a sentence. */
export class AwsError extends Error {
  constructor(
    /** AWS's own code, such as "DuplicateListener". */
    readonly code: string,
    readonly reason: string,
    /** HTTP status. */
    readonly status = 400,
  ) {
    super(`${code}: ${reason}`);
  }
}

/** An error as the official plugin words it: the service and operation, what HTTP said, code and reason. */
export const worded = (error: AwsError, service: string, operation: string): Error =>
  new Error(
    `operation error ${service}: ${operation}, https response error StatusCode: ${error.status}, ` +
      `RequestID: ${randomUUID()}, api error ${error.code}: ${error.reason}`,
    { cause: error },
  );

/** Codes after which the official plugin tries again, up to 25 times (its `maxRetries`). */
export const throttling = new Set([
  "Throttling",
  "ThrottlingException",
  "ThrottledException",
  "RequestLimitExceeded",
  "TooManyRequestsException",
  "RequestThrottled",
]);
export const maxRetries = 25;
