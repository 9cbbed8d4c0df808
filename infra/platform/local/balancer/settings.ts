import type { LevelWithSilent } from "pino";
import { z } from "zod";

const milliseconds = (standard: number, max: number) => z.coerce.number().int().min(1).max(max).default(standard);

const environment = z.object({
  /** Port of the admin server on loopback; 0 for any free one, which the log then names. */
  ADMIN_PORT: z.coerce.number().int().min(0).max(65535),
  /** Bearer token that every change needs; at least 16 characters. */
  ADMIN_TOKEN: z.string().min(16),
  /** What a health check asks for: no I/O behind it, so that a slow database does not take targets out. */
  HEALTH_PATH: z.string().startsWith("/").default("/health/live"),
  HEALTH_INTERVAL_MS: milliseconds(1_000, 300_000),
  HEALTH_TIMEOUT_MS: milliseconds(1_000, 120_000),
  /** Good checks in a row that make a target healthy. */
  HEALTHY_THRESHOLD: z.coerce.number().int().min(1).max(10).default(2),
  /** Bad checks in a row that make a target unhealthy. */
  UNHEALTHY_THRESHOLD: z.coerce.number().int().min(1).max(10).default(2),
  /** Silence after which a connection is closed or a target counts as timed out. 60 s is an ALB's idle timeout. */
  IDLE_TIMEOUT_MS: milliseconds(60_000, 4_000_000),
  /** Longest time to establish a connection to a target. 10 s is an ALB's. */
  CONNECT_TIMEOUT_MS: milliseconds(10_000, 60_000),
  /** Longest time that requests in flight get to finish after SIGTERM. */
  STOP_TIMEOUT_MS: milliseconds(10_000, 600_000),
  LOG_LEVEL: z.enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"]).default("info"),
});

export interface HealthSettings {
  path: string;
  intervalMs: number;
  timeoutMs: number;
  healthyThreshold: number;
  unhealthyThreshold: number;
}

export interface ProxySettings {
  idleTimeoutMs: number;
  connectTimeoutMs: number;
}

export interface Settings {
  adminPort: number;
  adminToken: string;
  health: HealthSettings;
  proxy: ProxySettings;
  stopTimeoutMs: number;
  logLevel: LevelWithSilent;
}

/**
 * Reads the balancer's settings from its environment.
 * @throws Error that names every variable at fault and never shows a value (one of them is the token)
 */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const parsed = environment.safeParse(env);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `  ${issue.path.join(".")}: ${issue.message}`);
    throw new Error(`The balancer can't start with these environment variables:\n${problems.join("\n")}`);
  }
  const given = parsed.data;
  return {
    adminPort: given.ADMIN_PORT,
    adminToken: given.ADMIN_TOKEN,
    health: {
      path: given.HEALTH_PATH,
      intervalMs: given.HEALTH_INTERVAL_MS,
      timeoutMs: given.HEALTH_TIMEOUT_MS,
      healthyThreshold: given.HEALTHY_THRESHOLD,
      unhealthyThreshold: given.UNHEALTHY_THRESHOLD,
    },
    proxy: { idleTimeoutMs: given.IDLE_TIMEOUT_MS, connectTimeoutMs: given.CONNECT_TIMEOUT_MS },
    stopTimeoutMs: given.STOP_TIMEOUT_MS,
    logLevel: given.LOG_LEVEL,
  };
}
