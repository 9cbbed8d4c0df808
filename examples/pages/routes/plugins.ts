import type { FastifyInstance } from "fastify";
import { DatabaseError } from "pg";
import type { Database } from "../database";
import { ApiError } from "../errors";
import { versionOf } from "../queries/pages";
import { attachPlugin, detachPlugin, listPlugins, updateSettings, type Plugin } from "../queries/plugins";
import { id, pluginName, settings, strictly } from "../schemas";
import { noPage } from "./pages";

interface OnePlugin {
  id: string;
  name: string;
}

export function addPluginRoutes(app: FastifyInstance, database: Database): void {
  const ofPage = strictly({ id });
  const one = strictly({ id, name: pluginName });

  app.get<{ Params: { id: string } }>("/pages/:id/plugins", { schema: { params: ofPage } }, async ({ params }) => {
    const items = await database.query<Plugin>(listPlugins(params.id));
    if (items.length === 0 && (await database.query(versionOf(params.id))).length === 0) noPage(params.id);
    return { items };
  });

  app.post<{ Params: { id: string }; Body: Pick<Plugin, "name"> & { settings?: Plugin["settings"] } }>(
    "/pages/:id/plugins",
    { schema: { params: ofPage, body: strictly({ name: pluginName, settings }, ["name"]) } },
    async ({ params, body }, reply) => {
      const plugin = await attach(database, params.id, body.name, body.settings ?? {});
      return reply.code(201).header("location", `/pages/${params.id}/plugins/${body.name}`).send(plugin);
    },
  );

  app.patch<{ Params: OnePlugin; Body: Pick<Plugin, "settings"> }>(
    "/pages/:id/plugins/:name",
    { schema: { params: one, body: strictly({ settings }) } },
    async ({ params, body }) => {
      const [plugin] = await database.query<Plugin>(updateSettings(params.id, params.name, body.settings));
      return plugin ?? notAttached(params);
    },
  );

  app.delete<{ Params: OnePlugin }>(
    "/pages/:id/plugins/:name",
    { schema: { params: one } },
    async ({ params }, reply) => {
      const gone = await database.query(detachPlugin(params.id, params.name));
      if (gone.length === 0) notAttached(params);
      return reply.code(204).send();
    },
  );
}

async function attach(database: Database, pageId: string, name: string, values: Plugin["settings"]) {
  try {
    const [plugin] = await database.query<Plugin>(attachPlugin(pageId, name, values));
    return plugin;
  } catch (error) {
    const code = error instanceof DatabaseError ? error.code : undefined;
    if (code === "23503") noPage(pageId);
    if (code === "23505")
      throw new ApiError(409, "plugin_attached", `the plugin ${name} is attached to the page already`);
    throw error;
  }
}

function notAttached({ id, name }: OnePlugin): never {
  throw new ApiError(404, "plugin_not_found", `there is no plugin ${name} on a page ${id}`);
}
