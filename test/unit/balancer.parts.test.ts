import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { demand, retagged } from "../../infra/platform/local/balancer/conditions";
import { BalancerError } from "../../infra/platform/local/balancer/errors";
import { endToEnd, originForm, prepareRequest } from "../../infra/platform/local/balancer/headers";
import { afterCheck, initialHealth, type Verdict } from "../../infra/platform/local/balancer/health";
import { latencyBuckets, Metrics } from "../../infra/platform/local/balancer/metrics";
import { accept, newListener, newTarget, type SavedState } from "../../infra/platform/local/balancer/requests";
import { readSettings } from "../../infra/platform/local/balancer/settings";
import { parseMetrics, snapshotOf } from "../../infra/platform/local/balancer/snapshot";
import { StateFile } from "../../infra/platform/local/balancer/store";

const refused = (code: string, text?: RegExp) => (thrown: unknown) => {
  assert.ok(thrown instanceof BalancerError, String(thrown));
  assert.equal(thrown.code, code);
  if (text) assert.match(thrown.message, text);
  return true;
};

describe("balancer: health", () => {
  const bad: Verdict = { ok: false, reason: "Target.Timeout", description: "Request timed out." };
  const good: Verdict = { ok: true };
  const thresholds = { healthyThreshold: 2, unhealthyThreshold: 2 };
  const after = (...verdicts: Verdict[]) =>
    verdicts.reduce((record, verdict) => afterCheck(record, verdict, thresholds), initialHealth).health;

  it("stays initial after one check, whatever it saw", () => {
    assert.equal(after(good).state, "initial");
    assert.equal(after(bad).state, "initial");
  });

  it("turns healthy after two good checks in a row, and not by two with a bad one between", () => {
    assert.deepEqual(after(good, good), { state: "healthy" });
    assert.equal(after(good, bad, good).state, "initial");
  });

  it("turns unhealthy after two bad checks in a row, with what the latest one saw", () => {
    const mismatch: Verdict = { ok: false, reason: "Target.ResponseCodeMismatch", description: "[503]" };
    assert.deepEqual(after(good, good, bad), { state: "healthy" });
    assert.deepEqual(after(good, good, bad, mismatch), {
      state: "unhealthy",
      reason: "Target.ResponseCodeMismatch",
      description: "[503]",
    });
    assert.equal(after(bad, bad, good).state, "unhealthy");
    assert.equal(after(bad, bad, good, good).state, "healthy");
  });
});

describe("balancer: requests to the admin port", () => {
  it("refuses weights that are no integers 0..100 or do not sum to 100, and says what it found", () => {
    const cases = [
      { blue: 50, green: 40 },
      { blue: -10, green: 110 },
      { blue: 99.5, green: 0.5 },
      { green: 100 },
      undefined,
    ];
    for (const weights of cases) {
      assert.throws(
        () => accept(newListener, { port: 0, weights }, "listener"),
        refused("InvalidWeights", /sum to 100/),
      );
    }
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 100 }), (green) => {
        const weights = { blue: 100 - green, green };
        assert.deepEqual(accept(newListener, { port: 80, weights }, "listener").weights, weights);
      }),
    );
  });

  it("names every problem, unknown keys and targets beyond loopback among them", () => {
    const given = { id: "a b", host: "10.0.0.1", port: 0, weight: 1 };
    assert.throws(
      () => accept(newTarget, given, "target"),
      refused("ValidationError", /target\.id.*target\.host.*target\.port.*weight/s),
    );
  });
});

describe("balancer: conditions of a change", () => {
  const listener = { port: 80, weights: { blue: 75, green: 25 }, tags: { walk: "w1" } };

  it("hold when weights and tag are as expected, in any order of keys", () => {
    demand(listener, undefined);
    demand(listener, { weights: { green: 25, blue: 75 }, tag: { key: "walk", value: "w1" } });
    demand(listener, { tag: { key: "other", value: null } });
    // A name that every object inherits is no tag.
    demand(listener, { tag: { key: "constructor", value: null } });
  });

  it("fail with what was found", () => {
    assert.throws(
      () => demand(listener, { weights: { blue: 50, green: 50 }, tag: { key: "walk", value: null } }),
      (thrown: unknown) => {
        assert.ok(thrown instanceof BalancerError);
        assert.equal(thrown.code, "PreconditionFailed");
        assert.match(
          thrown.message,
          /found blue 75 %, green 25 %; expected blue 50 %.*tag walk: found "w1"; expected none/,
        );
        assert.deepEqual(thrown.found, { weights: listener.weights, tags: listener.tags });
        return true;
      },
    );
  });

  it("leave tags alone that a change does not name", () => {
    assert.deepEqual(retagged({ a: "1", b: "2" }, { b: null, c: "3", d: null }), { a: "1", c: "3" });
    assert.deepEqual(retagged({ a: "1" }, undefined), { a: "1" });
  });
});

describe("balancer: headers", () => {
  function message(headers: Record<string, string>, method = "GET"): IncomingMessage {
    const socket = new Socket();
    Object.defineProperty(socket, "remoteAddress", { value: "127.0.0.9" });
    const request = new IncomingMessage(socket);
    request.method = method;
    Object.assign(request.headers, headers);
    request.rawHeaders.push(...Object.entries(headers).flat());
    return request;
  }

  it("drop what speaks of one connection, and what its Connection header names", () => {
    const request = message({
      host: "a.b",
      connection: "keep-alive, X-Hop",
      "x-hop": "1",
      te: "trailers",
      upgrade: "h2c",
    });
    prepareRequest(request, 8080);
    assert.deepEqual(Object.keys(request.headers).sort(), [
      "host",
      "x-forwarded-for",
      "x-forwarded-port",
      "x-forwarded-proto",
      "x-request-id",
    ]);
  });

  it("keep Host and Content-Length even if the Connection header names them", () => {
    const request = message({ host: "a.b", "content-length": "3", connection: "host, content-length" });
    prepareRequest(request, 8080);
    assert.equal(request.headers.host, "a.b");
    assert.equal(request.headers["content-length"], "3");
  });

  it("append to X-Forwarded-For, set X-Forwarded-Proto and -Port, and keep a request id", () => {
    const request = message({ "x-forwarded-for": "1.2.3.4", "x-forwarded-proto": "gopher", "x-request-id": "mine" });
    prepareRequest(request, 8080);
    assert.equal(request.headers["x-forwarded-for"], "1.2.3.4, 127.0.0.9");
    assert.equal(request.headers["x-forwarded-proto"], "http");
    assert.equal(request.headers["x-forwarded-port"], "8080");
    assert.equal(request.headers["x-request-id"], "mine");
    const without = message({});
    prepareRequest(without, 8080);
    assert.match(String(without.headers["x-request-id"]), /^1-[0-9a-f]{8}-[0-9a-f]{24}$/);
  });

  it("of an answer keep their order, case and repetitions", () => {
    const answer = message({});
    answer.rawHeaders.push("Set-Cookie", "a=1", "Keep-Alive", "timeout=5", "Set-Cookie", "b=2", "X-Colour", "blue");
    assert.deepEqual(endToEnd(answer), ["Set-Cookie", "a=1", "Set-Cookie", "b=2", "X-Colour", "blue"]);
  });

  it("leave a path as it came, and shorten an absolute URL to it", () => {
    assert.equal(originForm("/a/../b?c=%2e"), "/a/../b?c=%2e");
    assert.equal(originForm("http://host:80/a?b"), "/a?b");
    assert.equal(originForm("http://host?b"), "/?b");
  });
});

describe("balancer: state file", () => {
  let folder: string;
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), "balancer-state-"))));
  afterEach(() => rm(folder, { recursive: true }));

  const state: SavedState = {
    format: 1,
    production: { port: 8080, weights: { blue: 75, green: 25 }, tags: { walk: "w1" } },
    preview: { port: 8081 },
    targets: { blue: [{ id: "b1", host: "127.0.0.1", port: 9001 }], green: [] },
  };

  it("gives back what was written, readable by its owner only", async () => {
    const file = new StateFile(join(folder, "new"));
    assert.equal((await file.read()).production, null);
    await file.write(state);
    assert.deepEqual(await new StateFile(join(folder, "new")).read(), state);
    assert.equal((await stat(file.path)).mode & 0o777, 0o600);
  });

  it("ignores a half-written file beside it", async () => {
    const file = new StateFile(folder);
    await file.write(state);
    await writeFile(`${file.path}.new`, '{"format":1,"prod');
    assert.deepEqual(await file.read(), state);
  });

  it("does not start empty when the file is damaged, and says what to do", async () => {
    const file = new StateFile(folder);
    for (const text of ["", "{", "[]", '{"format":2}']) {
      await writeFile(file.path, text);
      await assert.rejects(file.read(), /balancer\.json is not what the balancer writes.*Put a good copy back/s);
      assert.equal(await readFile(file.path, "utf8"), text);
    }
  });

  it("says that a change was not made when it can't be written", async () => {
    const file = new StateFile(join(folder, "missing"));
    await assert.rejects(file.write(state), refused("StateNotWritten", /ENOENT/));
  });
});

describe("balancer: settings", () => {
  it("default to an ALB's timeouts and checks every second", () => {
    const settings = readSettings({ ADMIN_PORT: "1234", ADMIN_TOKEN: "0123456789abcdef" });
    assert.deepEqual(settings.proxy, { idleTimeoutMs: 60_000, connectTimeoutMs: 10_000 });
    assert.equal(settings.health.path, "/health/live");
    assert.equal(settings.health.intervalMs, 1_000);
  });

  it("name every variable at fault and never show the token", () => {
    assert.throws(
      () => readSettings({ ADMIN_PORT: "x", ADMIN_TOKEN: "short-secret", HEALTH_PATH: "live" }),
      (thrown: unknown) => {
        assert.ok(thrown instanceof Error);
        assert.match(thrown.message, /ADMIN_PORT.*ADMIN_TOKEN.*HEALTH_PATH/s);
        assert.doesNotMatch(thrown.message, /short-secret/);
        return true;
      },
    );
  });
});

describe("balancer: metrics", () => {
  const gauged = {
    weights: () => ({ blue: 75, green: 25 }),
    targets: () => ({ registered: 2, healthy: 1 }),
    alarms: (colour: "blue" | "green" | "none") => [
      { name: `${colour}-p95-critical`, severity: "critical" as const, fires: colour !== "blue" },
      { name: `${colour}-p95-high`, severity: "high" as const, fires: true },
      { name: `${colour}-healthy`, severity: "medium" as const, fires: true },
      { name: `${colour}-error-rate-critical`, severity: "critical" as const, fires: false },
    ],
    database: () => [],
  };

  it("come back from their text as figures of each colour on the production listener", async () => {
    const metrics = new Metrics(gauged, 1_700_000_000_123);
    const one = (colour: "blue" | "green", status: number, error?: "target" | "balancer") => {
      metrics.began("production", colour);
      metrics.answered("production", colour, 0.06);
      metrics.ended("production", colour, status, error && { origin: error, code: String(status) });
    };
    one("blue", 200);
    one("blue", 404);
    one("blue", 500, "target");
    one("green", 502, "balancer");
    metrics.began("preview", "green");
    metrics.ended("preview", "green", 500, { origin: "target", code: "500" });

    const snapshot = snapshotOf(await metrics.registry.metrics());
    assert.equal(snapshot.startedAt, 1_700_000_000_123);
    const { buckets, ...blue } = snapshot.blue;
    assert.deepEqual(blue, { requests: 3, targetErrors: 1, balancerErrors: 0 });
    assert.deepEqual(
      buckets.map(({ le }) => le),
      [...latencyBuckets, Infinity],
    );
    assert.deepEqual(buckets.find(({ le }) => le === 0.05)?.count, 0);
    assert.deepEqual(buckets.find(({ le }) => le === 0.075)?.count, 3);
    assert.deepEqual(snapshot.green.balancerErrors, 1);
    assert.deepEqual(snapshot.green.targetErrors, 0);
    assert.deepEqual(snapshot.firing, { blue: [], green: ["green-p95-critical"] });
  });

  it("show each alarm with whose it is and its severity, and 0 where it doesn't fire", async () => {
    const samples = parseMetrics(await new Metrics(gauged, 0).registry.metrics());
    const alarms = samples.filter(({ name }) => name === "switchyard_balancer_alarm");
    assert.equal(alarms.length, 12);
    const of = (alarm: string) => alarms.find(({ labels }) => labels.alarm === alarm);
    assert.deepEqual(of("none-p95-high"), {
      ...{ name: "switchyard_balancer_alarm", value: 1 },
      labels: { colour: "none", alarm: "none-p95-high", severity: "high" },
    });
    assert.equal(of("blue-p95-critical")?.value, 0);
  });

  it("of a balancer of an older version, which names no severity, are critical alarms", () => {
    const text =
      'switchyard_balancer_start_time_seconds 1\nswitchyard_balancer_alarm{colour="green",alarm="green-p95"} 1\n';
    assert.deepEqual(snapshotOf(text).firing, { blue: [], green: ["green-p95"] });
  });

  it("are all there, at 0, before the first request", async () => {
    const samples = parseMetrics(await new Metrics(gauged, 0).registry.metrics());
    for (const name of ["requests_total", "errors_total", "target_response_seconds_count", "in_flight"]) {
      for (const colour of ["blue", "green"]) {
        const found = samples.filter(
          (each) => each.name === `switchyard_balancer_${name}` && each.labels.colour === colour,
        );
        assert.ok(found.length > 0, `${name} of ${colour}`);
        assert.ok(found.every(({ value }) => value === 0));
      }
    }
    const gauges = samples.filter(({ name }) => /_(weight|healthy_targets|registered_targets)$/.test(name));
    assert.deepEqual(
      gauges.map(({ value }) => value),
      [75, 25, 2, 2, 1, 1],
    );
  });

  it("are refused when they are not Prometheus text, or not the balancer's", () => {
    assert.throws(() => parseMetrics("<html>"), refused("UnexpectedAnswer", /<html>/));
    assert.throws(() => snapshotOf("up 1"), refused("UnexpectedAnswer", /start time/));
  });

  it("keep quotes, newlines and backslashes of label values", () => {
    assert.deepEqual(parseMetrics('a{b="c\\"d\\ne\\\\f",g="h"} +Inf'), [
      { name: "a", labels: { b: 'c"d\ne\\f', g: "h" }, value: Infinity },
    ]);
  });
});
