import http from "node:http";
import type { Health } from "./api";
import { codeOf, messageOf } from "./errors";
import type { HealthSettings } from "./settings";

/** What one check saw: nothing wrong, or the reason and words that the target's state will show. */
export type Verdict = { ok: true } | { ok: false; reason: string; description: string };

/** A target's health and how many checks in a row spoke against it (or, when not yet healthy, for it). */
export interface HealthRecord {
  health: Health;
  /** Good checks in a row, and bad checks in a row; one of them is 0. */
  good: number;
  bad: number;
}

export const initialHealth: HealthRecord = {
  health: {
    state: "initial",
    reason: "Elb.InitialHealthChecking",
    description: "Initial health checks are in progress.",
  },
  good: 0,
  bad: 0,
};

/** The record after one more check. Pure. */
export function afterCheck(
  record: HealthRecord,
  verdict: Verdict,
  thresholds: Pick<HealthSettings, "healthyThreshold" | "unhealthyThreshold">,
): HealthRecord {
  if (verdict.ok) {
    const good = record.good + 1;
    const health: Health = good >= thresholds.healthyThreshold ? { state: "healthy" } : record.health;
    return { health, good, bad: 0 };
  }
  const bad = record.bad + 1;
  const { reason, description } = verdict;
  // An unhealthy target shows what its latest check saw, not its first bad one.
  const health: Health =
    bad >= thresholds.unhealthyThreshold || record.health.state === "unhealthy"
      ? { state: "unhealthy", reason, description }
      : record.health;
  return { health, good: 0, bad };
}

/**
 * Checks a target at once and then every interval (from start to start, one at a time), until stopped.
 * Each check has a connection of its own: a kept one would go on answering while the target refuses new ones.
 * @param onVerdict called after each check, never after `stop`
 * @returns the function that stops it; a check under way then ends unheard
 */
export function startChecks(
  target: { host: string; port: number },
  settings: HealthSettings,
  onVerdict: (verdict: Verdict) => void,
): () => void {
  const life = { stopped: false };
  let timer: NodeJS.Timeout | undefined;
  const run = async (): Promise<void> => {
    const started = performance.now();
    const verdict = await check(target, settings);
    if (life.stopped) return;
    onVerdict(verdict);
    timer = setTimeout(() => void run(), Math.max(0, settings.intervalMs - (performance.now() - started)));
  };
  void run();
  return () => {
    life.stopped = true;
    clearTimeout(timer);
  };
}

async function check(target: { host: string; port: number }, settings: HealthSettings): Promise<Verdict> {
  const timeout = AbortSignal.timeout(settings.timeoutMs);
  try {
    const status = await ask(target, settings.path, timeout);
    if (status === 200) return { ok: true };
    return {
      ok: false,
      reason: "Target.ResponseCodeMismatch",
      description: `Health checks failed with these codes: [${status}]; GET ${settings.path} must answer 200.`,
    };
  } catch (thrown) {
    if (timeout.aborted) {
      const description = `Request timed out: GET ${settings.path} took more than ${settings.timeoutMs} ms.`;
      return { ok: false, reason: "Target.Timeout", description };
    }
    const description = `Health checks failed: GET ${settings.path}: ${codeOf(thrown) ?? messageOf(thrown)}.`;
    return { ok: false, reason: "Target.FailedHealthChecks", description };
  }
}

/** Sends one GET, reads the whole answer, and gives its status. */
function ask(target: { host: string; port: number }, path: string, signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { "user-agent": "switchyard-balancer-health-check" };
    const request = http.get({ ...target, path, headers, signal, agent: false }, (response) => {
      response.once("end", () => resolve(response.statusCode ?? 0));
      response.once("error", reject);
      response.resume();
    });
    request.once("error", reject);
  });
}
