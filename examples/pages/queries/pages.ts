import type { Sql } from "../database";
import type { Features } from "../features";

/** A page as it is answered. `createdAt` and `updatedAt` have milliseconds, in the database too. */
export interface Page {
  id: string;
  slug: string;
  title: string;
  content: Record<string, unknown>;
  status: "draft" | "published";
  version: number;
  createdAt: Date;
  updatedAt: Date;
  /** Only of releases that know it. */
  summary?: string | null;
}

/** What a caller may write of a page. */
export interface PageFields {
  slug?: string;
  title?: string;
  content?: Record<string, unknown>;
  status?: Page["status"];
  summary?: string | null;
}

/** A page in a list: without its content. */
export type ListedPage = Omit<Page, "content">;

/** The place in a list after which to go on: the keys of the last page read, neither of which ever changes. */
export interface Place {
  createdAt: string;
  id: string;
}

const stored = (features: Features) => ["slug", "title", "content", "status", ...(features.summary ? ["summary"] : [])];

/** Columns are always named: a release must not stumble over one that it doesn't know. */
const rawColumns = (features: Features) => ["id", ...stored(features), "version", "created_at", "updated_at"];

const renamed: Record<string, string> = {
  created_at: 'created_at AS "createdAt"',
  updated_at: 'updated_at AS "updatedAt"',
};
const answered = (columns: string[]) => columns.map((column) => renamed[column] ?? column).join(", ");
const pageColumns = (features: Features) => answered(rawColumns(features));
const listedColumns = (features: Features) => answered(rawColumns(features).filter((column) => column !== "content"));

/** Keeps what a page became: follows, in the same statement, whatever changes one. */
const recordRevision = `
  INSERT INTO page_revisions (page_id, version, title, content, status, created_at)
  SELECT id, version, title, content, status, updated_at FROM changed`;

/** The columns that `fields` gives, in order, and their values. */
function given(features: Features, fields: PageFields): { columns: string[]; values: unknown[] } {
  const columns = stored(features).filter((column) => fields[column as keyof PageFields] !== undefined);
  const values = columns.map((column) => fields[column as keyof PageFields]);
  return { columns, values: values.map((value) => (isObject(value) ? JSON.stringify(value) : value)) };
}

const isObject = (value: unknown) => typeof value === "object" && value !== null;

/** Makes a page and its first revision. 23505 on pages_slug_key when the slug is taken. */
export function insertPage(features: Features, fields: PageFields): Sql {
  const { columns, values } = given(features, fields);
  return {
    text: `
      WITH changed AS (
        INSERT INTO pages (${columns.join(", ")}) VALUES (${columns.map((_, index) => `$${index + 1}`).join(", ")})
        RETURNING ${rawColumns(features).join(", ")}
      ), revision AS (${recordRevision})
      SELECT ${pageColumns(features)} FROM changed`,
    values,
  };
}

/** Changes the fields given and adds a revision; no row when the page is gone or no longer at `version`. */
export function updatePage(features: Features, id: string, version: number, fields: PageFields): Sql {
  const { columns, values } = given(features, fields);
  const changes = columns.map((column, index) => `${column} = $${index + 3}`);
  return {
    text: `
      WITH changed AS (
        UPDATE pages SET ${[...changes, "version = version + 1", "updated_at = now()"].join(", ")}
        WHERE id = $1 AND version = $2
        RETURNING ${rawColumns(features).join(", ")}
      ), revision AS (${recordRevision})
      SELECT ${pageColumns(features)} FROM changed`,
    values: [id, version, ...values],
  };
}

/** Gives a page the title and content of one of its revisions, as a new version; otherwise as `updatePage`. */
export function restorePage(features: Features, id: string, version: number, revision: number): Sql {
  return {
    text: `
      WITH changed AS (
        UPDATE pages SET title = source.title, content = source.content, version = pages.version + 1, updated_at = now()
        FROM page_revisions AS source
        WHERE pages.id = $1 AND pages.version = $2 AND source.page_id = pages.id AND source.version = $3
        RETURNING ${rawColumns(features)
          .map((column) => `pages.${column}`)
          .join(", ")}
      ), revision AS (${recordRevision})
      SELECT ${pageColumns(features)} FROM changed`,
    values: [id, version, revision],
  };
}

export const pageById = (features: Features, id: string): Sql => ({
  text: `SELECT ${pageColumns(features)} FROM pages WHERE id = $1`,
  values: [id],
});

export const pageBySlug = (features: Features, slug: string): Sql => ({
  text: `SELECT ${pageColumns(features)} FROM pages WHERE slug = $1`,
  values: [slug],
});

export const versionOf = (id: string): Sql => ({ text: "SELECT version FROM pages WHERE id = $1", values: [id] });

/** Removes a page with its revisions and plugins; no row when there is none. */
export const deletePage = (id: string): Sql => ({ text: "DELETE FROM pages WHERE id = $1 RETURNING id", values: [id] });

/** Pages from the newest on, after `after`, one more than `limit` so that the caller sees whether there are more. */
export function listPages(features: Features, limit: number, status?: Page["status"], after?: Place): Sql {
  const values: unknown[] = [limit + 1];
  const conditions: string[] = [];
  if (status !== undefined) conditions.push(`status = $${values.push(status)}`);
  if (after !== undefined) {
    const [createdAt, id] = [values.push(after.createdAt), values.push(after.id)];
    conditions.push(`(created_at, id) < ($${createdAt}, $${id})`);
  }
  const where = conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`;
  return {
    text: `SELECT ${listedColumns(features)} FROM pages ${where} ORDER BY created_at DESC, id DESC LIMIT $1`,
    values,
  };
}

/** A page found, with how well its title fits: 0 to 1. */
export interface Match {
  id: string;
  slug: string;
  title: string;
  status: Page["status"];
  score: number;
}

/**
 * Pages with words like `text` in their title, the best first. `<%` finds what is above word_similarity_threshold (0.6)
 * through the trigram index; word similarity, since a title is longer than what people type.
 */
export const searchPages = (text: string, limit: number): Sql => ({
  text: `
    SELECT id, slug, title, status, word_similarity($1, title) AS score
    FROM pages WHERE $1 <% title
    ORDER BY score DESC, id LIMIT $2`,
  values: [text, limit],
});
