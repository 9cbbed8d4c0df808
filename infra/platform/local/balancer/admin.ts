import { createHash, timingSafeEqual } from "node:crypto";
import fastify, { type FastifyInstance, type FastifyRequest } from "fastify";
import type { Logger } from "pino";
import { z } from "zod";
import type { BalancerHealth, ErrorBody, ServerErrorCode } from "./api";
import type { Balancer } from "./balancer";
import { BalancerError } from "./errors";
import { alarmLimits, databaseReport, listenerChange, newListener, newTarget, previewListener } from "./requests";
import { accept, colour, delaySeconds, targetId } from "./requests";

const statusOf: Record<ServerErrorCode, number> = {
  AccessDenied: 401,
  DuplicateListener: 409,
  DuplicateTarget: 409,
  InternalError: 500,
  InvalidWeights: 400,
  ListenerNotFound: 404,
  PortInUse: 409,
  PortNotAllowed: 400,
  PreconditionFailed: 409,
  RouteNotFound: 404,
  StateNotWritten: 500,
  Stopping: 503,
  ValidationError: 400,
};

const open = new Set(["/health", "/metrics"]);

/**
 * The admin server, not yet listening. Everything but /health and /metrics needs `Authorization: Bearer <token>`.
 * Refusals have the body `{ code, message }` (ErrorBody).
 */
export function adminServer(balancer: Balancer, token: string, log: Logger): FastifyInstance {
  const server = fastify({ logger: false, bodyLimit: 64 * 1024 });
  const authorised = bearerCheck(token);
  server.addHook("onRequest", (request, _reply, done) => {
    const path = request.routeOptions.url;
    if (request.method === "GET" && path !== undefined && open.has(path)) {
      done();
      return;
    }
    if (!authorised(request)) {
      log.warn({ method: request.method, path }, "admin call refused: no or wrong token");
      const message = "This call needs the header `authorization: Bearer <token>` with the balancer's admin token.";
      done(new BalancerError("AccessDenied", message));
      return;
    }
    done();
  });
  server.setNotFoundHandler((request) => {
    throw new BalancerError("RouteNotFound", `The balancer has no ${request.method} ${request.url}.`);
  });
  server.setErrorHandler(async (thrown, _request, reply) => {
    const body = toBody(thrown);
    if (body.code === "InternalError") log.error({ err: thrown }, "admin call failed");
    return reply.code(statusOf[body.code]).send(body);
  });
  addReading(server, balancer);
  addChanges(server, balancer);
  return server;
}

function addReading(server: FastifyInstance, balancer: Balancer): void {
  server.get("/health", (): BalancerHealth => {
    const status = balancer.stopping ? "stopping" : "ok";
    return { status, pid: process.pid, startedAt: balancer.startedAt };
  });
  server.get("/metrics", async (_request, reply) => {
    const { registry } = balancer.metrics;
    return reply.type(registry.contentType).send(await registry.metrics());
  });
  server.get("/state", () => balancer.state());
}

function addChanges(server: FastifyInstance, balancer: Balancer): void {
  server.post("/listeners/production", ({ body }) => balancer.createListener(accept(newListener, body, "listener")));
  server.patch("/listeners/production", ({ body }) => balancer.modifyListener(accept(listenerChange, body, "change")));
  server.delete("/listeners/production", async (_request, reply) => {
    await balancer.deleteListener();
    return reply.code(204).send();
  });
  server.put("/listeners/preview", ({ body }) => balancer.openPreview(accept(previewListener, body, "listener").port));
  server.put("/alarms", async ({ body }, reply) => {
    balancer.watch.goBy(accept(alarmLimits, body, "limits"));
    return reply.code(204).send();
  });
  server.put("/database", async ({ body }, reply) => {
    balancer.watch.reported.take(accept(databaseReport, body, "report"));
    return reply.code(204).send();
  });
  server.delete("/database", async (_request, reply) => {
    balancer.watch.reported.forget();
    return reply.code(204).send();
  });
  server.post("/groups/:colour/targets", async ({ params, body }, reply) => {
    const group = accept(z.strictObject({ colour }), params, "path");
    await balancer.registerTarget(group.colour, accept(newTarget, body, "target"));
    return reply.code(204).send();
  });
  server.delete("/groups/:colour/targets/:id", ({ params, query }) => {
    const target = accept(z.strictObject({ colour, id: targetId }), params, "path");
    const given = accept(z.strictObject({ delaySeconds }), query, "query");
    return balancer.deregisterTarget(target.colour, target.id, given.delaySeconds);
  });
}

/** Compares digests, so that neither the token's length nor its beginning shows in the time it takes. */
function bearerCheck(token: string): (request: FastifyRequest) => boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  const expected = digest(`Bearer ${token}`);
  return (request) => timingSafeEqual(digest(request.headers.authorization ?? ""), expected);
}

function toBody(thrown: unknown): ErrorBody {
  if (thrown instanceof BalancerError && thrown.code in statusOf) {
    const code = thrown.code as ServerErrorCode;
    return { code, message: thrown.message, ...(thrown.found && { found: thrown.found }) };
  }
  // Fastify's own refusals: a body that is not JSON, too large, of another type.
  const status =
    typeof thrown === "object" && thrown !== null && "statusCode" in thrown ? Number(thrown.statusCode) : 500;
  if (thrown instanceof Error && status >= 400 && status < 500) {
    return { code: "ValidationError", message: thrown.message };
  }
  return { code: "InternalError", message: "The balancer failed on this call; its log says why." };
}
