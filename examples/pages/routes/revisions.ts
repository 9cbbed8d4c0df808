import type { FastifyInstance } from "fastify";
import type { Database } from "../database";
import { ApiError } from "../errors";
import type { Features } from "../features";
import { restorePage, versionOf, type Page } from "../queries/pages";
import { listRevisions, revisionOf, type Revision } from "../queries/revisions";
import { id, limitText, strictly, version, versionText } from "../schemas";
import { noPage, refuseVersion } from "./pages";

interface OneRevision {
  id: string;
  version: string;
}

export function addRevisionRoutes(app: FastifyInstance, database: Database, features: Features): void {
  const one = strictly({ id, version: versionText });

  app.get<{ Params: { id: string }; Querystring: { limit: string; before?: string } }>(
    "/pages/:id/revisions",
    { schema: { params: strictly({ id }), querystring: strictly({ limit: limitText, before: versionText }, []) } },
    async ({ params: { id }, query }) => {
      const limit = Number(query.limit);
      const before = query.before === undefined ? undefined : Number(query.before);
      const found = await database.query<Revision>(listRevisions(id, limit, before));
      // Every page has a revision, so only a page that isn't there, or a place before the first, has none.
      if (found.length === 0 && (await database.query(versionOf(id))).length === 0) noPage(id);
      const items = found.slice(0, limit);
      return { items, next: found.length > limit ? (items.at(-1)?.version ?? null) : null };
    },
  );

  app.get<{ Params: OneRevision }>("/pages/:id/revisions/:version", { schema: { params: one } }, ({ params }) =>
    read(database, params.id, Number(params.version)),
  );

  app.post<{ Params: OneRevision; Body: { version: number } }>(
    "/pages/:id/revisions/:version/restore",
    { schema: { params: one, body: strictly({ version }) } },
    async ({ params, body }) => {
      const revision = Number(params.version);
      const [page] = await database.query<Page>(restorePage(features, params.id, body.version, revision));
      if (page !== undefined) return page;
      await read(database, params.id, revision);
      return refuseVersion(database, params.id, body.version);
    },
  );
}

/** @throws ApiError 404 */
async function read(database: Database, pageId: string, version: number): Promise<Revision> {
  const [revision] = await database.query<Revision>(revisionOf(pageId, version));
  if (revision !== undefined) return revision;
  throw new ApiError(404, "revision_not_found", `there is no version ${version} of a page ${pageId}`);
}
