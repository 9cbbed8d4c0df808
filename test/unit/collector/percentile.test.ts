import assert from "node:assert/strict";
import { p95Of, type Calls } from "../../../infra/collector/percentile";

/** Numbers from 0 to 1, the same in every run. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

const normal = (next: () => number): number => Math.sqrt(-2 * Math.log(next())) * Math.cos(2 * Math.PI * next());

type Shape = (next: () => number) => number;
const shapes = {
  alike: (() => 10) as Shape,
  uniform: ((next) => 5 + 10 * next()) as Shape,
  normal: ((next) => Math.max(0.1, 20 + 3 * normal(next))) as Shape,
  exponential: ((next) => -10 * Math.log(next())) as Shape,
  logNormal: ((next) => Math.exp(2 + 0.8 * normal(next))) as Shape,
  heavy: ((next) => 2 * next() ** -0.35) as Shape,
  twoSpeeds: ((next) => (next() < 0.9 ? 1 : 100)) as Shape,
};

/** Milliseconds of so many calls; what PostgreSQL keeps of them, and their own p95. */
function drawn(all: { shape: Shape; calls: number }[]): { kept: Calls[]; truth: number } {
  const next = numbers(7);
  const times = all.map(({ shape, calls }) => Array.from({ length: calls }, () => shape(next)));
  const kept = times.map((each): Calls => {
    const mean = each.reduce((sum, ms) => sum + ms, 0) / each.length;
    return { calls: each.length, mean, variance: each.reduce((sum, ms) => sum + (ms - mean) ** 2, 0) / each.length };
  });
  const sorted = times.flat().sort((a, b) => a - b);
  return { kept, truth: sorted[Math.ceil(0.95 * sorted.length) - 1] ?? NaN };
}

const off = (all: { shape: Shape; calls: number }[]): number => {
  const { kept, truth } = drawn(all);
  return p95Of(kept) / truth - 1;
};

describe("p95 by what pg_stat_statements keeps", () => {
  for (const name of ["alike", "uniform", "normal", "exponential", "logNormal", "heavy"] as const)
    it(`is within 15 % for a statement whose calls are ${name}`, () => {
      const error = off([{ shape: shapes[name], calls: 50_000 }]);
      assert.ok(Math.abs(error) < 0.15, `off by ${(100 * error).toFixed(1)} %`);
    });

  it("is within 15 % for a mixture of quick statements and slow ones, whose p95 is the slow ones' matter", () => {
    const mixture = [
      { shape: shapes.exponential, calls: 20_000 },
      { shape: ((next) => 200 + 20 * normal(next)) as Shape, calls: 2_000 },
      { shape: shapes.logNormal, calls: 10_000 },
    ];
    const error = off(mixture);
    assert.ok(Math.abs(error) < 0.15, `off by ${(100 * error).toFixed(1)} %`);
  });

  it("says less than half of one statement that has two speeds, as the documentation owns up to", () => {
    const { kept, truth } = drawn([{ shape: shapes.twoSpeeds, calls: 50_000 }]);
    assert.equal(truth, 100);
    const said = p95Of(kept);
    assert.ok(said > 30 && said < 50, String(said));
  });

  it("is the time of each where all take the same, and 0 without calls", () => {
    assert.ok(Math.abs(p95Of([{ calls: 20, mean: 120, variance: 0 }]) - 120) < 0.1);
    assert.equal(p95Of([]), 0);
    assert.equal(p95Of([{ calls: 0, mean: 5, variance: 1 }]), 0);
    assert.ok(p95Of([{ calls: 9, mean: 0, variance: 0 }]) < 0.01);
  });
});
