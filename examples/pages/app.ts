import { fastify, LogController, type FastifyBaseLogger, type FastifyInstance } from "fastify";
import type { Logger } from "pino";
import type { ServiceConfig } from "./config";
import type { Database } from "./database";
import { Drain } from "./drain";
import { answerError, ApiError, describeInvalid } from "./errors";
import { featuresOf } from "./features";
import { answerUnreadable, responsesFrom } from "./identity";
import { requestId } from "./logging";
import { addMetrics } from "./metrics";
import { addDebugRoutes } from "./routes/debug";
import { addHealthRoutes } from "./routes/health";
import { addPageRoutes } from "./routes/pages";
import { addPluginRoutes } from "./routes/plugins";
import { addRevisionRoutes } from "./routes/revisions";
import { addSearchRoutes } from "./routes/search";
import { maxDepthKeyword } from "./schemas";

/** The largest body taken, in bytes: a page's content is JSON without its images. */
const bodyLimit = 256 * 1024;

/**
 * How long a connection may stay without a request, in ms: longer than a balancer keeps it (ALB: 60 s), so that the
 * balancer is the one to close it.
 */
const keepAliveTimeout = 72_000;

/** Builds the service; it does not listen yet. */
export function buildApp(
  config: ServiceConfig,
  database: Database,
  log: Logger,
): { app: FastifyInstance; drain: Drain } {
  // Typed as fastify's own kind of logger, so that the app is of its plain type.
  const loggerInstance: FastifyBaseLogger = log;
  const app = fastify({
    loggerInstance,
    // One line a request, written below, in place of fastify's two.
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: "requestId" }),
    genReqId: requestId,
    http: { ServerResponse: responsesFrom(config) },
    clientErrorHandler: answerUnreadable(config),
    frameworkErrors: (error, request, reply) => void answerError(error, request, reply),
    schemaErrorFormatter: describeInvalid,
    // As sent is as meant: nothing is turned into another type or silently left out.
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, keywords: [maxDepthKeyword] } },
    return503OnClosing: false,
    bodyLimit,
    keepAliveTimeout,
  });
  const drain = new Drain(app.server);

  app.setErrorHandler(answerError);
  app.setNotFoundHandler((request) => {
    throw new ApiError(404, "not_found", `there is no ${request.method} ${pathOf(request.url)}`);
  });
  app.addHook("onSend", (request, reply, _payload, done) => {
    reply.header("x-request-id", request.id);
    if (drain.begun) reply.header("connection", "close");
    done();
  });
  app.addHook("onResponse", (request, reply, done) => {
    const { method, routeOptions } = request;
    const ms = Math.round(reply.elapsedTime);
    // The path without its query, which may say what somebody searched for.
    const summary = { method, path: pathOf(request.url), route: routeOptions.url, status: reply.statusCode, ms };
    request.log.info(summary, "request completed");
    done();
  });

  const features = featuresOf(config.schema);
  addMetrics(app, config, database);
  addHealthRoutes(app, { config, database, draining: () => drain.begun });
  addPageRoutes(app, database, features);
  addRevisionRoutes(app, database, features);
  addPluginRoutes(app, database);
  addSearchRoutes(app, database);
  if (config.debug) addDebugRoutes(app, database);
  return { app, drain };
}

const pathOf = (url: string): string => url.split("?", 1)[0] ?? url;
