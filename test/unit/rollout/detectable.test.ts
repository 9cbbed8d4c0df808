import assert from "node:assert/strict";
import { binomialBelow } from "../../../infra/rollout/binomial";
import { detectableRate, POWER, sightOf } from "../../../infra/rollout/detectable";
import { evidenceAbove, fewestBad } from "../../../infra/rollout/evidence";
import { threshold } from "../../../infra/rollout/verdict";
import { bake, first, release } from "./given";

const shipped = { ...first, weight: 100, releases: { ...first.releases, green: release("B", "0002") } };
const advance = { kind: "advance", gaining: "green", from: 0, to: 100 } as const;

describe("what a bake can see", () => {
  it("is counted from the gaining colour's share, for each step", () => {
    const sights = sightOf(advance, shipped);
    assert.deepEqual(sights.map(({ share }) => share), [10, 25, 50, 100]); // prettier-ignore
    assert.deepEqual(sights.map(({ requests }) => requests), [6_000, 15_000, 30_000, 60_000]); // prettier-ignore
    assert.equal(sights[0]?.requestsAtMost, 18_000);
  });

  it("mirrors for a walk towards blue, and is nothing for a return", () => {
    const towardsBlue = { kind: "advance", gaining: "blue", from: 100, to: 0 } as const;
    assert.deepEqual(sightOf(towardsBlue, { ...shipped, weight: 0 }), sightOf(advance, shipped));
    assert.deepEqual(sightOf({ ...advance, kind: "return" }, shipped), []);
  });

  it("is not guessed when nobody said how many requests to expect", () => {
    assert.deepEqual(sightOf(advance, { ...shipped, bake: { ...bake, expectedRequestsPerSecond: undefined } }), []);
  });

  it("is a rate that fails a bake with the stated power, and no rate a hundredth below it is", () => {
    for (const requests of [100, 1_000, 20_000]) {
      const rate = detectableRate(requests, bake.limits, 4);
      assert.ok(rate !== undefined);
      const needed = fewestBad(requests, bake.limits.errorRate, threshold(bake.limits, 4));
      const power = (p: number): number => 1 - binomialBelow(needed, requests, p);
      assert.ok(power(rate) >= POWER - 1e-9 && power(rate * 0.99) < POWER, `${rate} of ${requests}`);
    }
  });

  it("gets finer with more requests", () => {
    const rates = [100, 1_000, 10_000, 100_000].map((requests) => detectableRate(requests, bake.limits, 4) ?? 1);
    assert.deepEqual(
      rates,
      [...rates].sort((a, b) => b - a),
    );
    assert.ok((rates[3] ?? 1) < 0.002, String(rates));
  });

  it("is nothing with too few requests for any proof", () => {
    assert.equal(detectableRate(0, bake.limits, 4), undefined);
  });

  it("needs the fewest errors that are proof, and not one fewer", () => {
    const proof = threshold(bake.limits, 4);
    for (const of of [10, 1_000, 50_000]) {
      const needed = fewestBad(of, 0.001, proof);
      assert.ok(evidenceAbove({ bad: needed, of }, 0.001) >= proof);
      assert.ok(evidenceAbove({ bad: needed - 1, of }, 0.001) < proof);
    }
  });
});

describe("the binomial distribution", () => {
  it("agrees with figures that can be counted out", () => {
    assert.ok(Math.abs(binomialBelow(2, 4, 0.5) - 5 / 16) < 1e-12);
    assert.ok(Math.abs(binomialBelow(1, 1_000, 0.001) - 0.999 ** 1_000) < 1e-12);
  });

  it("keeps its ends", () => {
    assert.deepEqual([binomialBelow(0, 5, 0.5), binomialBelow(6, 5, 0.5), binomialBelow(3, 5, 0), binomialBelow(3, 5, 1)], [0, 1, 1, 0]); // prettier-ignore
  });

  it("doesn't underflow for many trials", () => {
    assert.ok(Math.abs(binomialBelow(100_001, 200_000, 0.5) - 0.5009) < 1e-3);
  });
});
