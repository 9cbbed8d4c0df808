import type { Sql } from "../database";

/** A plugin attached to a page. */
export interface Plugin {
  name: string;
  settings: Record<string, unknown>;
  attachedAt: Date;
  updatedAt: Date;
}

const columns = 'name, settings, attached_at AS "attachedAt", updated_at AS "updatedAt"';

export const listPlugins = (pageId: string): Sql => ({
  text: `SELECT ${columns} FROM page_plugins WHERE page_id = $1 ORDER BY name`,
  values: [pageId],
});

/** 23503 when there is no such page, 23505 when the plugin is attached already. */
export const attachPlugin = (pageId: string, name: string, settings: Plugin["settings"]): Sql => ({
  text: `INSERT INTO page_plugins (page_id, name, settings) VALUES ($1, $2, $3) RETURNING ${columns}`,
  values: [pageId, name, JSON.stringify(settings)],
});

/** Sets the settings given and leaves the others, in one statement: two callers at once don't undo each other. */
export const updateSettings = (pageId: string, name: string, settings: Plugin["settings"]): Sql => ({
  text: `
    UPDATE page_plugins SET settings = settings || $3::jsonb, updated_at = now()
    WHERE page_id = $1 AND name = $2 RETURNING ${columns}`,
  values: [pageId, name, JSON.stringify(settings)],
});

export const detachPlugin = (pageId: string, name: string): Sql => ({
  text: "DELETE FROM page_plugins WHERE page_id = $1 AND name = $2 RETURNING name",
  values: [pageId, name],
});
