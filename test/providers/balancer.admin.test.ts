import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import http, { type ServerResponse } from "node:http";
import { join } from "node:path";
import { BalancerClient } from "../../infra/platform/local/balancer/client";
import {
  accepts,
  ask,
  occupy,
  startBackend,
  startBalancer,
  startInVain,
  stateFolder,
  token,
  until,
  untilHealthy,
} from "../support/balancer";
import type { RunningBalancer } from "../support/balancer";

describe("balancer: admin port and life", function () {
  this.timeout(120_000);
  let folder: Awaited<ReturnType<typeof stateFolder>>;
  let balancer: RunningBalancer;
  const start = async (env?: Record<string, string>) => (balancer = await startBalancer(folder.path, env));

  beforeEach(async () => {
    folder = await stateFolder();
    await start();
  });

  afterEach(async () => {
    await balancer.end("SIGKILL");
    assert.ok(!balancer.lines.join("\n").includes(token), "the token is in no log line");
    await folder.clear();
  });

  const even = { blue: 50, green: 50 };

  it("refuses every change, and the state, without the token or with a wrong one", async () => {
    const calls = [
      ["GET", "/state"],
      ["POST", "/listeners/production"],
      ["PATCH", "/listeners/production"],
      ["DELETE", "/listeners/production"],
      ["PUT", "/listeners/preview"],
      ["POST", "/groups/blue/targets"],
      ["DELETE", "/groups/blue/targets/b?delaySeconds=0"],
      ["GET", "/nowhere"],
    ] as const;
    for (const [method, path] of calls) {
      for (const authorization of [undefined, "Bearer wrong", token, `Basic ${token}`]) {
        const headers = authorization === undefined ? {} : { authorization };
        const { status, body } = await ask(balancer.adminPort, { method, path, headers });
        assert.equal(status, 401, `${method} ${path}`);
        assert.equal((JSON.parse(body) as { code: string }).code, "AccessDenied");
      }
    }
    const wrong = new BalancerClient({ adminPort: balancer.adminPort, token: "wrong" });
    await assert.rejects(wrong.createListener({ port: 0, weights: even }), {
      name: "BalancerError",
      code: "AccessDenied",
    });
    assert.equal((await balancer.client.state()).production, null);
  });

  it("leaves health and metrics open", async () => {
    const open = new BalancerClient({ adminPort: balancer.adminPort, token: "none" });
    assert.deepEqual([(await open.health()).status, (await open.health()).pid], ["ok", balancer.pid]);
    assert.match(
      await open.metrics(),
      /^switchyard_balancer_weight|# TYPE switchyard_balancer_requests_total counter/m,
    );
  });

  it("refuses bodies that it does not understand, naming what is wrong", async () => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const post = async (body: string) => {
      const answer = await ask(balancer.adminPort, { method: "POST", path: "/listeners/production", headers, body });
      return { status: answer.status, ...(JSON.parse(answer.body) as { code: string; message: string }) };
    };
    assert.deepEqual((await post("{")).code, "ValidationError");
    const typo = await post('{"port":0,"weights":{"blue":50,"green":50},"tag":{}}');
    assert.equal(typo.status, 400);
    assert.match(typo.message, /"tag"/);
    assert.equal((await post('{"port":0,"weights":{"blue":50,"green":51}}')).code, "InvalidWeights");
  });

  it("creates the listener once: the same again changes nothing, another is refused", async () => {
    const { client } = balancer;
    const created = await client.createListener({ port: 0, weights: even, tags: { walk: "w1" } });
    assert.deepEqual(await client.createListener(created), created);
    await assert.rejects(client.createListener({ ...created, weights: { blue: 100, green: 0 } }), {
      code: "DuplicateListener",
    });
    assert.deepEqual((await client.state()).production, created);
  });

  it("registers a target once: the same again changes nothing, another address under its id is refused", async () => {
    const { client } = balancer;
    await client.registerTarget("blue", { id: "b", host: "127.0.0.1", port: 9 });
    await client.registerTarget("blue", { id: "b", host: "127.0.0.1", port: 9 });
    await assert.rejects(client.registerTarget("blue", { id: "b", host: "127.0.0.1", port: 10 }), {
      code: "DuplicateTarget",
      message: /registered at 127\.0\.0\.1:9/,
    });
    assert.equal((await client.state()).targets.blue.length, 1);
    assert.deepEqual(await client.deregisterTarget("green", "b", 0), { cut: 0 });
    assert.equal((await client.state()).targets.blue.length, 1);
  });

  it("lets exactly one of many competing changes through when each expects the same state", async () => {
    const { client } = balancer;
    await client.createListener({ port: 0, weights: { blue: 100, green: 0 } });
    const free = { weights: { blue: 100, green: 0 }, tag: { key: "walk", value: null } };
    const attempts = Array.from({ length: 12 }, (_, index) =>
      client.modifyListener({
        weights: { blue: 99 - index, green: 1 + index },
        tags: { walk: `w${index}` },
        expect: free,
      }),
    );
    const results = await Promise.allSettled(attempts);
    const won = results.filter((result) => result.status === "fulfilled");
    assert.equal(won.length, 1);
    assert.deepEqual((await client.state()).production, won[0]?.value);
    for (const result of results) {
      if (result.status === "fulfilled") continue;
      const { code, found } = result.reason as { code: string; found: unknown };
      assert.equal(code, "PreconditionFailed");
      assert.deepEqual(found, { weights: won[0]?.value.weights, tags: won[0]?.value.tags });
    }
  });

  it("sets and removes tags under the same conditions", async () => {
    const { client } = balancer;
    await client.createListener({ port: 0, weights: even });
    await client.setTags({ walk: "w1", note: "x" });
    await assert.rejects(client.setTags({ walk: "w2" }, { tag: { key: "walk", value: "w0" } }), {
      code: "PreconditionFailed",
    });
    const { tags } = await client.setTags({ walk: null }, { tag: { key: "walk", value: "w1" } });
    assert.deepEqual(tags, { note: "x" });
    await assert.rejects(client.setWeights({ blue: 1, green: 99 }, { tag: { key: "walk", value: "w1" } }), {
      code: "PreconditionFailed",
    });
  });

  it("refuses a port in use, for a new listener and for a move, and changes nothing", async () => {
    const { client } = balancer;
    const taken = await occupy();
    const { port } = taken;
    try {
      await assert.rejects(client.createListener({ port, weights: even }), {
        code: "PortInUse",
        message: new RegExp(`Port ${port} for the production listener is in use.*ss -ltnp`),
      });
      await assert.rejects(client.openPreview(port), { code: "PortInUse" });
      assert.deepEqual(await client.state(), { production: null, preview: null, targets: { blue: [], green: [] } });
      const listener = await client.createListener({ port: 0, weights: even });
      await assert.rejects(client.modifyListener({ port, weights: { blue: 0, green: 100 } }), { code: "PortInUse" });
      assert.deepEqual((await client.state()).production, listener);
      assert.equal((await ask(listener.port)).status, 503);
    } finally {
      taken.free();
    }
  });

  it("comes back after kill -9 with the same listeners, weights, tags and targets, their health checked anew", async () => {
    const backend = await startBackend("green");
    const target = { id: "g", host: backend.host, port: backend.port };
    await balancer.client.registerTarget("green", target);
    await balancer.client.registerTarget("blue", { ...target, id: "removed" });
    const preview = await balancer.client.openPreview(0);
    await balancer.client.createListener({ port: 0, weights: even, tags: { walk: "w1" } });
    await balancer.client.deregisterTarget("blue", "removed", 0);
    const production = await balancer.client.setWeights({ blue: 0, green: 100 });
    assert.equal(await balancer.end("SIGKILL"), "SIGKILL");

    await start({ HEALTH_INTERVAL_MS: "300" });
    const state = await balancer.client.state();
    assert.deepEqual([state.production, state.preview, state.targets.blue], [production, preview, []]);
    assert.deepEqual(
      state.targets.green.map(({ id, host, port, health }) => [id, host, port, health.state]),
      [["g", target.host, target.port, "initial"]],
    );
    assert.equal((await ask(production.port)).headers["x-colour"], "green");
    await untilHealthy(balancer.client);
    await backend.close();
  });

  it("has every acknowledged weight on disk at the moment of a kill -9", async () => {
    await balancer.client.createListener({ port: 0, weights: { blue: 100, green: 0 } });
    let acknowledged = 0;
    const changing = (async () => {
      for (let green = 1; green <= 100; green++) {
        await balancer.client.setWeights({ blue: 100 - green, green });
        acknowledged = green;
      }
    })().catch((error: unknown) => assert.equal((error as { code: string }).code, "Unreachable"));
    await until("some changes are acknowledged", () => acknowledged >= 20);
    await balancer.end("SIGKILL");
    await changing;
    const saved = JSON.parse(await readFile(join(folder.path, "balancer.json"), "utf8")) as {
      production: { weights: { green: number } };
    };
    const { green } = saved.production.weights;
    assert.ok(green === acknowledged || green === acknowledged + 1, `${acknowledged} acknowledged, ${green} on disk`);
  });

  it("does not start on a port in use, naming the listener and the port", async () => {
    const { port } = await balancer.client.createListener({ port: 0, weights: even });
    await balancer.end("SIGKILL");
    const taken = await occupy(port);
    try {
      const { code, output } = await startInVain(folder.path);
      assert.equal(code, 1);
      assert.match(output, new RegExp(`PortInUse.*Port ${port} for the production listener is in use`));
      const admin = await startInVain(`${folder.path}/other`, { ADMIN_PORT: String(port) });
      assert.match(admin.output, new RegExp(`Port ${port} for the balancer's admin server \\(ADMIN_PORT\\) is in use`));
    } finally {
      taken.free();
    }
  });

  it("does not start without its settings, or on a damaged state, and says why", async () => {
    const without = await startInVain(folder.path, { ADMIN_TOKEN: "" });
    assert.deepEqual([without.code, /ADMIN_TOKEN/.test(without.output)], [1, true]);
    const damaged = `${folder.path}/balancer.json`;
    await writeFile(damaged, "{");
    const { code, output } = await startInVain(folder.path);
    assert.equal(code, 1);
    assert.match(output, /balancer\.json is not what the balancer writes/);
    assert.equal(await readFile(damaged, "utf8"), "{");
  });

  it("on SIGTERM accepts no more, finishes what is in flight, and exits 0", async () => {
    const held: ServerResponse[] = [];
    const backend = await startBackend("blue", (_request, response) => held.push(response));
    const { client } = balancer;
    await client.registerTarget("blue", { id: "b", host: backend.host, port: backend.port });
    const { port } = await client.createListener({ port: 0, weights: { blue: 100, green: 0 } });
    const answer = ask(port);
    await until("blue has the request", () => held.length === 1);
    const ended = balancer.end("SIGTERM");
    await until("no connection is accepted", async () => !(await accepts(port)));
    assert.equal((await client.health()).status, "stopping");
    await assert.rejects(client.setWeights(even), { code: "Stopping" });
    held[0]?.end("finished");
    assert.equal((await answer).body, "finished");
    assert.equal(await ended, 0);
    await backend.close();
  });

  it("on SIGTERM cuts off what does not finish in time, and still exits 0", async () => {
    await balancer.end("SIGTERM");
    await start({ STOP_TIMEOUT_MS: "100" });
    const backend = await startBackend("blue", () => undefined);
    await balancer.client.registerTarget("blue", { id: "b", host: backend.host, port: backend.port });
    const { port } = await balancer.client.createListener({ port: 0, weights: { blue: 100, green: 0 } });
    const answer = ask(port);
    await until("blue has the request", () => backend.seen.length === 1);
    assert.equal(await balancer.end("SIGTERM"), 0);
    assert.equal((await answer).status, 502);
    await backend.close();
  });

  it("tells a caller whether nothing listens, something else does, or the answer takes too long", async () => {
    const port = balancer.adminPort;
    await balancer.end("SIGKILL");
    const client = new BalancerClient({ adminPort: port, token, timeoutMs: 100 });
    await assert.rejects(client.state(), { code: "Unreachable", message: /ECONNREFUSED.*pulumi up/ });
    let answer: (response: ServerResponse) => void = (response) => response.end("<html>");
    const other = http.createServer((_request, response) => answer(response)).listen(port, "127.0.0.1");
    await once(other, "listening");
    await assert.rejects(client.state(), { code: "UnexpectedAnswer", message: /<html>/ });
    answer = () => undefined;
    await assert.rejects(client.setWeights(even), { code: "Timeout", message: /within 100 ms/ });
    other.close();
    other.closeAllConnections();
  });
});
