import type { FastifyInstance } from "fastify";
import type { Database } from "../database";
import { searchPages, type Match } from "../queries/pages";
import { limitText, strictly } from "../schemas";

/** `GET /search?q=&limit=`: pages whose title has words like those in `q`. */
export function addSearchRoutes(app: FastifyInstance, database: Database): void {
  // Three characters make the first whole trigram; less would match nearly every title.
  const q = { type: "string", minLength: 3, maxLength: 200 };
  app.get<{ Querystring: { q: string; limit: string } }>(
    "/search",
    { schema: { querystring: strictly({ q, limit: limitText }, ["q"]) } },
    async ({ query }) => ({
      items: await database.query<Match>(searchPages(query.q, Number(query.limit))),
    }),
  );
}
