import type * as Undici from "undici";
import type { SmokeRequest } from "../config";

/** Longest wait for one answer, in ms: the idle timeout of an application load balancer, past which it answers 504. */
const answerMs = 60_000;

/** The largest answer that is read: 10 MiB. A larger one is a failure, not a reason to run out of memory. */
const mostBytes = 10 * 2 ** 20;

/** What came back for one request. */
export type Answer = { readonly ms: number } & (
  | { readonly status: number; readonly text: string }
  /** Why there was no whole answer. */
  | { readonly trouble: string }
);

/** A way to one colour. */
export interface Sender {
  /** Never rejects: that there is no answer is an answer. */
  send(request: Pick<SmokeRequest, "method" | "path" | "headers" | "body">): Promise<Answer>;
  close(): Promise<void>;
}

/** Loaded once something is sent: a preview sends nothing, and asks the providers of smoke and rehearsal all the same. */
// eslint-disable-next-line @typescript-eslint/no-require-imports
const undici = () => require("undici") as typeof Undici;

/** @param headers go with every request, and override its own. */
export function sender(baseUrl: string, headers: Readonly<Record<string, string>>): Sender {
  const base = new URL(baseUrl);
  const prefix = base.pathname.replace(/\/$/, "");
  const pool = new (undici().Pool)(base.origin, {
    connections: 100,
    headersTimeout: answerMs,
    bodyTimeout: answerMs,
    maxResponseSize: mostBytes,
  });
  return {
    async send(request) {
      const begun = performance.now();
      const elapsed = (): number => performance.now() - begun;
      try {
        const answer = await pool.request({
          method: request.method,
          path: prefix + request.path,
          headers: { ...typeOf(request), ...request.headers, ...lowerCased(headers) },
          body: bodyOf(request),
          signal: AbortSignal.timeout(answerMs),
        });
        return { status: answer.statusCode, text: await answer.body.text(), ms: elapsed() };
      } catch (error) {
        return { trouble: troubleOf(error as Error & { code?: string }), ms: elapsed() };
      }
    },
    close: () => pool.close(),
  };
}

type WithBody = Pick<SmokeRequest, "body">;

const bodyOf = ({ body }: WithBody): string | null =>
  body === undefined ? null : typeof body === "string" ? body : JSON.stringify(body);

const typeOf = ({ body }: WithBody): Record<string, string> =>
  body === undefined || typeof body === "string" ? {} : { "content-type": "application/json" };

const lowerCased = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));

function troubleOf(error: Error & { code?: string }): string {
  if (error.name === "TimeoutError") return `no answer within ${answerMs / 1000} s`;
  return `no answer: ${error.code ?? error.name}${error.message === "" ? "" : ` (${error.message})`}`;
}
