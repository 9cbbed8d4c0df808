import assert from "node:assert/strict";
import fc from "fast-check";
import { decide, NARROWING_WAITS, RULES } from "../../../infra/rollout/rules";
import { attemptsSince } from "../../../infra/rollout/shift";
import type { Attempt } from "../../../infra/rollout/types";
import { play, type Tally } from "./world/play";
import { actions, type Habits } from "./world/team";
import type { Judge } from "./world/world";

/** How many sequences are played. SWITCHYARD_SEQUENCES=100000 is the full size. */
const SEQUENCES = Number(process.env["SWITCHYARD_SEQUENCES"] ?? 2_000);
const SEED = Number(process.env["SWITCHYARD_SEED"] ?? 1);
const IDS = [NARROWING_WAITS.id, ...RULES.map(({ id }) => id)];

/** Runs until a sequence breaks the world, without looking for a shorter one. */
const breaks = (plan: Judge, numRuns: number, habits: Habits = {}): boolean =>
  fc.check(
    fc.property(actions(habits), (sequence) => play(sequence, plan)),
    { numRuns, seed: SEED, endOnFailure: true },
  ).failed;

describe("sequences of config changes, writes and faults", () => {
  it(`never give traffic to a release that can't serve, nor lose a write unasked, in ${SEQUENCES} sequences`, function () {
    this.timeout(20_000 + SEQUENCES * 20);
    const tally: Tally = new Map();
    fc.assert(
      fc.property(actions(), (sequence) => play(sequence, decide, tally)),
      { numRuns: SEQUENCES, seed: SEED },
    );
    if (SEQUENCES >= 100_000) {
      const lines = [...tally].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, times]) => `      ${name}: ${times}`);
      console.log(lines.join("\n"));
    }
    const expected = SEQUENCES / 100;
    const rare = IDS.filter((id) => (tally.get(`rule ${id}`) ?? 0) < expected);
    assert.deepEqual(rare, [], `rules that fired fewer than ${expected} times say little`);
    for (const event of ["finished", "broke off", "shift return", "shift advance", "way on", "way back"]) {
      assert.ok((tally.get(event) ?? 0) > expected, `${event}: ${tally.get(event) ?? 0} times`);
    }
  });
});

describe("the rules, one taken out", () => {
  /** What makes a rule's own danger likelier, where the usual habits take long to meet it. */
  const habits: Partial<Record<string, Habits>> = {
    "loss-stands": { contract: 12, migrateTo: 12, shift: 8, finish: 8, release: 6 },
    "point-of-no-return": { contract: 8, finish: 6, shift: 8 },
    "new-goes-last": { files: 10 },
  };
  for (const id of IDS) {
    it(`break the world without ${id}`, function () {
      this.timeout(900_000);
      const ruleset = { rules: RULES.filter((rule) => rule.id !== id), narrowingWaits: id !== NARROWING_WAITS.id };
      const plan: Judge = (memory, declared) => decide(memory, declared, ruleset);
      assert.ok(
        breaks(plan, 5_000, habits[id]),
        `5000 sequences never needed ${id}: it is redundant, or the world can't see why`,
      );
    });
  }

  /** The plan with some of what it remembers since the last `up` that finished; never without that one itself. */
  const remembering =
    (some: (since: readonly Attempt[]) => readonly Attempt[]): Judge =>
    ({ settled, attempts }, declared) => {
      const since = attemptsSince(settled, attempts);
      const before = attempts.slice(0, attempts.length - since.length);
      return decide({ settled, attempts: [...before, ...some(since)] }, declared);
    };

  it("break the world when no attempt is remembered", function () {
    this.timeout(900_000);
    assert.ok(
      breaks(
        remembering(() => []),
        5_000,
      ),
    );
  });

  it("break the world when only the last of two attempts is remembered", function () {
    this.timeout(900_000);
    assert.ok(
      breaks(
        remembering((since) => since.slice(-1)),
        5_000,
      ),
    );
  });
});
