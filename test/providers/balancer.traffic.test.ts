import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import type { Weights } from "../../infra/platform/local/balancer/api";
import type { BalancerClient } from "../../infra/platform/local/balancer/client";
import { ask, startBackend, startBalancer, stateFolder, until, untilHealthy } from "../support/balancer";
import type { Backend, RunningBalancer } from "../support/balancer";
import { load } from "../support/load";

const at = (green: number): Weights => ({ blue: 100 - green, green });

describe("balancer: traffic", function () {
  this.timeout(120_000);
  let folder: Awaited<ReturnType<typeof stateFolder>>;
  let balancer: RunningBalancer;
  let client: BalancerClient;
  let blue: Backend;
  let green: Backend;
  let spare: Backend;
  let port: number;
  /** Answers of requests to /slow wait here until a test lets them go. */
  let held: ServerResponse[] = [];

  const slowly =
    (colour: string) =>
    (request: { url?: string }, response: ServerResponse): void => {
      if (request.url === "/slow") held.push(response);
      else response.end(colour);
    };
  const letGo = (text: string) => {
    for (const response of held) response.end(text);
    held = [];
  };
  const release = (id: string, backend: Backend) => ({ id, host: backend.host, port: backend.port });

  before(async () => {
    folder = await stateFolder();
    balancer = await startBalancer(folder.path);
    client = balancer.client;
    [blue, green, spare] = await Promise.all([
      startBackend("blue", slowly("blue")),
      startBackend("green", slowly("green")),
      startBackend("blue", slowly("blue")),
    ]);
    await client.registerTarget("blue", release("blue-1", blue));
    await client.registerTarget("green", release("green-1", green));
    port = (await client.createListener({ port: 0, weights: at(0) })).port;
    await untilHealthy(client);
  });

  after(async () => {
    letGo("test over");
    await balancer.end("SIGKILL");
    await Promise.all([blue.close(), green.close(), spare.close()]);
    await folder.clear();
  });

  it("gives a colour of weight 0 no request", async () => {
    await client.setWeights(at(0));
    const result = await load({ url: `http://127.0.0.1:${port}/`, requests: 300 });
    assert.deepEqual([result.byColour, result.byStatus], [{ blue: 300 }, { "200": 300 }]);
  });

  for (const weight of [1, 25, 50, 99]) {
    it(`gives green ${weight} of any 100 requests, ±1, at weight ${weight}`, async () => {
      await client.setWeights(at(weight));
      const order: string[] = [];
      // One after the other: only then does the order of answers tell the order of choices.
      for (let sent = 0; sent < 250; sent++) order.push(String((await ask(port)).headers["x-colour"]));
      for (let from = 0; from + 100 <= order.length; from++) {
        const count = order.slice(from, from + 100).filter((colour) => colour === "green").length;
        assert.ok(Math.abs(count - weight) <= 1, `requests ${from} to ${from + 99}: ${count} were green`);
      }
    });
  }

  it("fails none of several thousand requests while weights and targets change", async () => {
    await client.setWeights(at(0));
    const progress = { finished: false };
    const url = `http://127.0.0.1:${port}/`;
    const running = load({ url, requests: 8_000, concurrency: 16 }).finally(() => (progress.finished = true));
    let rounds = 0;
    while (!progress.finished) {
      for (const weight of [25, 100, 50, 0]) await client.setWeights(at(weight));
      await client.registerTarget("blue", release("spare", spare));
      await until("the spare is healthy", async () => {
        const { targets } = await client.state();
        return targets.blue.every(({ health }) => health.state === "healthy");
      });
      assert.deepEqual(await client.deregisterTarget("blue", "spare", 10), { cut: 0 });
      rounds++;
    }
    const result = await running;
    assert.deepEqual([result.failed, result.failures, result.byStatus], [0, {}, { "200": 8_000 }]);
    assert.ok(rounds >= 2, `only ${rounds} rounds of changes happened during the load`);
    assert.ok((result.byColour.green ?? 0) > 0 && spare.seen.length > 0, JSON.stringify(result));
  });

  it("lets a request in flight finish where it is when its colour's weight becomes 0", async () => {
    await client.setWeights(at(0));
    const answer = ask(port, { path: "/slow" });
    await until("blue has the request", () => held.length === 1);
    await client.setWeights(at(100));
    assert.equal((await ask(port)).headers["x-colour"], "green");
    letGo("finished on blue");
    assert.equal((await answer).body, "finished on blue");
    await client.setWeights(at(0));
  });

  it("drains a target: no new requests, those in flight finish, and only then does the call answer", async () => {
    await client.setWeights(at(100));
    const answer = ask(port, { path: "/slow" });
    await until("green has the request", () => held.length === 1);
    await client.registerTarget("green", release("green-2", green));
    let drained = false;
    const deregistered = client.deregisterTarget("green", "green-1", 20).finally(() => (drained = true));
    await until("green-1 is draining", async () => {
      const [, draining] = (await client.state()).targets.green;
      return draining?.id === "green-1" && draining.health.state === "draining" && draining.inFlight === 1;
    });
    const seen = green.seen.length;
    await load({ url: `http://127.0.0.1:${port}/`, requests: 50 });
    assert.equal(green.seen.length, seen + 50, "all new requests went to green-2");
    assert.equal(drained, false);
    // A second call for the same drain waits for the same end.
    const again = client.deregisterTarget("green", "green-1", 20);
    letGo("finished while draining");
    assert.equal((await answer).body, "finished while draining");
    assert.deepEqual(await Promise.all([deregistered, again]), [{ cut: 0 }, { cut: 0 }]);
    const left = (await client.state()).targets.green.map(({ id }) => id);
    assert.deepEqual(left, ["green-2"]);
  });

  it("cuts off what is still in flight when the deregistration delay is over, and says how many", async () => {
    await client.setWeights(at(0));
    await client.registerTarget("blue", release("blue-2", blue));
    const answer = ask(port, { path: "/slow" });
    await until("blue has the request", () => held.length === 1);
    const [busy] = (await client.state()).targets.blue.filter(({ inFlight }) => inFlight === 1);
    assert.ok(busy);
    assert.deepEqual(await client.deregisterTarget("blue", busy.id, 0.1), { cut: 1 });
    assert.equal((await answer).status, 502);
    held = [];
  });

  it("moves the listener to another port and finishes what is in flight on the old one", async () => {
    const answer = ask(port, { path: "/slow" });
    await until("a target has the request", () => held.length === 1);
    const moved = await client.modifyListener({ port: 0 });
    assert.notEqual(moved.port, port);
    await assert.rejects(ask(port), { code: "ECONNREFUSED" });
    assert.equal((await ask(moved.port)).status, 200);
    letGo("finished on the old port");
    assert.equal((await answer).body, "finished on the old port");
    port = moved.port;
  });

  it("deletes the listener, finishes what is in flight, and can create it again on the same port", async () => {
    const answer = ask(port, { path: "/slow" });
    await until("a target has the request", () => held.length === 1);
    await client.deleteListener();
    await assert.rejects(ask(port), { code: "ECONNREFUSED" });
    await assert.rejects(client.setWeights(at(5)), { code: "ListenerNotFound" });
    const again = await client.createListener({ port, weights: at(0) });
    assert.deepEqual(again, { port, weights: at(0), tags: {} });
    letGo("finished after the deletion");
    assert.equal((await answer).body, "finished after the deletion");
    assert.equal((await ask(port)).status, 200);
  });
});
