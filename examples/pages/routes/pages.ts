import type { FastifyInstance } from "fastify";
import { DatabaseError } from "pg";
import type { Database } from "../database";
import { ApiError } from "../errors";
import type { Features } from "../features";
import * as queries from "../queries/pages";
import type { ListedPage, Page, PageFields } from "../queries/pages";
import { id, limitText, pageFields, slug, status, strictly, version } from "../schemas";
import { fromCursor, toCursor } from "./cursor";

interface List {
  limit: string;
  status?: Page["status"];
  cursor?: string;
}

export function addPageRoutes(app: FastifyInstance, database: Database, features: Features): void {
  const fields = pageFields(features);
  const params = strictly({ id });

  app.get<{ Querystring: List }>(
    "/pages",
    { schema: { querystring: strictly({ limit: limitText, status, cursor: { type: "string", maxLength: 200 } }, []) } },
    async ({ query }) => {
      const limit = Number(query.limit);
      const after = query.cursor === undefined ? undefined : fromCursor(query.cursor);
      const found = await database.query<ListedPage>(queries.listPages(features, limit, query.status, after));
      const items = found.slice(0, limit);
      const last = items.at(-1);
      return { items, next: found.length > limit && last !== undefined ? toCursor(last) : null };
    },
  );

  app.post<{ Body: PageFields }>(
    "/pages",
    { schema: { body: strictly(fields, ["slug", "title"]) } },
    async ({ body }, reply) => {
      const [page] = await write(database, queries.insertPage(features, body), body);
      return reply
        .code(201)
        .header("location", `/pages/${page?.id ?? ""}`)
        .send(page);
    },
  );

  app.get<{ Params: { id: string } }>("/pages/:id", { schema: { params } }, async ({ params: { id } }) => {
    const [page] = await database.query<Page>(queries.pageById(features, id));
    return page ?? noPage(id);
  });

  app.get<{ Params: { slug: string } }>(
    "/pages/by-slug/:slug",
    { schema: { params: strictly({ slug }) } },
    async ({ params: { slug } }) => {
      const [page] = await database.query<Page>(queries.pageBySlug(features, slug));
      return page ?? noPage(slug);
    },
  );

  app.patch<{ Params: { id: string }; Body: PageFields & { version: number } }>(
    "/pages/:id",
    { schema: { params, body: { ...strictly({ ...fields, version }, ["version"]), minProperties: 2 } } },
    async ({ params: { id }, body: { version, ...changes } }) => {
      const [page] = await write(database, queries.updatePage(features, id, version, changes), changes);
      return page ?? refuseVersion(database, id, version);
    },
  );

  app.delete<{ Params: { id: string } }>("/pages/:id", { schema: { params } }, async ({ params: { id } }, reply) => {
    const gone = await database.query(queries.deletePage(id));
    if (gone.length === 0) noPage(id);
    return reply.code(204).send();
  });
}

/** @throws ApiError 404 */
export function noPage(which: string): never {
  throw new ApiError(404, "page_not_found", `there is no page ${which}`);
}

/** Says why a change found no row. @throws ApiError 404 or 409 */
export async function refuseVersion(database: Database, id: string, version: number): Promise<never> {
  const [page] = await database.query<{ version: number }>(queries.versionOf(id));
  if (page === undefined) noPage(id);
  const message = `the page is at version ${page.version}, not ${version}; read it again and repeat the change`;
  throw new ApiError(409, "version_conflict", message);
}

async function write(
  database: Database,
  sql: ReturnType<typeof queries.insertPage>,
  { slug }: PageFields,
): Promise<Page[]> {
  try {
    return await database.query<Page>(sql);
  } catch (error) {
    if (error instanceof DatabaseError && error.constraint === "pages_slug_key")
      throw new ApiError(409, "slug_taken", `another page has the slug ${slug ?? ""}`);
    throw error;
  }
}
