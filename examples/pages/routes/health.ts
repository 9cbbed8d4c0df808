import type { FastifyInstance } from "fastify";
import { DatabaseError } from "pg";
import type { ServiceConfig } from "../config";
import type { Database } from "../database";
import { judgeSchema, readSchemaState } from "../schema-state";

/** The longest time for which a check waits for the database, in ms. */
const checkMs = 2_000;

interface Parts {
  config: ServiceConfig;
  database: Database;
  draining: () => boolean;
}

/** What a look at the database gave. */
interface Finding {
  /** The newest migration applied; null when unknown. */
  schema: string | null;
  latencyMs: number;
  /** Whether the database answered. */
  reachable: boolean;
  /** Why requests that need it would fail; absent when they won't. */
  reason?: string;
}

/**
 * /health/live: this process answers; what a balancer checks, and nothing else must fail it, or a database that is away
 * for a moment takes every copy out of service. /health/ready: it can do its work. /health: both, for people.
 */
export function addHealthRoutes(app: FastifyInstance, parts: Parts): void {
  const { config, draining } = parts;
  const quiet = { logLevel: "warn" } as const;

  app.get("/health/live", quiet, (_request, reply) => reply.send({ status: "ok" }));

  app.get("/health/ready", quiet, async (_request, reply) => {
    const reason = draining() ? "the service is draining" : (await look(parts)).reason;
    if (reason === undefined) return { status: "ready" };
    return reply.code(503).send({ status: "not ready", reason });
  });

  app.get("/health", quiet, async (_request, reply) => {
    const { schema, latencyMs, reachable, reason } = await look(parts);
    const body = {
      status: reason === undefined ? "ok" : "failing",
      version: config.release,
      colour: config.colour,
      schema: { required: config.schema, applied: schema },
      uptimeSeconds: Math.floor(process.uptime()),
      dependencies: {
        database: { status: reachable ? "ok" : "failing", latencyMs, pool: parts.database.figures() },
      },
      reason,
    };
    return reply.code(reason === undefined ? 200 : 503).send(body);
  });
}

async function look({ config, database }: Parts): Promise<Finding> {
  const start = performance.now();
  const latencyMs = () => Math.round((performance.now() - start) * 10) / 10;
  try {
    const state = await readSchemaState(database, config, checkMs);
    return { schema: state.newest, latencyMs: latencyMs(), reachable: true, reason: judgeSchema(config, state) };
  } catch (error) {
    const reachable = error instanceof DatabaseError;
    return { schema: null, latencyMs: latencyMs(), reachable, reason: describe(error as Error) };
  }
}

function describe(error: Error): string {
  const code = error instanceof DatabaseError ? error.code : undefined;
  if (code === "42P01" || code === "3F000")
    return "there is no table switchyard.migrations, so the schema is unknown; run: pulumi up";
  if (code === "42501") return `the role may not read switchyard.migrations: ${error.message}; run: pulumi up`;
  if (code === "57014") return "switchyard.migrations could not be read in time: another session holds a lock on it";
  return error.message;
}
