import assert from "node:assert/strict";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { previewHeader } from "../../infra/platform/local/balancer/api";
import { loadConfig, type SmokeRequest } from "../../infra/config";
import { provider } from "../../infra/providers/smoke-test/provider";
import type { SmokeTestInputs, SmokeTestState } from "../../infra/providers/smoke-test/resource";
import { runSmoke, type SmokeReport } from "../../infra/smoke/run";
import { startBalancer, stateFolder, untilHealthy, type RunningBalancer } from "../support/balancer";
import { createPagesDatabase, startService, type PagesDatabase, type RunningService } from "../support/pages";
import { startPostgres, type TestPostgres } from "../support/postgres";
import { startServer, stopServer } from "../support/pages.faults";

/** As config reads them. */
const requestsOf = (requests: unknown): readonly SmokeRequest[] =>
  loadConfig(
    {
      "switchyard:platform": "local",
      "switchyard:blue": JSON.stringify({ version: "1.0.0", schema: "0006", entry: "a.ts" }),
      "switchyard:smoke": JSON.stringify({ requests }),
    },
    { stack: "test", project: "switchyard" },
  ).smoke.requests;

const run = (
  baseUrl: string,
  requests: unknown,
  more: { healthWait?: number; headers?: Record<string, string>; said?: string[] } = {},
): Promise<SmokeReport> =>
  runSmoke({
    baseUrl,
    headers: more.headers ?? {},
    requests: requestsOf(requests),
    healthWait: more.healthWait ?? 10_000,
    say: (line) => void more.said?.push(line),
  });

describe("smoke requests over the preview listener", function () {
  this.timeout(180_000);
  let postgres: TestPostgres;
  let database: PagesDatabase;
  let blue: RunningService;
  let green: RunningService;
  let balancer: RunningBalancer;
  let folder: Awaited<ReturnType<typeof stateFolder>>;
  let previewUrl: string;

  before(async () => {
    postgres = await startPostgres();
    database = await createPagesDatabase(postgres, "0007");
    [blue, green] = await Promise.all([
      startService({ ...database.env }),
      startService({
        ...database.env,
        COLOUR: "green",
        RELEASE: "1.1.0",
        SCHEMA: "0007",
        PAGES_DEBUG: "1",
      }),
    ]);
    folder = await stateFolder();
    balancer = await startBalancer(folder.path);
    for (const [colour, { port }] of [["blue", blue] as const, ["green", green] as const])
      await balancer.client.registerTarget(colour, { id: "1", host: "127.0.0.1", port });
    await untilHealthy(balancer.client);
    previewUrl = `http://127.0.0.1:${(await balancer.client.openPreview(0)).port}`;
  });

  after(async () => {
    await balancer.end("SIGTERM");
    await Promise.all([blue.destroy(), green.destroy()]);
    await folder.clear();
    await postgres.stop();
  });

  const toGreen = { [previewHeader]: "green" };

  it("reach the colour that the header names, and pass when each answer is as declared", async () => {
    const said: string[] = [];
    const { failures, figures } = await run(
      previewUrl,
      [
        { path: "/health", expect: { json: { status: "ok", version: "1.1.0", schema: { required: "0007" } } } },
        {
          method: "POST",
          path: "/pages",
          body: { slug: "smoke", title: "Smoke" },
          expect: { status: 201, json: { slug: "smoke" } },
        },
        { path: "/pages/by-slug/smoke", expect: { json: { title: "Smoke" }, contains: '"slug":"smoke"' } },
        { path: "/pages/by-slug/nowhere", expect: { status: 404 } },
        // Not what decides the colour: the header that the test itself sends does.
        { path: "/health", headers: { "X-Switchyard-Colour": "blue" }, expect: { json: { colour: "green" } } },
      ],
      { headers: toGreen, said },
    );
    assert.deepEqual(failures, []);
    assert.deepEqual(
      figures.map(({ request, sent, failed }) => [request, sent, failed]),
      [
        ["GET /health", 1, 0],
        ["POST /pages", 1, 0],
        ["GET /pages/by-slug/smoke", 1, 0],
        ["GET /pages/by-slug/nowhere", 1, 0],
        ["GET /health", 1, 0],
      ],
    );
    assert.equal(said.length, 5);
  });

  it("measure the p95 of many at once, and fail when it is above what is allowed", async () => {
    const slow = { path: "/debug/sleep?seconds=0.1", requests: 40, concurrency: 10 };
    const quick = await run(
      previewUrl,
      [
        { path: "/pages?limit=10", requests: 400, concurrency: 20, p95: "10s" },
        { ...slow, p95: "10s" },
      ],
      {
        headers: toGreen,
      },
    );
    assert.deepEqual(quick.failures, []);
    const [pages, asleep] = quick.figures;
    assert.deepEqual([pages?.sent, pages?.failed, asleep?.sent], [400, 0, 40]);
    assert.ok((asleep?.p95 ?? 0) >= 100, "what takes 100 ms was measured as less");
    const late = await run(previewUrl, [{ ...slow, p95: "99ms" }], { headers: toGreen });
    assert.equal(late.failures.length, 1);
    assert.match(
      late.failures[0] ?? "",
      /^GET \/debug\/sleep\?seconds=0\.1: found a p95 of \d+ ms \(40 requests, 10 at once\), expected at most 99ms$/,
    );
  });

  it("report every failure at once: status, JSON path, text, and none twice", async () => {
    const { failures } = await run(
      previewUrl,
      [
        { path: "/health", expect: { status: 204, json: { version: "2.0.0", schema: { applied: "0009", more: 1 } } } },
        { path: "/pages/by-slug/nowhere", requests: 3 },
        { path: "/health", expect: { contains: "no such words" } },
        { path: "/metrics", expect: { json: {} } },
      ],
      { headers: toGreen },
    );
    const [json = "", missing = "", words = "", noJson = ""] = failures;
    assert.equal(failures.length, 4, failures.join("\n"));
    assert.match(json, /^GET \/health: found status 200 with ".{200,260}…"; expected status 204; /);
    for (const part of [
      '$.version is "1.1.0", expected "2.0.0"',
      '$.schema.applied is "0007", expected "0009"',
      "$.schema.more is not there, expected 1",
    ])
      assert.ok(json.includes(part), json);
    assert.match(missing, /^3 of 3: GET \/pages\/by-slug\/nowhere: found status 404 with ".*"; expected status 200$/);
    assert.match(words, /expected a body with "no such words" in it$/);
    assert.match(noJson, /expected a body that is JSON$/);
  });

  it("fail with what the colour says of itself when it is not healthy within the wait", async () => {
    await stopServer(postgres);
    try {
      const said: string[] = [];
      const { failures, figures } = await run(previewUrl, [{ path: "/pages" }], {
        headers: toGreen,
        healthWait: 1_500,
        said,
      });
      assert.equal(failures.length, 1);
      assert.match(failures[0] ?? "", /^it was not healthy within 1s500ms: GET \/health: found status 503 with "/);
      assert.deepEqual(figures, []);
      assert.match(said[0] ?? "", /^not healthy yet: GET \/health: found status 503/);
    } finally {
      await startServer(postgres);
    }
  });

  it("begin once the colour is healthy, however long that takes within the wait", async () => {
    await stopServer(postgres);
    const said: string[] = [];
    const report = run(previewUrl, [{ path: "/pages" }], { headers: toGreen, healthWait: 30_000, said });
    while (said.length === 0) await new Promise((done) => setImmediate(done));
    await startServer(postgres);
    assert.deepEqual((await report).failures, []);
  });

  describe("in an up", () => {
    const inputs = (more: Partial<SmokeTestInputs> = {}): SmokeTestInputs => ({
      attempt: "3-abc",
      colour: "green",
      release: { version: "1.1.0", fingerprint: "f1" },
      previewUrl,
      header: previewHeader,
      requests: JSON.stringify(requestsOf([{ path: "/health", expect: { json: { colour: "green" } } }])),
      healthWait: 10_000,
      ...more,
    });
    const failing = () => inputs({ requests: JSON.stringify(requestsOf([{ path: "/a" }, { path: "/b" }])) });
    const changes = async (olds: SmokeTestState, news: SmokeTestInputs) =>
      (await provider.diff(olds, news, "smoke-test")).changes;

    it("are sent once for an attempt, and again for the next", async () => {
      const { outs } = await provider.create(inputs());
      assert.deepEqual([outs.smoked?.colour, outs.smoked?.version, outs.smoked?.attempt], ["green", "1.1.0", "3-abc"]);
      assert.equal(outs.smoked?.figures[0]?.request, "GET /health");
      assert.equal(await changes(outs, inputs()), false);
      assert.equal(await changes(outs, failing()), false, "what has been passed is not asked again");
      assert.equal(await changes(outs, inputs({ attempt: "4-def" })), true);
      assert.equal(await changes(outs, inputs({ release: { version: "1.1.0", fingerprint: "f2" } })), true);
    });

    it("are not sent where no colour gains traffic, whatever state and reality are", async () => {
      const none = inputs({ colour: "none", previewUrl: "http://127.0.0.1:1" });
      delete none.release;
      const { outs } = await provider.create(none);
      assert.equal(outs.smoked, undefined);
      assert.equal(await changes(outs, { ...none, attempt: "4-def" }), false);
      const { outs: smoked } = await provider.create(inputs());
      assert.equal(await changes(smoked, { ...none, attempt: "4-def" }), false);
    });

    it("fail it with every failure, and are asked again by the next", async () => {
      const { outs: before } = await provider.create(inputs());
      const news = { ...failing(), attempt: "4-def" };
      await assert.rejects(provider.update(before, news, "smoke-test"), ({ message }: Error) => {
        assert.match(message, /^green \(release 1\.1\.0\) failed 2 smoke tests, so no traffic was moved:\n/);
        assert.match(message, /^- GET \/a: found status 404 .*expected status 200$/m);
        assert.match(message, /^- GET \/b: found status 404 .*expected status 200$/m);
        assert.match(message, /smoke\.requests.*pulumi up$/);
        return true;
      });
      assert.equal(await changes(before, news), true);
    });
  });
});

describe("smoke requests to a service that misbehaves", function () {
  this.timeout(120_000);
  let server: Server;
  let url: string;
  let answer: RequestListener;

  before(async () => {
    server = createServer((request, response) => {
      if (request.url === "/health") response.end("{}");
      else answer(request, response);
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  it("show no value of a header, not even one that is echoed", async () => {
    answer = (request, response) => {
      response.writeHead(401).end(JSON.stringify({ got: request.headers.authorization, all: request.headers }));
    };
    const { failures } = await run(url, [
      { path: "/", headers: { authorization: "Bearer s3cret-t0ken" }, expect: { json: { got: "x" } } },
    ]);
    assert.equal(failures.length, 1);
    assert.ok(!(failures[0] ?? "").includes("s3cret-t0ken"), failures[0]);
    assert.match(failures[0] ?? "", /\[authorization\]/);
  });

  it("name a connection that breaks off, and count each kind of failure", async () => {
    let sent = 0;
    answer = (_request, response) => {
      sent += 1;
      if (sent % 2 === 0) response.destroy();
      else response.writeHead(500).end("no");
    };
    const { failures } = await run(url, [{ path: "/x", requests: 6 }]);
    assert.deepEqual(failures.length, 2, failures.join("\n"));
    assert.ok(
      failures.some((each) => /^3 of 6: GET \/x: found no answer: UND_ERR_SOCKET/.test(each)),
      failures[0],
    );
    assert.ok(failures.includes('3 of 6: GET /x: found status 500 with "no"; expected status 200'), failures[1]);
  });

  it("compare lists by index, and need nothing that was not asked for", async () => {
    answer = (_request, response) => {
      response.end(JSON.stringify({ items: [{ id: 1, name: "a" }, { id: 2 }], "odd key": null, n: 1.5 }));
    };
    const { failures } = await run(url, [
      { path: "/ok", expect: { json: { items: [{ id: 1 }], "odd key": null, n: 1.5 } } },
      { path: "/bad", expect: { json: { items: [{ id: 2 }, {}, { id: 3 }], "odd key": {}, n: "1.5" } } },
    ]);
    assert.equal(failures.length, 1);
    assert.ok(
      failures[0]?.endsWith(
        '$.items[0].id is 1, expected 2; $.items[2] is not there, expected {"id":3}; ' +
          '$["odd key"] is null, expected {}; $.n is 1.5, expected "1.5"',
      ),
      failures[0],
    );
  });

  it("send a body as JSON or as text", async () => {
    answer = (request, response) => {
      let body = "";
      request.on("data", (chunk) => (body += String(chunk)));
      request.on("end", () => response.end(`${request.headers["content-type"] ?? "none"} ${body}`));
    };
    const { failures } = await run(url, [
      { method: "POST", path: "/", body: { a: [null] }, expect: { contains: 'application/json {"a":[null]}' } },
      { method: "PUT", path: "/", body: "plain", expect: { contains: "none plain" } },
      { method: "PUT", path: "/", body: "a=b", headers: { "Content-Type": "x/y" }, expect: { contains: "x/y a=b" } },
    ]);
    assert.deepEqual(failures, []);
  });
});
