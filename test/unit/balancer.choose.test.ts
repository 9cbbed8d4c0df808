import assert from "node:assert/strict";
import fc from "fast-check";
import {
  chooseColour,
  eligible,
  nextTarget,
  settledAccount,
  type Candidate,
} from "../../infra/platform/local/balancer/choose";
import type { Colour, HealthState } from "../../infra/platform/local/balancer/api";

/** Runs of requests at one weight each, and the randomness of every request, extremes included. */
const random = fc.oneof(
  fc.constantFrom(0, 0.5, 1 - Number.EPSILON),
  fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
);
const weight = fc.oneof(fc.constantFrom(0, 100), fc.integer({ min: 0, max: 100 }));
const run = fc.record({
  weight,
  randoms: fc.array(random, { minLength: 1, maxLength: 220, size: "max" }),
});
const traffic = fc.array(run, { minLength: 1, maxLength: 6, size: "max" });

interface Choice {
  weight: number;
  colour: Colour;
}

function serve(runs: { weight: number; randoms: number[] }[]): Choice[] {
  let owed = settledAccount;
  return runs.flatMap(({ weight, randoms }) =>
    randoms.map((value) => {
      const choice = chooseColour(owed, weight, value);
      owed = choice.owed;
      return { weight, colour: choice.colour };
    }),
  );
}

/** Green's count minus what its weights ask for, in every window of `length` choices. */
function* misses(choices: Choice[], length: number): Generator<{ miss: number; weights: Set<number> }> {
  for (let from = 0; from + length <= choices.length; from++) {
    const window = choices.slice(from, from + length);
    const green = window.filter(({ colour }) => colour === "green").length;
    const asked = window.reduce((sum, { weight }) => sum + weight, 0);
    yield { miss: (green * 100 - asked) / 100, weights: new Set(window.map(({ weight }) => weight)) };
  }
}

describe("balancer: the colour of a new request", () => {
  it("obeys the weight to ±1 in any 100 consecutive requests", () => {
    let windows = 0;
    fc.assert(
      fc.property(traffic, (runs) => {
        for (const { miss, weights } of misses(serve(runs), 100)) {
          if (weights.size > 1) continue;
          windows++;
          assert.ok(Math.abs(miss) <= 1, `off by ${miss}`);
        }
      }),
      { numRuns: 60 },
    );
    assert.ok(windows > 500, `only ${windows} windows of one weight were looked at`);
  });

  it("stays within 1 of the nearest whole numbers in windows of any length across weight changes", () => {
    fc.assert(
      fc.property(traffic, fc.integer({ min: 1, max: 150 }), (runs, length) => {
        for (const { miss } of misses(serve(runs), length)) assert.ok(Math.abs(miss) < 2, `off by ${miss}`);
      }),
      { numRuns: 100 },
    );
  });

  it("gives a colour of weight 0 nothing, whatever it is owed", () => {
    fc.assert(
      fc.property(traffic, (runs) => {
        for (const { weight, colour } of serve(runs)) {
          if (weight === 0) assert.equal(colour, "blue");
          if (weight === 100) assert.equal(colour, "green");
        }
      }),
    );
  });

  it("interleaves: at 25 % green never waits for more than 8 requests, nor gets 3 in a row", () => {
    fc.assert(
      fc.property(fc.array(random, { minLength: 100, maxLength: 400, size: "max" }), (randoms) => {
        const letters = serve([{ weight: 25, randoms }])
          .map(({ colour }) => colour.charAt(0))
          .join("");
        assert.doesNotMatch(letters, /b{9}|ggg/);
      }),
    );
  });

  it("does not fall in step with a client that alternates two calls", () => {
    const choices = serve([{ weight: 50, randoms: Array.from({ length: 4_000 }, () => Math.random()) }]);
    const writes = choices.filter((_, index) => index % 2 === 1);
    const green = writes.filter(({ colour }) => colour === "green").length;
    // 2,000 writes, 1,000 expected: 8 standard deviations of a fair coin to either side.
    assert.ok(Math.abs(green - 1_000) < 180, `${green} of 2000 writes went to green`);
  });
});

describe("balancer: the target of a new request", () => {
  const states: HealthState[] = ["initial", "healthy", "unhealthy", "draining"];
  const targets = fc
    .array(fc.constantFrom(...states), { maxLength: 6 })
    .map((given) => given.map((state, order): Candidate => ({ order, health: { state } })));

  it("is never a draining one, and an unhealthy one only when none is healthy", () => {
    fc.assert(
      fc.property(targets, (given) => {
        const chosen = eligible(given).map(({ health }) => health.state);
        assert.ok(!chosen.includes("draining"));
        if (given.some(({ health }) => health.state === "healthy")) assert.deepEqual([...new Set(chosen)], ["healthy"]);
        else assert.equal(chosen.length, given.filter(({ health }) => health.state !== "draining").length);
      }),
    );
  });

  it("goes round: over one round every eligible target gets exactly one request, wherever the round begins", () => {
    fc.assert(
      fc.property(targets, fc.integer({ min: -1, max: 6 }), (given, start) => {
        let last = start;
        const round = eligible(given).map(() => {
          const target = nextTarget(given, last);
          assert.ok(target);
          last = target.order;
          return target;
        });
        assert.deepEqual(new Set(round), new Set(eligible(given)));
      }),
    );
  });

  it("is none when none is registered", () => {
    const draining: Candidate = { order: 0, health: { state: "draining" } };
    assert.equal(nextTarget<Candidate>([], -1), undefined);
    assert.equal(nextTarget([draining], -1), undefined);
  });
});
