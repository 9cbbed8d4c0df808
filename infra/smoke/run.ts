import { setTimeout as delay } from "node:timers/promises";
import type { SmokeRequest } from "../config";
import { formatDuration, type Milliseconds } from "../config/duration";
import { failureOf } from "./failure";
import { sender, type Answer, type Sender } from "./send";

/** Answers 200 once a colour can do its work: a part of the contract of every service. */
const healthPath = "/health";

/** Between two looks at a colour that isn't healthy, in ms. */
const lookMs = 500;

export interface SmokeTarget {
  /** The preview listener, without a path of a request. */
  readonly baseUrl: string;
  /** What picks the colour there. */
  readonly headers: Readonly<Record<string, string>>;
  /** In the order in which they are sent, one after the other. */
  readonly requests: readonly SmokeRequest[];
  /** How long the colour may take to be healthy, in ms. */
  readonly healthWait: number;
  /** Told what is done, a line at a time. */
  readonly say: (line: string) => void;
}

/** What one declared request gave. */
export interface SmokeFigures {
  /** "GET /health" */
  readonly request: string;
  readonly sent: number;
  readonly failed: number;
  /** What 95 of 100 answers took at most (nearest rank), in whole ms. */
  readonly p95: number;
}

export interface SmokeReport {
  /** How long the colour took to be healthy, in ms. */
  readonly healthyAfter: number;
  readonly figures: readonly SmokeFigures[];
  /** Everything that was not as expected, a sentence each; empty where all was well. */
  readonly failures: readonly string[];
}

/** Waits until a colour is healthy, then sends it every request. Never throws for what a colour answers. */
export async function runSmoke(target: SmokeTarget): Promise<SmokeReport> {
  const { baseUrl, headers, requests, say } = target;
  const way = sender(baseUrl, headers);
  try {
    const begun = performance.now();
    const unhealthy = await waitUntilHealthy(way, target);
    const healthyAfter = Math.round(performance.now() - begun);
    if (unhealthy !== undefined) return { healthyAfter, figures: [], failures: [unhealthy] };
    const figures: SmokeFigures[] = [];
    const failures: string[] = [];
    for (const request of requests) {
      const { figure, wrong } = await tryOut(way, request);
      figures.push(figure);
      failures.push(...wrong);
      say(`${figure.request}: ${figure.failed} of ${figure.sent} failed, p95 ${figure.p95} ms`);
    }
    return { healthyAfter, figures, failures };
  } finally {
    await way.close();
  }
}

/** @returns why it is not healthy, when the wait is over. */
async function waitUntilHealthy(way: Sender, { healthWait, say }: SmokeTarget): Promise<string | undefined> {
  const until = performance.now() + healthWait;
  const request = { method: "GET", path: healthPath, headers: {}, expect: { status: 200 } } as const;
  let last: string | undefined;
  for (;;) {
    const answer = await way.send(request);
    const failure = failureOf(request, answer);
    if (failure === undefined) return undefined;
    // Its text differs each time, by an uptime or a latency in it.
    const kind = "trouble" in answer ? answer.trouble : String(answer.status);
    if (kind !== last) say(`not healthy yet: ${failure}`);
    last = kind;
    if (performance.now() + lookMs > until)
      return `it was not healthy within ${formatDuration(healthWait as Milliseconds)}: ${failure}`;
    await delay(lookMs);
  }
}

async function tryOut(way: Sender, request: SmokeRequest): Promise<{ figure: SmokeFigures; wrong: string[] }> {
  const answers = await sendAll(way, request);
  const failed = answers.flatMap((answer) => failureOf(request, answer) ?? []);
  const p95 = percentile95(answers.map(({ ms }) => ms));
  const name = `${request.method} ${request.path}`;
  const wrong = [...countedBy(failed, answers.length), ...tooSlow(name, request, p95)];
  return { figure: { request: name, sent: answers.length, failed: failed.length, p95: Math.round(p95) }, wrong };
}

/** As many at once as the request allows, until all are sent. */
async function sendAll(way: Sender, request: SmokeRequest): Promise<Answer[]> {
  const answers: Answer[] = [];
  let left = request.requests;
  const lane = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      answers.push(await way.send(request));
    }
  };
  await Promise.all(Array.from({ length: request.concurrency }, lane));
  return answers;
}

/** Alike failures once each, with how many there were. */
function countedBy(failed: readonly string[], sent: number): string[] {
  const counts = new Map<string, number>();
  for (const failure of failed) counts.set(failure, (counts.get(failure) ?? 0) + 1);
  const kinds = [...counts].sort(([, a], [, b]) => b - a);
  const told = kinds.slice(0, mostKinds).map(([failure, count]) => (sent === 1 ? failure : `${count} of ${sent}: ${failure}`)); // prettier-ignore
  const rest = kinds.slice(mostKinds).reduce((sum, [, count]) => sum + count, 0);
  return rest === 0 ? told : [...told, `${rest} of ${sent} failed in other ways`];
}

/** Answers with a time or an id in them differ each time. */
const mostKinds = 3;

function tooSlow(name: string, { p95: allowed, requests, concurrency }: SmokeRequest, p95: number): string[] {
  if (allowed === undefined || p95 <= allowed) return [];
  const how = `${requests} requests, ${concurrency} at once`;
  return [`${name}: found a p95 of ${Math.round(p95)} ms (${how}), expected at most ${formatDuration(allowed)}`];
}

/** By nearest rank. */
function percentile95(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * 0.95) - 1] ?? 0;
}
