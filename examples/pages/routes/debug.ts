import type { FastifyInstance } from "fastify";
import type { Database } from "../database";

/** Routes for tests, served with PAGES_DEBUG=1 only: `GET /debug/sleep?seconds=11` keeps a connection busy. */
export function addDebugRoutes(app: FastifyInstance, database: Database): void {
  const querystring = {
    type: "object",
    required: ["seconds"],
    additionalProperties: false,
    properties: { seconds: { type: "string", pattern: "^\\d{1,3}(\\.\\d{1,3})?$" } },
  };
  app.get<{ Querystring: { seconds: string } }>("/debug/sleep", { schema: { querystring } }, async ({ query }) => {
    const seconds = Number(query.seconds);
    await database.query({ text: "SELECT pg_sleep($1)", values: [seconds] });
    return { slept: seconds };
  });
}
