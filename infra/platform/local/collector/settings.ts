import { z } from "zod";
import { limitsWith, type CollectedLimits } from "../../../collector/alarms";
import { usualAlarms } from "../../../config/sections/alarms";
import type { AlarmLimits } from "../balancer/client";

const port = z.coerce.number().int().min(1).max(65535);

const environment = z.object({
  PGHOST: z.string().min(1),
  PGPORT: port,
  /** Roles are named after it. */
  PGDATABASE: z.string().min(1),
  /** Of the monitoring role. */
  PGPASSWORD: z.string().min(1),
  /** Of the balancer, which shows what fires. */
  ADMIN_PORT: port,
  ADMIN_TOKEN: z.string().min(16),
  /** Folder of the logs that copies write: blue.log, green.log. */
  COPIES_LOGS: z.string().min(1),
  /** Milliseconds between two readings, each of which stands for a minute of the alarms. */
  INTERVAL_MS: z.coerce.number().int().min(100).max(600_000).default(60_000),
  /** Limits of alarms in JSON, in place of a stack's own. */
  LIMITS: z.string().default("{}"),
  /** Beyond what the balancer's own alarms fire, in JSON. Left out, it goes by those that it has. */
  BALANCER_LIMITS: z.string().optional(),
});

export interface CollectorSettings {
  readonly database: { host: string; port: number; name: string; password: string };
  readonly balancer: { adminPort: number; token: string };
  readonly copiesLogs: string;
  readonly intervalMs: number;
  readonly limits: CollectedLimits;
  readonly balancerLimits?: AlarmLimits;
}

/** @throws Error that names every variable at fault and never shows a value: two of them are secrets */
export function readSettings(env: NodeJS.ProcessEnv): CollectorSettings {
  const parsed = environment.safeParse(env);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `  ${issue.path.join(".")}: ${issue.message}`);
    throw new Error(`The collector can't start with these environment variables:\n${problems.join("\n")}`);
  }
  const { data } = parsed;
  const ofBalancer = data.BALANCER_LIMITS;
  return {
    ...(ofBalancer !== undefined && { balancerLimits: JSON.parse(ofBalancer) as AlarmLimits }),
    database: { host: data.PGHOST, port: data.PGPORT, name: data.PGDATABASE, password: data.PGPASSWORD },
    balancer: { adminPort: data.ADMIN_PORT, token: data.ADMIN_TOKEN },
    copiesLogs: data.COPIES_LOGS,
    intervalMs: data.INTERVAL_MS,
    limits: { ...limitsWith(usualAlarms.connections), ...(JSON.parse(data.LIMITS) as Partial<CollectedLimits>) },
  };
}
