import assert from "node:assert/strict";
import { startBackend } from "../support/balancer";
import { load } from "../support/load";

describe("load generator", () => {
  it("counts colours, statuses, and answers that were broken off, each once", async () => {
    let number = 0;
    const backend = await startBackend("green", (_request, response) => {
      number++;
      if (number % 4 === 0) response.writeHead(503).end();
      else if (number % 4 === 1) {
        response.writeHead(200, { "content-length": 10 });
        response.write("half", () => response.destroy());
      } else response.end("whole");
    });
    const result = await load({ url: `http://127.0.0.1:${backend.port}/`, requests: 40, concurrency: 4 });
    await backend.close();
    const { sent, good, failed, byColour, byStatus, failures } = result;
    assert.deepEqual(
      { sent, good, failed, byColour, byStatus },
      { sent: 40, good: 20, failed: 20, byColour: { green: 30 }, byStatus: { "200": 20, "503": 10 } },
    );
    assert.equal(
      Object.values(failures).reduce((sum, count) => sum + count, 0),
      10,
    );
  });

  it("keeps to its rate, ends when told, and measures from the scheduled moment", async () => {
    const backend = await startBackend("blue");
    const url = `http://127.0.0.1:${backend.port}/`;
    const paced = await load({ url, requests: 20, rate: 100, concurrency: 2 });
    assert.ok(paced.elapsedMs >= 185, `20 requests at 100 a second took ${paced.elapsedMs} ms`);
    assert.ok(paced.latency.max >= paced.latency.p50 && paced.latency.p50 > 0);
    const timed = await load({ url, durationMs: 50 });
    assert.ok(timed.sent > 0 && timed.failed === 0);
    const aborted = await load({ url, requests: 1_000_000, signal: AbortSignal.timeout(50) });
    assert.ok(aborted.sent > 0 && aborted.sent < 1_000_000 && aborted.failed === 0);
    await backend.close();
  });

  it("refuses hosts beyond loopback, and loads without bounds", async () => {
    await assert.rejects(load({ url: "http://example.org/", requests: 1 }), /only sends to loopback.*example\.org/);
    await assert.rejects(load({ url: "http://127.0.0.1:1/" }), /needs an end/);
    await assert.rejects(load({ url: "http://127.0.0.1:1/", requests: 1e9 }), /requests is 1000000000/);
    await assert.rejects(load({ url: "http://127.0.0.1:1/", requests: 1, concurrency: 0 }), /concurrency is 0/);
  });
});
