import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Client } from "pg";
import { oldestSchema } from "../../examples/pages/config";
import type { Sql } from "../../examples/pages/database";
import { featuresOf } from "../../examples/pages/features";
import * as pages from "../../examples/pages/queries/pages";
import * as plugins from "../../examples/pages/queries/plugins";
import * as revisions from "../../examples/pages/queries/revisions";
import {
  createPagesDatabase,
  migrationFiles,
  runSection,
  startService,
  type PagesDatabase,
  type RunningService,
} from "../support/pages";
import { startPostgres, type TestPostgres } from "../support/postgres";

const routes = join(__dirname, "../../examples/pages/routes");

/** Every endpoint that reads or writes what migrations make: "PATCH /pages/:id". */
const endpoints = readdirSync(routes)
  .filter((file) => !["debug.ts", "health.ts"].includes(file))
  .flatMap((file) => [
    ...readFileSync(join(routes, file), "utf8").matchAll(/\bapp\.(get|post|patch|put|delete)\b[^(]*\(\s*"([^"]+)"/g),
  ])
  .map(([, method = "", path = ""]) => `${method.toUpperCase()} ${path}`);

/** What a journey was answered, without what differs from one to the next. */
type Answers = { endpoint: string; status: number; body: unknown }[];

/**
 * Asks every endpoint once, of pages that it makes and removes again; what it is answered is the release's behaviour.
 * @param name tells its pages from those of others
 */
async function journey(service: RunningService, name: string): Promise<Answers> {
  const answers: Answers = [];
  const ask = async (endpoint: string, params: Record<string, string> = {}, body?: unknown, query = "") => {
    const [method = "", template = ""] = endpoint.split(" ");
    const path = template.replace(/:(\w+)/g, (_, key: string) => params[key] ?? "");
    const answer = await service.call(method, path + query, body);
    answers.push({ endpoint, status: answer.status, body: anonymous(answer.body, name) });
    return answer.body as Record<string, unknown>;
  };
  const title = `Harbour of ${name}`;
  const { id, version } = await ask("POST /pages", {}, { slug: `${name}-first`, title, content: { blocks: [] } });
  const page = { id: String(id) };
  await ask("POST /pages", {}, { slug: `${name}-second`, title: "Second" }).then(async (second) => {
    const first = await ask("GET /pages", {}, undefined, "?limit=1");
    await ask("GET /pages", {}, undefined, `?limit=1&cursor=${String(first.next)}`);
    await ask("DELETE /pages/:id", { id: String(second.id) });
  });
  await ask("GET /pages/:id", page);
  await ask("GET /pages/by-slug/:slug", { slug: `${name}-first` });
  await ask("PATCH /pages/:id", page, { version, title: `${title}, changed`, status: "published" });
  await ask("PATCH /pages/:id", page, { version, title: "too late" });
  await ask("GET /search", {}, undefined, `?q=${name}&limit=1`);
  await ask("GET /pages/:id/revisions", page);
  await ask("GET /pages/:id/revisions/:version", { ...page, version: "1" });
  await ask("POST /pages/:id/revisions/:version/restore", { ...page, version: "1" }, { version: 2 });
  await ask("POST /pages/:id/plugins", page, { name: "gallery", settings: { columns: 2 } });
  await ask("PATCH /pages/:id/plugins/:name", { ...page, name: "gallery" }, { settings: { rows: 3 } });
  await ask("GET /pages/:id/plugins", page);
  await ask("DELETE /pages/:id/plugins/:name", { ...page, name: "gallery" });
  await ask("DELETE /pages/:id", page);
  await ask("GET /pages/:id", page);
  return answers;
}

/** Ids, times, cursors and the journey's own name become words. */
const anonymous = (body: unknown, name: string): unknown =>
  JSON.parse(
    JSON.stringify(body ?? null)
      .replaceAll(name, "NAME")
      .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "ID")
      .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME")
      .replace(/"next":"[^"]+"/, '"next":"CURSOR"')
      .replace(/"score":[\d.]+/, '"score":0'),
  );

const expands = migrationFiles.flatMap((file, index) =>
  file.phase === "expand" ? [{ ...file, before: migrationFiles[index - 1]?.version ?? "" }] : [],
);

/** A page that is there for every query, and sorts before all others. */
const mine = "11111111-2222-4333-8444-555555555555";
const place = { createdAt: "2031-01-01T00:00:00.000Z", id: mine };
const added = { slug: "by-a-query", title: "By a query", content: { blocks: [] } };
const modules = { ...pages, ...revisions, ...plugins };

/** Every query of the release built against `schema`, by the name of the function that makes it. */
function queriesOf(schema: string): Record<keyof typeof modules, Sql> {
  const features = featuresOf(schema);
  return {
    insertPage: pages.insertPage(features, { ...added, ...(features.summary ? { summary: "Short" } : {}) }),
    updatePage: pages.updatePage(features, mine, 1, { title: "Changed", status: "published" }),
    restorePage: pages.restorePage(features, mine, 1, 1),
    pageById: pages.pageById(features, mine),
    pageBySlug: pages.pageBySlug(features, "mine"),
    versionOf: pages.versionOf(mine),
    deletePage: pages.deletePage(mine),
    listPages: pages.listPages(features, 1, "draft", place),
    searchPages: pages.searchPages("unmistakable", 5),
    listRevisions: revisions.listRevisions(mine, 5, 9),
    revisionOf: revisions.revisionOf(mine, 1),
    listPlugins: plugins.listPlugins(mine),
    attachPlugin: plugins.attachPlugin(mine, "map", { zoom: 3 }),
    updateSettings: plugins.updateSettings(mine, "gallery", { rows: 3 }),
    detachPlugin: plugins.detachPlugin(mine, "gallery"),
  };
}

/** What each query gives, undone again; those that name a table which is not there yet are not the release's. */
async function answersOf(app: Client, schema: string): Promise<Record<string, unknown>> {
  const answers: Record<string, unknown> = {};
  const attempt = async (name: string, { text, values }: Sql, undo: boolean): Promise<void> => {
    await app.query("SAVEPOINT one");
    try {
      const { rows, fields } = await app.query<Record<string, unknown>>(text, values);
      const ours = rows.filter(({ id }) => id === undefined || id === mine || name === "insertPage");
      answers[name] = anonymous({ columns: fields.map((field) => field.name), ours }, "NAME");
      if (undo) await app.query("ROLLBACK TO one");
    } catch (error) {
      await app.query("ROLLBACK TO one");
      if ((error as { code?: string }).code !== "42P01") throw new Error(`${name} failed`, { cause: error });
    }
  };
  await app.query("BEGIN");
  try {
    const given = [
      `INSERT INTO pages (id, slug, title, created_at) VALUES ('${mine}', 'mine', 'Unmistakable', '2030-01-01')`,
      `INSERT INTO page_revisions SELECT id, version, title, content, status FROM pages WHERE id = '${mine}'`,
      `INSERT INTO page_plugins VALUES ('${mine}', 'gallery')`,
    ];
    for (const text of given) await attempt("given", { text, values: [] }, false);
    delete answers["given"];
    for (const [name, sql] of Object.entries(queriesOf(schema))) await attempt(name, sql, true);
    return answers;
  } finally {
    await app.query("ROLLBACK");
  }
}

for (const major of [15, 18] as const)
  describe(`the release before each expand migration of the example service, on PostgreSQL ${major}`, function () {
    this.timeout(180_000);
    let postgres: TestPostgres;
    let database: PagesDatabase;
    let app: Client;
    before(async () => {
      postgres = await startPostgres(major);
      database = await createPagesDatabase(postgres, "");
      const { PGUSER: user, PGPASSWORD: password } = database.env;
      assert.ok(user && password);
      app = await postgres.connect({ user, password, database: database.name });
    });
    after(() => postgres.stop());

    it("is asked every query that there is", () => {
      assert.deepEqual(Object.keys(queriesOf("0006")).sort(), Object.keys(modules).sort());
    });

    for (const { version, name, before, up, down } of expands)
      it(`finds every query's answer as it was after ${version}_${name}, and after its down`, async () => {
        const { owner } = database;
        const schema = before === "" ? "0" : before;
        const expected = await answersOf(app, schema);
        const count = before === "" ? 0 : ({ "0001": 6, "0002": 11 }[before] ?? Object.keys(modules).length);
        assert.equal(Object.keys(expected).length, count, Object.keys(expected).join(", "));
        await runSection(owner, up);
        const after = await answersOf(app, schema);
        for (const query of Object.keys(expected)) assert.deepEqual(after[query], expected[query], query);
        await runSection(owner, down);
        assert.deepEqual(await answersOf(app, schema), expected);
        await runSection(owner, up);
      });

    // Only of those that this code base still runs as.
    for (const { version, name, before, up, down } of expands.filter((each) => each.before >= oldestSchema))
      it(`answers alike at every endpoint before, while and after ${version}_${name} runs, and its down`, async () => {
        const served = await createPagesDatabase(postgres, before);
        const service = await startService({ ...served.env, SCHEMA: before });
        let count = 0;
        const once = () => journey(service, `n${major}x${version}x${count++}`);
        /** Journeys, one after the other, from before it begins until it is over, and one more. */
        const during = async (work: () => Promise<void>): Promise<Answers[]> => {
          const state = { over: false };
          const working = work().finally(() => (state.over = true));
          const seen = [await once()];
          while (!state.over) seen.push(await once());
          await working;
          return [...seen, await once()];
        };
        try {
          const expected = await once();
          assert.deepEqual([...new Set(expected.map(({ endpoint }) => endpoint))].sort(), [...endpoints].sort());
          assert.deepEqual(
            expected.filter(({ status }) => status >= 400).map(({ endpoint, status }) => `${endpoint} ${status}`),
            ["PATCH /pages/:id 409", "GET /pages/:id 404"],
          );
          const widened = await during(async () => {
            await runSection(served.owner, up);
            await served.record({ version, phase: "expand" });
          });
          assert.equal((await service.fetch("/health/ready")).status, 200);
          const narrowed = await during(async () => {
            await served.owner.query("DELETE FROM switchyard.migrations WHERE version = $1", [version]);
            await runSection(served.owner, down);
          });
          assert.equal((await service.fetch("/health/ready")).status, 200);
          for (const answers of [...widened, ...narrowed]) assert.deepEqual(answers, expected);
        } finally {
          await service.destroy();
        }
      });
  });
