import { finished } from "node:stream/promises";
import { setTimeout } from "node:timers/promises";
import { Pool } from "undici";

/** Bounds that keep a mistake in a test from taking the machine with it. */
const most = { requests: 1_000_000, durationMs: 600_000, concurrency: 256, rate: 5_000 };

export interface LoadOptions {
  /** Where to send the requests; the host must be a loopback address. */
  url: string;
  /** How many to send, 1..1,000,000. This, `durationMs` or both: whichever is reached first ends the load. */
  requests?: number;
  /** How long to go on sending, in milliseconds, 1..600,000. */
  durationMs?: number;
  /** Requests in flight at most, 1..256; default 8. */
  concurrency?: number;
  /** Requests a second, up to 5,000; default: as fast as answers come. Latency then counts from the scheduled moment. */
  rate?: number;
  /** Default GET. */
  method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  headers?: Record<string, string>;
  body?: string;
  /** Longest wait for one answer, in milliseconds; default 30,000. */
  timeoutMs?: number;
  /** Ends the load early; requests in flight are waited for. */
  signal?: AbortSignal;
  /** Called with the colour of each answer, as it has come whole. */
  onAnswer?: (colour: string) => void;
}

export interface LoadResult {
  sent: number;
  /** Answers with a status below 500. */
  good: number;
  /** Answers with a status from 500 up, and requests without an answer. */
  failed: number;
  elapsedMs: number;
  /** Answers by their `x-colour` header; `none` for those without one. */
  byColour: Record<string, number>;
  byStatus: Record<string, number>;
  /** Requests that got no whole answer, by cause (`ECONNRESET`, …). */
  failures: Record<string, number>;
  /** Milliseconds; all 0 when nothing was answered. */
  latency: { p50: number; p95: number; p99: number; max: number };
}

/**
 * Sends many HTTP requests over kept-alive connections and counts what came back.
 * @throws Error for a host that is not loopback, or options out of bounds
 */
export async function load(options: LoadOptions): Promise<LoadResult> {
  const url = new URL(options.url);
  assertBounds(url, options);
  const concurrency = options.concurrency ?? 8;
  const timeoutMs = options.timeoutMs ?? 30_000;
  const pool = new Pool(url.origin, { connections: concurrency, headersTimeout: timeoutMs, bodyTimeout: timeoutMs });
  const tally = new Tally();
  const started = performance.now();
  const deadline = started + (options.durationMs ?? most.durationMs);
  const limit = options.requests ?? most.requests;
  const { method = "GET", headers, body = null } = options;
  const request = { path: url.pathname + url.search, method, headers, body };

  const worker = async (): Promise<void> => {
    while (tally.sent < limit && performance.now() < deadline && !options.signal?.aborted) {
      const number = tally.sent++;
      let from = performance.now();
      if (options.rate !== undefined) {
        from = started + (number * 1000) / options.rate;
        const early = from - performance.now();
        if (early > 0) await setTimeout(early);
        // A timer may fire a little early.
        from = Math.min(from, performance.now());
      }
      try {
        const answer = await pool.request(request);
        // Not body.dump(): that takes a broken-off body for a whole one.
        await finished(answer.body.resume());
        tally.answered(answer.statusCode, answer.headers["x-colour"], performance.now() - from);
        options.onAnswer?.(String(answer.headers["x-colour"] ?? "none"));
      } catch (error) {
        tally.broken(error);
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  await pool.close();
  return tally.result(performance.now() - started);
}

class Tally {
  sent = 0;
  readonly #byColour = new Map<string, number>();
  readonly #byStatus = new Map<string, number>();
  readonly #failures = new Map<string, number>();
  readonly #latencies: number[] = [];

  answered(status: number, colour: string | string[] | undefined, ms: number): void {
    count(this.#byStatus, String(status));
    count(this.#byColour, String(colour ?? "none"));
    this.#latencies.push(ms);
  }

  broken(error: unknown): void {
    const named = error instanceof Error ? error : new Error(String(error));
    count(this.#failures, "code" in named && typeof named.code === "string" ? named.code : named.message);
  }

  result(elapsedMs: number): LoadResult {
    const sorted = Float64Array.from(this.#latencies).sort();
    const at = (share: number) => sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
    const good = sum([...this.#byStatus].filter(([status]) => Number(status) < 500).map(([, value]) => value));
    const answered = sorted.length;
    return {
      sent: this.sent,
      good,
      failed: answered - good + sum([...this.#failures.values()]),
      elapsedMs,
      byColour: Object.fromEntries(this.#byColour),
      byStatus: Object.fromEntries(this.#byStatus),
      failures: Object.fromEntries(this.#failures),
      latency: { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) },
    };
  }
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function assertBounds(url: URL, options: LoadOptions): void {
  if (!["127.0.0.1", "[::1]", "localhost"].includes(url.hostname)) {
    throw new Error(`The load generator only sends to loopback (127.0.0.1, ::1, localhost), not to ${url.hostname}.`);
  }
  if (options.requests === undefined && options.durationMs === undefined) {
    throw new Error("A load needs an end: requests, durationMs, or both.");
  }
  for (const key of ["requests", "durationMs", "concurrency", "rate"] as const) {
    const value = options[key];
    if (value !== undefined && !(value > 0 && value <= most[key])) {
      throw new Error(`load: ${key} is ${value}; allowed is more than 0, up to ${most[key]}.`);
    }
  }
}
