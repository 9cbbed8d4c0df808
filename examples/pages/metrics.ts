import type { FastifyInstance } from "fastify";
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { ServiceConfig } from "./config";
import type { Database } from "./database";

/** Upper bounds in seconds, close around the latencies that are alarmed on: 100 ms, 500 ms and 1 s. */
const buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Counts and times every request by its route (never by its path, which has no end of values), and serves /metrics. */
export function addMetrics(app: FastifyInstance, config: ServiceConfig, database: Database): void {
  const registry = new Registry();
  const registers = [registry];
  registry.setDefaultLabels({ colour: config.colour, release: config.release });
  collectDefaultMetrics({ register: registry });
  const labelNames = ["method", "route", "status"] as const;
  const requests = new Counter({ name: "http_requests_total", help: "Requests answered.", labelNames, registers });
  const durations = new Histogram({
    name: "http_request_duration_seconds",
    help: "Time from the request's headers to the end of the response.",
    labelNames,
    buckets,
    registers,
  });
  addPoolMetrics(registry, config, database);

  app.addHook("onResponse", (request, reply, done) => {
    const route = request.routeOptions.url ?? "unknown";
    const labels = { method: request.method, route, status: String(reply.statusCode) };
    requests.inc(labels);
    durations.observe(labels, reply.elapsedTime / 1000);
    done();
  });
  app.get("/metrics", { logLevel: "warn" }, async (_request, reply) => {
    const text = await registry.metrics();
    return reply.type(registry.contentType).send(text);
  });
}

function addPoolMetrics(registry: Registry, config: ServiceConfig, database: Database): void {
  const helps = {
    total: "Connections to the database that are open.",
    idle: "Open connections that are unused.",
    waiting: "Requests that wait for a connection.",
  };
  for (const [figure, help] of Object.entries(helps) as [keyof typeof helps, string][]) {
    new Gauge({
      name: `pg_pool_${figure}`,
      help,
      registers: [registry],
      collect() {
        this.set(database.figures()[figure]);
      },
    });
  }
  new Gauge({ name: "pg_pool_max", help: "Connections that may be open.", registers: [registry] }).set(
    config.database.max,
  );
}
