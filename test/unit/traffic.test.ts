import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { hostname } from "node:os";
import { setTimeout } from "node:timers/promises";
import fc from "fast-check";
import { systemClock } from "../../infra/providers/traffic/clock";
import { engineAddress, engineAt } from "../../infra/providers/traffic/engine";
import { describe as shown, isLeftBehind, markIn, thisOwner, walkIdOf } from "../../infra/providers/traffic/mark";
import { bakingLine } from "../../infra/providers/traffic/progress";
import { follows, thinned } from "../../infra/providers/traffic/samples";
import { walkTags } from "../../infra/providers/traffic/tags";
import type { Counts, Sample } from "../../infra/rollout/verdict";

const counts = (requests: number): Counts => ({
  requests,
  errors: 0,
  latency: { total: requests, atMost: [[1, requests]] },
});
const sample = (from: number, until: number, blue: Counts | null, green: Counts | null): Sample => ({
  from,
  until,
  colours: { blue, green },
});

describe("the mark of a walk", () => {
  const now = Date.UTC(2026, 0, 31, 8);
  const tags = {
    [walkTags.walk]: walkIdOf("3-abc", now),
    [walkTags.from]: "0",
    [walkTags.to]: "100",
    [walkTags.owner]: thisOwner(),
    [walkTags.beat]: new Date(now).toISOString(),
  };
  const owner = (text: string) => markIn({ ...tags, [walkTags.owner]: text }) ?? assert.fail();

  it("says who walks, from where to where, and since when", () => {
    const mark = markIn(tags) ?? assert.fail();
    assert.equal(
      shown(mark),
      `walk 3-abc@2026-01-31T08:00:00.000Z from greenWeight 0 to 100 (${hostname()}, process ${process.pid}, since 2026-01-31T08:00:00.000Z)`,
    );
    assert.equal(markIn({}), undefined);
    for (const value of Object.values(tags)) assert.match(value, /^[\w .:/=+@-]{1,256}$/);
  });

  it("is left behind once its process is gone, whatever took its number", () => {
    assert.equal(isLeftBehind(owner(thisOwner()), now), false);
    assert.equal(isLeftBehind(owner(thisOwner()), now + 86_400_000), false);
    assert.equal(isLeftBehind(owner(`${hostname()}/${process.pid}/another/start`), now), true);
  });

  it("of another machine, or of nobody who can be read, is left behind only after ten silent minutes", () => {
    for (const text of ["elsewhere/1/x", "", "nonsense", `${hostname()}/x/y`]) {
      assert.equal(isLeftBehind(owner(text), now + 600_000), false);
      assert.equal(isLeftBehind(owner(text), now + 600_001), true);
    }
    const silent = markIn({ [walkTags.walk]: "by hand" }) ?? assert.fail();
    assert.equal(isLeftBehind(silent, now), false);
    assert.match(shown(silent), /walk by hand \(by nobody who can be read/);
  });

  it("takes nothing for a weight that is none", () => {
    for (const from of ["", "101", "-1", "5.5", "x"])
      assert.equal(markIn({ ...tags, [walkTags.from]: from })?.from, undefined);
  });
});

describe("the engine that started a process", () => {
  it("is named by the last address of its arguments, whatever flags come before", () => {
    const address = "127.0.0.1:4444";
    assert.equal(engineAddress(["node", "main", address]), address);
    assert.equal(engineAddress(["node", "main", "--logtostderr", "-v=9", "--tracing", "a.b:1", address]), address);
    assert.throws(() => engineAddress(["node", "main"]), /not given the address of the Pulumi engine/);
  });

  it("is there as long as it accepts connections", async () => {
    const server = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
    await once(server, "listening");
    const alive = engineAt(`127.0.0.1:${(server.address() as AddressInfo).port}`);
    assert.equal(await alive(), true);
    server.close();
    await once(server, "close");
    assert.equal(await alive(), false);
  });
});

describe("samples of a bake", () => {
  it("are thinned without losing a request or bridging a gap", () => {
    const part = fc.record({ gap: fc.constantFrom(0, 0, 0, 7), blue: fc.nat(50), green: fc.option(fc.nat(50)) });
    fc.assert(
      fc.property(fc.array(part, { maxLength: 60 }), (parts) => {
        let at = 0;
        const samples = parts.map(({ gap, blue, green }) => {
          at += gap + 10;
          return sample(at - 10, at, counts(blue), green === null ? null : counts(green));
        });
        const thin = thinned(samples, 8);
        assert.ok(thin.length <= samples.length);
        const length = (all: readonly Sample[]) => all.reduce((sum, { from, until }) => sum + until - from, 0);
        const blue = (all: readonly Sample[]) =>
          all.reduce((sum, { colours }) => sum + (colours.blue?.requests ?? 0), 0);
        assert.equal(length(thin), length(samples));
        assert.equal(blue(thin), blue(samples));
        const missing = samples.filter(({ colours }) => colours.green === null);
        for (const gap of missing)
          assert.ok(
            thin.some(({ from, until, colours }) => from <= gap.from && until >= gap.until && colours.green === null),
          );
      }),
    );
  });

  it("follow the weights when green's share is theirs, and not when it is another or too little is seen", () => {
    assert.equal(follows([sample(0, 1, counts(750), counts(250))], 25), true);
    assert.equal(follows([sample(0, 1, counts(900), counts(100))], 25), false);
    assert.equal(follows([sample(0, 1, counts(3), counts(1))], 25), false);
    assert.equal(follows([sample(0, 1, null, counts(100))], 100), true);
    assert.equal(follows([], 25), false);
  });
});

describe("a line of progress", () => {
  it("holds step, time, requests, errors and p95 of both colours, and firing alarms", () => {
    const figures = { requests: 900, errors: 1, slow: 0, p95: 0.0456 };
    const none = { requests: 0, errors: 0, slow: 0 };
    assert.equal(
      bakingLine(
        { number: 2, of: 4, greenWeight: 25 },
        90_400,
        600_000,
        { blue: figures, green: none },
        { blue: [], green: ["errors-high"] },
      ),
      "step 2 of 4, greenWeight 25: baked 1m30s of 10m: blue 900 requests, 1 errors, p95 46 ms; " +
        "green 0 requests, 0 errors, no p95; firing: errors-high (green)",
    );
  });
});

describe("the clock of a walk", () => {
  it("is near the machine's, and wakes a sleeper that isn't needed any more", async () => {
    assert.ok(Math.abs(systemClock.now() - Date.now()) < 5_000);
    const over = new AbortController();
    const sleeper = systemClock.sleep(600_000, over.signal);
    await setTimeout(1);
    over.abort();
    await sleeper;
  });
});
