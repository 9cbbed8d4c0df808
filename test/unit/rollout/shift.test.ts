import assert from "node:assert/strict";
import fc from "fast-check";
import { classifyShift, DEFAULT_STEPS, nextWeight, walk } from "../../../infra/rollout/shift";
import type { Declared } from "../../../infra/rollout/types";
import { expand, first, release, Stack } from "./given";

const weight = fc.integer({ min: 0, max: 100 });
const steps = fc
  .uniqueArray(fc.integer({ min: 1, max: 99 }), { maxLength: 8 })
  .map((shares) => [...shares.sort((a, b) => a - b), 100]);

describe("a walk", () => {
  it("goes 10, 25, 50, 100 towards green and the mirror of it towards blue", () => {
    assert.deepEqual(walk(0, 100), [10, 25, 50, 100]);
    assert.deepEqual(walk(100, 0), [90, 75, 50, 0]);
  });

  it("goes on from a live weight between steps, and stops at a target between steps", () => {
    assert.deepEqual(walk(17, 60), [25, 50, 60]);
    assert.deepEqual(walk(83, 30), [75, 50, 30]);
    assert.equal(nextWeight(50, 50), undefined);
  });

  it("moves strictly towards its target, never past it, and arrives", () => {
    fc.assert(
      fc.property(weight, weight, steps, (live, target, shares) => {
        let at = live;
        for (const next of walk(live, target, shares)) {
          assert.ok(Number.isInteger(next) && next >= 0 && next <= 100);
          assert.ok(Math.abs(target - next) < Math.abs(target - at), `${at} to ${next} on the way to ${target}`);
          assert.ok(Math.min(live, target) <= next && next <= Math.max(live, target), `${next} overshoots`);
          at = next;
        }
        assert.equal(at, target);
      }),
    );
  });

  it("gives the gaining colour no larger share at once than the steps do", () => {
    fc.assert(
      fc.property(weight, weight, (live, target) => {
        const gained = (green: number): number => (target > live ? green : 100 - green);
        let at = gained(live);
        for (const next of walk(live, target).map(gained)) {
          assert.ok(DEFAULT_STEPS.filter((step) => step > at && step < next).length === 0, `${at} to ${next}`);
          at = next;
        }
      }),
    );
  });

  it("is the same whether it is walked in one go or taken up again at any of its weights", () => {
    fc.assert(
      fc.property(weight, weight, steps, (live, target, shares) => {
        const whole = walk(live, target, shares);
        whole.forEach((at, index) => assert.deepEqual(walk(at, target, shares), whole.slice(index + 1)));
      }),
    );
  });

  it("mirrors: towards blue it is the walk towards green, seen from the other side", () => {
    fc.assert(
      fc.property(weight, weight, steps, (live, target, shares) => {
        const mirrored = walk(100 - live, 100 - target, shares).map((green) => 100 - green);
        assert.deepEqual(walk(live, target, shares), mirrored);
      }),
    );
  });
});

describe("a shift", () => {
  const shipped: Declared = {
    ...first,
    weight: 100,
    releases: { ...first.releases, green: release("B", "0003") },
    migrations: [...first.migrations, expand("0003")],
  };
  const kind = (stack: Stack, live: number, declared: Declared): string =>
    classifyShift(live, stack.memory, declared).kind;

  it("to a release that never had the traffic is an advance", () => {
    assert.equal(kind(Stack.settledOn(first), 0, shipped), "advance");
  });

  it("back to the settled weight, from anywhere in a walk that broke off, is a return", () => {
    const stack = Stack.settledOn(first).fail(shipped);
    for (const live of [1, 10, 25, 99, 100]) assert.equal(kind(stack, live, first), "return");
  });

  it("back to a release that settled at that share before the last one did is a return", () => {
    const stack = Stack.settledOn(first, shipped);
    assert.equal(kind(stack, 100, { ...shipped, weight: 0 }), "return");
  });

  it("to a share at which that release never settled is an advance", () => {
    const stack = Stack.settledOn(first, shipped);
    assert.equal(kind(stack, 100, { ...shipped, weight: 40 }), "advance");
  });

  it("of the second release onto blue is an advance", () => {
    const second = { ...shipped, releases: { ...shipped.releases, blue: release("C", "0003") } };
    const stack = Stack.settledOn(first, shipped, second);
    assert.equal(kind(stack, 100, { ...second, weight: 0 }), "advance");
  });

  it("to a release that an attempt has touched since is an advance, even if config is as before", () => {
    const touched = { ...shipped, releases: { ...shipped.releases, blue: release("C", "0003") } };
    const stack = Stack.settledOn(first, shipped).fail(touched);
    assert.equal(kind(stack, 100, { ...shipped, weight: 0 }), "advance");
  });

  it("to fewer copies than carried that share is an advance", () => {
    const stack = Stack.settledOn(first, shipped);
    const fewer = {
      ...shipped,
      weight: 0,
      releases: { ...shipped.releases, blue: release("A", "0002", { count: 1 }) },
    };
    assert.equal(kind(stack, 100, fewer), "advance");
  });

  it("from what is settled to itself is none", () => {
    assert.equal(kind(Stack.settledOn(first), 0, first), "none");
  });
});
