import assert from "node:assert/strict";
import fc from "fast-check";
import { evidenceAbove, evidenceWorse } from "../../../infra/rollout/evidence";
import { quantile, slowerThan } from "../../../infra/rollout/latency";
import { bakeWindow, judge, type Bake, type Counts, type Judgement, type Sample } from "../../../infra/rollout/verdict";
import { bake as plan } from "./given";

const MINUTE = 60_000;
const window = bakeWindow(0, plan, 0, 0);
const green: Bake = { gaining: "green", share: 25, window, bakes: 4 };

const counts = (requests: number, errors = 0, slow = 0): Counts => ({
  requests,
  errors,
  latency: { total: requests, atMost: [[0.5, requests - slow], [1, requests - slow]] }, // prettier-ignore
});

/** A sample a minute, alike in all of them. */
const minutes = (count: number, own: Counts | null, other: Counts | null = counts(3_000)): Sample[] =>
  Array.from({ length: count }, (_, i) => ({
    from: i * MINUTE,
    until: (i + 1) * MINUTE,
    colours: { green: own, blue: other },
  }));

const after = (count: number, samples: readonly Sample[], bake = green, firing: string[] = []): Judgement =>
  judge(bake, samples, firing, count * MINUTE, plan);

describe("a verdict", () => {
  it("is pass at the end of a bake with enough requests and nothing above a limit", () => {
    assert.equal(after(10, minutes(10, counts(1_000))).verdict, "pass");
  });

  it("is none before the end while nothing is proven", () => {
    assert.equal(after(9, minutes(9, counts(1_000))).verdict, undefined);
  });

  it("is fail before the end for errors far above the limit, and names figure and limit", () => {
    const { verdict, reasons } = after(1, minutes(1, counts(1_000, 20)));
    assert.equal(verdict, "fail");
    assert.deepEqual(reasons, ["green fails 2 % of its requests, above errorRate 0.1 %"]);
  });

  it("is fail for slowness within the error limit", () => {
    const { verdict, reasons } = after(1, minutes(1, counts(1_000, 0, 200)));
    assert.equal(verdict, "fail");
    assert.match(reasons[0] ?? "", /20 % of its requests slower than p95 1 s/);
  });

  it("is fail for errors within the limit that are many times those of the other colour", () => {
    const { verdict, reasons } = after(10, minutes(10, counts(20_000, 12), counts(60_000, 1)));
    assert.equal(verdict, "fail");
    assert.match(reasons[0] ?? "", /more than 2 times as often as blue/);
  });

  it("is not fail for errors that both colours have alike", () => {
    assert.equal(after(10, minutes(10, counts(20_000, 12), counts(60_000, 36))).verdict, "pass");
  });

  it("is fail when an alarm fires, whatever the figures say", () => {
    const { verdict, reasons } = after(1, minutes(1, counts(1_000)), green, ["green-5xx"]);
    assert.deepEqual([verdict, reasons], ["fail", ["alarm green-5xx is firing"]]);
  });

  it("waits beyond the bake for requests that are missing, and is insufficient at maxBake", () => {
    assert.equal(after(10, minutes(10, counts(20))).verdict, undefined);
    const { verdict, reasons } = after(30, minutes(30, counts(20)));
    assert.deepEqual([verdict, reasons], ["insufficient", ["600 requests on green, fewer than minRequests 1000"]]);
  });

  it("passes as soon as what was missing has come", () => {
    assert.equal(after(12, minutes(12, counts(90))).verdict, "pass");
  });

  it("is insufficient, never pass, when nobody knows the figures of a colour", () => {
    assert.equal(after(30, minutes(30, null)).verdict, "insufficient");
    assert.equal(after(30, minutes(30, counts(1_000), null)).verdict, "insufficient");
    assert.equal(after(30, []).verdict, "insufficient");
  });

  it("is insufficient when figures of a part of the bake are missing", () => {
    const gap = minutes(30, counts(1_000)).filter(({ from }) => from !== 4 * MINUTE);
    const { verdict, reasons } = after(30, gap);
    assert.deepEqual([verdict, reasons], ["insufficient", ["no figures of blue from 1970-01-01T00:04:00.000Z", "no figures of green from 1970-01-01T00:04:00.000Z"]]); // prettier-ignore
  });

  it("needs no figures of the other colour once that has no traffic", () => {
    assert.equal(after(10, minutes(10, counts(1_000), null), { ...green, share: 100 }).verdict, "pass");
  });

  it("is insufficient while errors are above the limit but too few to tell", () => {
    const [one, ...rest] = minutes(30, counts(40));
    assert.ok(one);
    const two = { ...one, colours: { ...one.colours, green: counts(40, 2) } };
    assert.equal(after(30, [two, ...rest]).verdict, "insufficient");
  });

  it("leaves out what was measured before the weights had settled", () => {
    const settling = { ...green, window: bakeWindow(0, plan, 2 * MINUTE, 0) };
    const bad = minutes(2, counts(1_000, 500));
    assert.equal(after(2, bad, settling).verdict, undefined);
    assert.equal(after(12, [...bad, ...minutes(12, counts(1_000)).slice(2)], settling).verdict, "pass");
  });

  it("waits for figures that come late, and adds that wait to the bake", () => {
    const late = { ...green, window: bakeWindow(0, plan, 0, 3 * MINUTE) };
    assert.equal(after(10, minutes(10, counts(1_000)), late).verdict, undefined);
    assert.equal(after(13, minutes(10, counts(1_000)), late).verdict, "pass");
  });

  it("takes intervals that begin on the minute, though the bake didn't", () => {
    const odd = { ...green, window: bakeWindow(20_000, plan, 0, 0) };
    assert.equal(after(11, minutes(11, counts(1_000)), odd).verdict, "pass");
  });

  it("never passes with fewer requests than the minimum, nor with a rate above a limit, whatever the samples are", () => {
    const one = fc.record({ requests: fc.nat(400), errors: fc.nat(3), slow: fc.nat(30), known: fc.nat(9) });
    fc.assert(
      fc.property(fc.array(one, { minLength: 30, maxLength: 30 }), (all) => {
        const samples = all.map(({ requests, errors, slow, known }, i): Sample => {
          const own = counts(requests, Math.min(errors, requests), Math.min(slow, requests));
          return {
            from: i * MINUTE,
            until: (i + 1) * MINUTE,
            colours: { green: known === 0 ? null : own, blue: counts(900) },
          };
        });
        for (const minute of [10, 20, 30]) {
          const { verdict, figures } = after(minute, samples);
          const { requests, errors, slow } = figures.green;
          if (verdict === "pass") assert.ok(requests >= 1_000 && errors <= requests / 1_000 && slow <= requests / 20);
        }
      }),
    );
  });
});

/** Binomial coefficient. */
const choose = (n: number, k: number): number =>
  k < 0 || k > n ? 0 : k === 0 ? 1 : (choose(n, k - 1) * (n - k + 1)) / k;

describe("evidence", () => {
  it("grows with what is bad and shrinks with what is good", () => {
    assert.ok(evidenceAbove({ bad: 3, of: 1_000 }, 0.001) > evidenceAbove({ bad: 2, of: 1_000 }, 0.001));
    assert.ok(evidenceAbove({ bad: 3, of: 1_000 }, 0.001) > evidenceAbove({ bad: 3, of: 2_000 }, 0.001));
  });

  it("that a limit is broken is a fair game at the limit: its mean is 1", () => {
    for (const limit of [0.001, 0.05, 0.5]) {
      const of = 40;
      let mean = 0;
      for (let bad = 0; bad <= of; bad++) {
        const chance = choose(of, bad) * limit ** bad * (1 - limit) ** (of - bad);
        mean += chance * Math.exp(evidenceAbove({ bad, of }, limit));
      }
      assert.ok(Math.abs(mean - 1) < 1e-6, `${mean} at ${limit}`);
    }
  });

  it("that a colour is worse is at most a fair game where it isn't, drawn without replacement", () => {
    // The hypergeometric distribution of own's part of `bad` events among equals.
    for (const [own, other, bad] of [
      [30, 90, 5],
      [50, 50, 20],
      [10, 30, 25],
    ] as const) {
      // prettier-ignore
      let mean = 0;
      for (let k = 0; k <= Math.min(own, bad); k++) {
        const chance = (choose(own, k) * choose(other, bad - k)) / choose(own + other, bad);
        const interval = { own: { bad: k, of: own }, other: { bad: bad - k, of: other } };
        mean += chance * Math.exp(evidenceWorse([interval], 1));
      }
      assert.ok(mean <= 1 + 1e-9, `${mean} for ${own}/${other}/${bad}`);
    }
  });

  it("says nothing where there is nothing to compare", () => {
    assert.equal(evidenceWorse([{ own: { bad: 5, of: 10 }, other: { bad: 0, of: 0 } }], 2), 0);
  });
});

describe("a latency histogram", () => {
  const latency = { total: 100, atMost: [[0.1, 50], [0.5, 90], [1, 96]] } as const; // prettier-ignore

  it("counts what is slower than one of its edges", () => assert.equal(slowerThan(0.5, latency), 10));
  it("counts only what is surely slower than a limit between edges", () => assert.equal(slowerThan(0.3, latency), 10));
  it("counts nothing as slower than a limit past its last edge", () => assert.equal(slowerThan(2, latency), 0));
  it("reads a quantile off between two edges", () =>
    assert.ok(Math.abs((quantile(0.95, latency) ?? 0) - 0.9167) < 1e-3));
  it("has no quantile without requests", () => assert.equal(quantile(0.95, { total: 0, atMost: [] }), undefined));
});
