import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import {
  createPagesDatabase,
  eventually,
  startService,
  type PagesDatabase,
  type RunningService,
} from "../support/pages";
import { startPostgres, type TestPostgres } from "../support/postgres";

interface Page {
  id: string;
  slug: string;
  title: string;
  content: unknown;
  status: string;
  version: number;
  createdAt: string;
  summary?: string | null;
}
interface List<T> {
  items: T[];
  next: string | number | null;
}
const nobody = "00000000-0000-4000-8000-000000000000";

describe("the API of the example service", function () {
  this.timeout(180_000);
  let postgres: TestPostgres;
  let database: PagesDatabase;
  let service: RunningService;
  before(async () => {
    postgres = await startPostgres();
    database = await createPagesDatabase(postgres, "0007");
    service = await startService(database.env);
  });
  after(async () => {
    await service.destroy();
    await postgres.stop();
  });

  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- says what the answer is, in one place
  const call = async <T = unknown>(method: string, path: string, body?: unknown) => {
    const { status, body: answer, headers } = await service.call(method, path, body);
    return { status, body: answer as T, headers };
  };
  const make = async (slug: string) => {
    const { status, body } = await call<Page>("POST", "/pages", { slug, title: `Title of ${slug}`, content: { n: 1 } });
    assert.equal(status, 201);
    return body;
  };
  const refused = async (
    method: string,
    path: string,
    body: unknown,
    status: number,
    code: string,
    message?: RegExp,
  ) => {
    const answer = await call<{ error: { code: string; message: string } }>(method, path, body);
    assert.deepEqual([answer.status, answer.body.error.code], [status, code], JSON.stringify(answer.body));
    if (message) assert.match(answer.body.error.message, message);
  };

  it("makes a page, and reads it by id and by slug", async () => {
    const { status, body, headers } = await call<Page>("POST", "/pages", { slug: "first", title: "First" });
    assert.equal(status, 201);
    assert.equal(headers.get("location"), `/pages/${body.id}`);
    const { slug, title, content, status: state, version } = body;
    assert.deepEqual({ slug, title, content, state, version }, { slug: "first", title: "First", content: {}, state: "draft", version: 1 }); // prettier-ignore
    assert.deepEqual((await call("GET", `/pages/${body.id}`)).body, body);
    assert.deepEqual((await call("GET", "/pages/by-slug/first")).body, body);
  });

  it("changes what is given, counts the version up and keeps every version", async () => {
    const page = await make("changing");
    const change = { version: 1, title: "Changed", status: "published" };
    const changed = await call<Page>("PATCH", `/pages/${page.id}`, change);
    assert.equal(changed.status, 200);
    assert.deepEqual([changed.body.title, changed.body.status, changed.body.version, changed.body.content], ["Changed", "published", 2, { n: 1 }]); // prettier-ignore
    const { body } = await call<List<{ version: number; title: string }>>("GET", `/pages/${page.id}/revisions`);
    assert.deepEqual(
      body.items.map(({ version, title }) => [version, title]),
      [[2, "Changed"], [1, "Title of changing"]], // prettier-ignore
    );
    const first = await call<Page>("GET", `/pages/${page.id}/revisions/1`);
    assert.deepEqual(first.body.content, { n: 1 });
  });

  it("of twenty writers with the same version lets exactly one through, and tells the others where the page is", async () => {
    const page = await make("contended");
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => call("PATCH", `/pages/${page.id}`, { version: 1, title: `Writer ${n}` })),
    );
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, ...Array<number>(19).fill(409)]);
    await refused(
      "PATCH",
      `/pages/${page.id}`,
      { version: 1, title: "late" },
      409,
      "version_conflict",
      /at version 2, not 1/,
    );
    const { rows } = await database.owner.query("SELECT count(*)::int FROM page_revisions WHERE page_id = $1", [
      page.id,
    ]);
    assert.deepEqual(rows, [{ count: 2 }]);
  });

  it("restores a version as a new one", async () => {
    const page = await make("restored");
    await call("PATCH", `/pages/${page.id}`, { version: 1, title: "Worse", content: { n: 2 } });
    const path = `/pages/${page.id}/revisions/1/restore`;
    await refused("POST", path, { version: 1 }, 409, "version_conflict");
    const { status, body } = await call<Page>("POST", path, { version: 2 });
    assert.deepEqual([status, body.version, body.title, body.content], [200, 3, "Title of restored", { n: 1 }]);
    await refused("POST", `/pages/${page.id}/revisions/9/restore`, { version: 3 }, 404, "revision_not_found");
  });

  it("deletes a page with its revisions and plugins, for good", async () => {
    const page = await make("deleted");
    await call("POST", `/pages/${page.id}/plugins`, { name: "map" });
    assert.equal((await call("DELETE", `/pages/${page.id}`)).status, 204);
    await refused("GET", `/pages/${page.id}`, undefined, 404, "page_not_found");
    await refused("DELETE", `/pages/${page.id}`, undefined, 404, "page_not_found");
    const left = await database.owner.query(
      "SELECT FROM page_revisions WHERE page_id = $1 UNION ALL SELECT FROM page_plugins WHERE page_id = $1",
      [page.id],
    );
    assert.equal(left.rowCount, 0);
  });

  it("lists every page once, page by page, although others are made meanwhile", async () => {
    const seen: string[] = [];
    let path = "/pages?limit=100&status=published";
    for (let round = 0; ; round += 1) {
      const { body } = await call<List<Page>>("GET", path);
      seen.push(...body.items.map(({ slug }) => slug));
      assert.ok(body.items.every((page) => page.content === undefined && page.status === "published"));
      if (round < 5) await call("POST", "/pages", { slug: `meanwhile-${round}`, title: "x", status: "published" });
      if (body.next === null) break;
      path = `/pages?limit=100&status=published&cursor=${body.next}`;
    }
    assert.equal(new Set(seen).size, seen.length);
    assert.equal(seen.filter((slug) => slug.startsWith("sample-page-")).length, 2000);
    assert.equal(seen.filter((slug) => slug.startsWith("meanwhile-")).length, 0);
    assert.equal(seen.filter((slug) => slug.startsWith("sample")).at(0), "sample-page-2999");
  });

  it("lists revisions from the newest on, a page at a time", async () => {
    const { body: page } = await call<Page>("GET", "/pages/by-slug/sample-page-7");
    const { body: newest } = await call<List<Page>>("GET", `/pages/${page.id}/revisions?limit=2`);
    assert.deepEqual([newest.items.map(({ version }) => version), newest.next], [[3, 2], 2]);
    const { body: oldest } = await call<List<Page>>("GET", `/pages/${page.id}/revisions?limit=2&before=2`);
    assert.deepEqual([oldest.items.map(({ version }) => version), oldest.next], [[1], null]);
    await refused("GET", `/pages/${nobody}/revisions`, undefined, 404, "page_not_found");
  });

  it("attaches plugins, sets some of their settings without losing others, and detaches them", async () => {
    const page = await make("with-plugins");
    const path = `/pages/${page.id}/plugins`;
    assert.equal((await call("POST", path, { name: "map", settings: { zoom: 3, tiles: "osm" } })).status, 201);
    await refused("POST", path, { name: "map" }, 409, "plugin_attached");
    await refused("POST", `/pages/${nobody}/plugins`, { name: "map" }, 404, "page_not_found");
    await Promise.all([
      call("PATCH", `${path}/map`, { settings: { zoom: 9 } }),
      call("PATCH", `${path}/map`, { settings: { pins: [1, 2] } }),
    ]);
    const { body } = await call<List<{ name: string; settings: unknown }>>("GET", path);
    assert.deepEqual(
      body.items.map(({ name, settings }) => [name, settings]),
      [["map", { zoom: 9, tiles: "osm", pins: [1, 2] }]],
    );
    assert.equal((await call("DELETE", `${path}/map`)).status, 204);
    assert.deepEqual((await call("GET", path)).body, { items: [] });
    for (const [method, sent] of [
      ["PATCH", { settings: {} }],
      ["DELETE", undefined],
    ] as const)
      // prettier-ignore
      await refused(method, `${path}/map`, sent, 404, "plugin_not_found");
    await refused("GET", `/pages/${nobody}/plugins`, undefined, 404, "page_not_found");
  });

  it("finds titles by words like those given, the best first, no more than asked for", async () => {
    await call("POST", "/pages", { slug: "unlike-others", title: "Xylophone repairs in Zagreb" });
    const { body } = await call<List<{ slug: string; score: number }>>("GET", "/search?q=xylophne");
    assert.deepEqual(
      body.items.map(({ slug }) => slug),
      ["unlike-others"],
    );
    const many = await call<List<{ score: number }>>("GET", "/search?q=harbour&limit=7");
    assert.equal(many.body.items.length, 7);
    assert.deepEqual((await call("GET", "/search?q=qqqqqq")).body, { items: [] });
    for (const wild of ["%25%25%25", "___", "'; DROP TABLE pages; --"])
      assert.equal((await call("GET", `/search?q=${wild}`)).status, 200);
  });

  const invalid: [string, string, unknown, RegExp][] = [
    ["POST", "/pages", { title: "no slug" }, /body must have required property 'slug'/],
    ["POST", "/pages", { slug: "Upper Case", title: "x" }, /body\/slug must match pattern/],
    ["POST", "/pages", { slug: "a", title: 5 }, /body\/title must be string/],
    ["POST", "/pages", { slug: "a", title: "" }, /body\/title must NOT have fewer than 1/],
    ["POST", "/pages", { slug: "a", title: "x", titel: "y" }, /additional properties: titel/],
    ["POST", "/pages", { slug: "a", title: "x", status: "secret" }, /allowed values: draft, published/],
    ["POST", "/pages", { slug: "a", title: "x", content: [1] }, /body\/content must be object/],
    ["POST", "/pages", { slug: "a", title: "nul \0" }, /the database can't store this value/],
    ["POST", "/pages", { slug: "a", title: "x", content: { nul: "\0" } }, /the database can't store this value/],
    ["PATCH", `/pages/${nobody}`, { title: "x", slug: "a" }, /must have required property 'version'/],
    ["PATCH", `/pages/${nobody}`, { version: 1 }, /must NOT have fewer than 2 properties/],
    ["GET", "/pages/42", undefined, /params\/id must match format "uuid"/],
    ["GET", "/pages?limit=101", undefined, /querystring\/limit must match pattern/],
    ["GET", "/pages?offset=5", undefined, /additional properties: offset/],
    ["GET", "/search?q=ab", undefined, /querystring\/q must NOT have fewer than 3/],
  ];
  for (const [method, path, body, message] of invalid)
    it(`refuses ${method} ${path} ${JSON.stringify(body) || ""}`, () =>
      refused(method, path, body, 400, "invalid_request", message));

  it("refuses bodies that are no JSON, too large, nested too deep or of another type", async () => {
    const post = async (body: string, type = "application/json") => {
      const answer = await service.fetch("/pages", { method: "POST", headers: { "content-type": type }, body });
      return [answer.status, ((await answer.json()) as { error?: { code: string } }).error?.code];
    };
    assert.deepEqual(await post("{"), [400, "invalid_json"]);
    assert.deepEqual(await post("<a/>", "application/xml"), [415, "unsupported_media_type"]);
    assert.deepEqual(await post(JSON.stringify({ slug: "a", title: "x".repeat(300_000) })), [413, "payload_too_large"]);
    const nested = (depth: number) =>
      `{"slug":"deep","title":"x","content":{"a":${"[".repeat(depth)}${"]".repeat(depth)}}}`;
    assert.deepEqual(await post(nested(63)), [201, undefined]);
    for (const depth of [64, 100_000]) assert.deepEqual(await post(nested(depth)), [400, "invalid_request"]);
    await refused("GET", "/pages?cursor=abc", undefined, 400, "invalid_cursor");
    await refused("POST", "/pages", { slug: "sample-page-1", title: "x" }, 409, "slug_taken", /sample-page-1/);
  });

  it("says its colour and release in every response, those of Node.js itself included", async () => {
    for (const path of [
      "/health/live",
      "/health/ready",
      "/health",
      "/metrics",
      "/pages",
      "/none",
      "/pages/%zz",
      "/debug/sleep?seconds=1",
    ]) {
      const { headers } = await service.fetch(path);
      assert.deepEqual([path, headers.get("x-colour"), headers.get("x-release")], [path, "blue", "1.0.0"]);
    }
    const raw = {
      "nonsense\r\n\r\n": 400,
      "GET / HTTP/1.1\r\n\r\n": 400,
      "GET / HTTP/1.1\r\nhost: a\r\nexpect: miracles\r\nconnection: close\r\n\r\n": 417,
      [`GET / HTTP/1.1\r\nhost: a\r\nlong: ${"x".repeat(20_000)}\r\n\r\n`]: 431,
    };
    for (const [text, status] of Object.entries(raw)) {
      const socket = connect(service.port, "127.0.0.1").setEncoding("utf8");
      let answer = "";
      socket.on("data", (part: string) => (answer += part)).write(text);
      await once(socket, "close");
      assert.match(answer, new RegExp(`^HTTP/1.1 ${status} `), text.slice(0, 60));
      assert.match(answer, /^x-colour: blue\r$/im);
      assert.match(answer, /^x-release: 1\.0\.0\r$/im);
    }
  });

  it("counts and times requests by route and status, and shows the pool", async () => {
    await service.fetch("/pages/by-slug/sample-page-1");
    const text = await (await service.fetch("/metrics")).text();
    assert.match(text, /^http_requests_total\{method="GET",route="\/pages\/by-slug\/:slug",status="200",colour="blue",release="1.0.0"\} \d+$/m); // prettier-ignore
    assert.match(text, /^http_request_duration_seconds_bucket\{le="0.5",.*route="\/pages\/by-slug\/:slug".*\} \d+$/m);
    assert.match(text, /^http_requests_total\{.*route="unknown",status="404".*\} \d+$/m);
    assert.doesNotMatch(text, /sample-page-1/);
    const figure = (name: string) => Number(new RegExp(`^pg_pool_${name}\\{.*\\} (\\d+)$`, "m").exec(text)?.[1]);
    assert.ok(figure("total") >= 5 && figure("idle") <= figure("total"));
    assert.deepEqual([figure("waiting"), figure("max")], [0, 20]);
  });

  it("logs a JSON line a request with the caller's id, and neither bodies, queries nor the password", async () => {
    const headers = { "x-request-id": "trace-4711", "content-type": "application/json" };
    const body = JSON.stringify({ slug: "logged", title: "confidential-title" });
    const answer = await service.fetch("/pages", { method: "POST", headers, body });
    assert.equal(answer.headers.get("x-request-id"), "trace-4711");
    await service.fetch("/search?q=confidential-query");
    await service.fetch("/pages", { method: "POST", headers, body });
    const line = await eventually("the request is logged", () =>
      service.log().find(({ requestId }) => requestId === "trace-4711"),
    );
    const { method, path, route, status, colour, release, level } = line;
    assert.deepEqual({ method, path, route, status, colour, release, level }, { method: "POST", path: "/pages", route: "/pages", status: 201, colour: "blue", release: "1.0.0", level: "info" }); // prettier-ignore
    const all = service.lines.join("\n");
    assert.doesNotMatch(all, /confidential/);
    assert.ok(!all.includes(database.env.PGPASSWORD ?? "?"));
  });

  it("serves no debugging routes unless asked to", () =>
    refused("GET", "/debug/sleep?seconds=1", undefined, 404, "not_found"));

  describe("as two releases on one schema", () => {
    let newer: RunningService;
    before(async () => {
      newer = await startService({ ...database.env, COLOUR: "green", RELEASE: "1.1.0", SCHEMA: "0007" });
    });
    after(() => newer.destroy());

    it("1.1.0 reads and writes the summary, which 1.0.0 neither takes, shows nor loses", async () => {
      const made = await newer.call("POST", "/pages", { slug: "two-releases", title: "Two", summary: "In short" });
      const page = made.body as Page;
      assert.deepEqual([made.status, page.summary], [201, "In short"]);

      const { body: old } = await call<Page>("GET", `/pages/${page.id}`);
      assert.ok(!("summary" in old));
      await refused("PATCH", `/pages/${page.id}`, { version: 1, summary: "x" }, 400, "invalid_request", /summary/);
      assert.equal((await call("PATCH", `/pages/${page.id}`, { version: 1, title: "By 1.0.0" })).status, 200);

      const seen = (await newer.call("GET", `/pages/${page.id}`)).body as Page;
      assert.deepEqual([seen.title, seen.summary, seen.version], ["By 1.0.0", "In short", 2]);
      const cleared = (await newer.call("PATCH", `/pages/${page.id}`, { version: 2, summary: null })).body as Page;
      assert.deepEqual([cleared.summary, cleared.title], [null, "By 1.0.0"]);
    });

    it("1.1.0 shows a page of 1.0.0 without a summary, and lists both", async () => {
      const page = await make("of-the-old-release");
      assert.equal(((await newer.call("GET", `/pages/${page.id}`)).body as Page).summary, null);
      const { items } = (await newer.call("GET", "/pages?limit=2")).body as List<Page>;
      assert.ok(items.every((item) => "summary" in item));
      const tooLong = { version: 1, summary: "x".repeat(501) };
      assert.equal((await newer.call("PATCH", `/pages/${page.id}`, tooLong)).status, 400);
    });
  });
});
