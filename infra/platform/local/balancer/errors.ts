import type { ErrorCode, Found } from "./api";

/** A refused or failed call, the same on both sides of the admin port. */
export class BalancerError extends Error {
  override readonly name = "BalancerError";

  constructor(
    readonly code: ErrorCode,
    message: string,
    /** Only with PreconditionFailed: the listener as it was found. */
    readonly found?: Found,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The text of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** The `code` of a Node.js error (ECONNREFUSED, …), if it has one. */
export function codeOf(thrown: unknown): string | undefined {
  if (typeof thrown !== "object" || thrown === null || !("code" in thrown)) return undefined;
  return typeof thrown.code === "string" ? thrown.code : undefined;
}
