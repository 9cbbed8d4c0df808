import type { Fault, Rows } from "./account";
import { AwsError } from "./errors";

/** A call that may be made to fail. */
export interface Call {
  /** Token, or action of a runtime API. */
  of: string;
  on: Exclude<Fault["on"], "any">;
  name?: string;
}

/** Sentences of AWS for codes that come from the outside, whatever is called. */
const sentences: Record<string, string> = {
  ExpiredToken: "The security token included in the request is expired",
  ExpiredTokenException: "The security token included in the request is expired",
  ThrottlingException: "Rate exceeded",
  Throttling: "Rate exceeded",
  AccessDenied: "User is not authorized to perform this action",
  AccessDeniedException: "User is not authorized to perform this action",
  InternalFailure: "The request processing has failed because of an unknown error",
  ServiceUnavailable: "The request has failed due to a temporary failure of the server",
};

/**
 * Counts the call at every injected fault that it matches.
 * @returns the first that is due, with its error
 */
export function dueFault(rows: Rows, call: Call): { error: AwsError; done: boolean } | undefined {
  let due: { error: AwsError; done: boolean } | undefined;
  for (const { number, fault: text, seen } of rows.db.prepare("SELECT number, fault, seen FROM faults").all()) {
    const fault = JSON.parse(String(text)) as Fault;
    if (!matches(fault, call)) continue;
    rows.db.prepare("UPDATE faults SET seen = seen + 1 WHERE number = ?").run(Number(number));
    const from = fault.after ?? 0;
    const times = fault.times === undefined ? 1 : (fault.times ?? Infinity);
    if (Number(seen) < from || Number(seen) >= from + times) continue;
    const reason = fault.message ?? sentences[fault.code] ?? "injected by the test";
    due ??= { error: new AwsError(fault.code, reason, statusOf(fault.code)), done: fault.done ?? false };
  }
  return due;
}

const matches = (fault: Fault, call: Call): boolean =>
  (fault.of === "*" || fault.of === call.of) &&
  (fault.on === "any" || fault.on === call.on) &&
  (fault.name === undefined || fault.name === call.name);

const statusOf = (code: string): number => {
  if (/^(InternalFailure|InternalError|ServiceUnavailable)/.test(code)) return 500;
  return /^(ExpiredToken|AccessDenied)/.test(code) ? 403 : 400;
};
