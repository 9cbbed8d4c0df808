import type { Sql } from "../database";
import type { Page } from "./pages";

/** What a page was at one of its versions. */
export interface Revision {
  version: number;
  title: string;
  status: Page["status"];
  createdAt: Date;
  /** Not in lists. */
  content?: Page["content"];
}

/** A page's revisions from the newest on, those before version `before`, one more than `limit`. */
export function listRevisions(pageId: string, limit: number, before?: number): Sql {
  return {
    text: `
      SELECT version, title, status, created_at AS "createdAt" FROM page_revisions
      WHERE page_id = $1 ${before === undefined ? "" : "AND version < $3"}
      ORDER BY version DESC LIMIT $2`,
    values: [pageId, limit + 1, ...(before === undefined ? [] : [before])],
  };
}

export const revisionOf = (pageId: string, version: number): Sql => ({
  text: `
    SELECT version, title, content, status, created_at AS "createdAt"
    FROM page_revisions WHERE page_id = $1 AND version = $2`,
  values: [pageId, version],
});
