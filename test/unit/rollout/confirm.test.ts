import assert from "node:assert/strict";
import fc from "fast-check";
import { changeOf, digestOf, linesOf, type Change, type RestoreAsked } from "../../../infra/rollout/change";
import { CHANGE_CONFIRMED, toConfirm, withConfirmation, type ConfirmAsked } from "../../../infra/rollout/confirm";
import { declaredInFull } from "../../../infra/rollout/in-full";
import { decide, messageOf, type Decision } from "../../../infra/rollout/rules";
import type { Memory } from "../../../infra/rollout/shift";
import type { Declared, Facts, Overrides } from "../../../infra/rollout/types";
import { contract, expand, first, overrides, release, Stack } from "./given";
import { play } from "./world/play";
import { actions } from "./world/team";

const changeFrom = ({ memory }: Stack, declared: Declared, restore?: RestoreAsked): Change =>
  changeOf(memory, declared, decide(memory, declared), restore);

/** What an `up` that names `given` is told: everything that the rules and `requireConfirm` say. */
function judged(memory: Memory, declared: Declared, more: Partial<ConfirmAsked> = {}): Decision {
  const asked = { preview: false, ...more };
  const decision = decide(memory, declared);
  return withConfirmation(decision, toConfirm(memory, declared, decision, asked), asked);
}

const shipped: Declared = {
  ...first,
  weight: 100,
  releases: { ...first.releases, green: release("B", "0003") },
  migrations: [...first.migrations, expand("0003", { lossy: { up: false, down: false } })],
};
const contracting: Declared = {
  ...shipped,
  releases: { blue: null, green: release("B", "0004") },
  migrations: [...shipped.migrations, contract("0004")],
};

describe("the digest of a change", function () {
  this.timeout(300_000);

  /** One value of the change each: whoever approved the change of `shipped` has approved none of these. */
  const others: Record<string, Declared | RestoreAsked> = {
    weight: { ...shipped, weight: 50 },
    version: { ...shipped, releases: { ...shipped.releases, green: release("C", "0003") } },
    schema: { ...shipped, releases: { ...shipped.releases, green: release("B", "0002") } },
    count: { ...shipped, releases: { ...shipped.releases, green: release("B", "0003", { count: 3 }) } },
    "what runs": { ...shipped, releases: { ...shipped.releases, green: release("B", "0003", { fingerprint: "other" }) } }, // prettier-ignore
    database: { ...shipped, releases: { ...shipped.releases, green: release("B", "0003", { database: "other" }) } },
    "the other colour": { ...shipped, releases: { ...shipped.releases, blue: release("A", "0002", { count: 1 }) } },
    "a retirement": { ...shipped, releases: { ...shipped.releases, blue: null } },
    "the text of a migration": { ...shipped, migrations: [...first.migrations, expand("0003", { checksum: "other" })] },
    "one more migration": { ...shipped, migrations: [...shipped.migrations, expand("0004")] },
    "one migration fewer": { ...shipped, migrateTo: "0002" },
    "an applied file": { ...shipped, migrations: [expand("0001", { checksum: "other" }), ...shipped.migrations.slice(1)] }, // prettier-ignore
    "a deleted file": { ...shipped, migrations: shipped.migrations.slice(1) },
    steps: { ...shipped, bake: { ...shipped.bake, steps: [100] } },
    "a limit": { ...shipped, bake: { ...shipped.bake, limits: { ...shipped.bake.limits, errorRate: 0.5 } } },
    wiring: { ...shipped, wiring: { ...shipped.wiring, listener: "other" } },
    restore: { from: "a" },
    "another restore": { from: "b" },
    "the loss of a restore": { from: "a", acceptLossSince: "a" },
    "what a restore drops": { from: "a", retire: "pages_kept_1a2b3c4d" },
    "what another restore drops": { from: "a", retire: "pages_kept_5e6f7a8b" },
  };
  const stack = Stack.settledOn(first);
  const digests = [
    digestOf(changeFrom(stack, shipped)),
    ...Object.values(others).map((other) =>
      !("releases" in other) ? digestOf(changeFrom(stack, shipped, other)) : digestOf(changeFrom(stack, other)),
    ),
  ];

  for (const [at, what] of Object.keys(others).entries())
    it(`is another with another value of: ${what}`, () => {
      const mine = digests[at + 1] ?? "";
      assert.match(mine, /^[0-9a-f]{16}$/);
      assert.equal(digests.indexOf(mine), digests.lastIndexOf(mine), `${what} has the digest of another change`);
    });

  it("is another from elsewhere, as after something else has settled in between", () => {
    const from = Stack.settledOn(first, { ...first, releases: { ...first.releases, blue: release("A2", "0002") }, overrides: overrides({ rolling: true }) }); // prettier-ignore
    assert.notEqual(digestOf(changeFrom(from, shipped)), digests[0]);
  });

  it("is another with a down that runs, and the same with one that waits", () => {
    const ahead = { ...first, migrations: shipped.migrations };
    const digest = (declared: Declared) => digestOf(changeFrom(Stack.settledOn(first, ahead), declared));
    assert.notEqual(digest({ ...ahead, migrateTo: "0002" }), digest(ahead));
    assert.equal(digest({ ...ahead, migrateTo: "0002" }), digest({ ...ahead, migrateTo: "0001" }), "A needs 0002");
  });

  it("is another with an exception that is needed, and the same with one that isn't", () => {
    const replaced = { ...first, releases: { ...first.releases, blue: release("A2", "0002") } };
    const digest = (more: Partial<Overrides>) =>
      digestOf(changeFrom(stack, { ...replaced, overrides: overrides(more) }));
    assert.notEqual(digest({ rolling: true }), digest({}));
    assert.equal(digest({ breakIdle: ["0009"] }), digest({}));
  });

  it("is the same for the same change: again after it broke off, and whatever the engine makes of its values", () => {
    assert.equal(digestOf(changeFrom(Stack.settledOn(first).fail(shipped).fail(shipped), shipped)), digests[0]);
    const { settled, attempts } = stack.memory;
    const turned = turn({ settled, attempts, declared: shipped }) as Memory & { declared: Declared };
    const declared = declaredInFull(turned.declared);
    assert.equal(digestOf(changeOf(turned, declared, decide(turned, declared))), digests[0]);
  });

  /** Keys in another order, and those without a value gone. */
  function turn(value: unknown): unknown {
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) return value.map(turn);
    const entries = Object.entries(value).filter(([key, each]) => each !== null || key === "half" || key === "green");
    return Object.fromEntries(entries.reverse().map(([key, each]) => [key, turn(each)]));
  }

  it("tells two changes apart wherever anything of them differs, in any sequence of ups", () => {
    const seen = new Map<string, string>();
    const plan = (memory: Memory, declared: Declared): Decision => {
      const decision = decide(memory, declared);
      const change = changeOf(memory, declared, decision);
      const told = saidAnew(memory.settled, declared, linesOf(change, false));
      const digest = digestOf(change);
      assert.equal(seen.get(digest) ?? told, told, "one digest for two changes");
      seen.set(digest, told);
      return decision;
    };
    fc.assert(
      fc.property(actions(), (sequence) => play(sequence, plan)),
      { numRuns: 150, seed: 1 },
    );
    assert.ok(seen.size > 300, `only ${seen.size} changes were seen`);
  });

  /** What differs, said once more without the code under test, and without what is the same on both sides. */
  function saidAnew(settled: Facts | undefined, declared: Declared, lines: string[]): string {
    const differs = (from: unknown, to: unknown) => (JSON.stringify(from) === JSON.stringify(to) ? [] : [from, to]);
    const { weight, releases, wiring } = declared;
    return JSON.stringify([
      differs(settled?.weight, weight),
      differs(settled?.releases.blue ?? null, releases.blue),
      differs(settled?.releases.green ?? null, releases.green),
      differs(settled?.wiring, wiring),
      lines,
    ]);
  }
});

describe("an up that has to be confirmed", function () {
  this.timeout(300_000);

  const digest = digestOf(changeFrom(Stack.settledOn(first), shipped));

  it("is refused without its digest and with another, and told what to type", () => {
    for (const given of [undefined, "", "0123456789abcdef", digest.toUpperCase(), `${digest} `]) {
      const { refused, held } = judged(Stack.settledOn(first).memory, shipped, given === undefined ? {} : { given });
      assert.deepEqual(refused.map(({ rule }) => rule), [CHANGE_CONFIRMED.id]); // prettier-ignore
      assert.deepEqual(held, []);
      const [message = ""] = refused.map(messageOf);
      assert.match(message, new RegExp(`SWITCHYARD_CONFIRM=${digest} pulumi up`));
      assert.match(
        message,
        /greenWeight from 0 to 100, walking 10, 25, 50, 100 %.*green from none to B.*migration 0003/,
      );
    }
  });

  it("begins with its digest, and is never refused for it at preview", () => {
    const { memory } = Stack.settledOn(first);
    assert.deepEqual(judged(memory, shipped, { given: digest }), decide(memory, shipped));
    assert.deepEqual(judged(memory, shipped, { preview: true }), decide(memory, shipped));
  });

  it("is a first deployment, a retirement, and a contract that has waited for it", () => {
    const stack = Stack.settledOn(first, shipped);
    for (const [memory, declared] of [
      [new Stack().memory, first],
      [stack.memory, { ...shipped, releases: { ...shipped.releases, blue: null } }],
      [stack.memory, contracting],
    ] as const)
      assert.equal(judged(memory, declared).refused.length, 1);
  });

  it("hears of the rules first: there is nothing to approve in what they refuse", () => {
    const { refused } = judged(Stack.settledOn(first).memory, { ...first, weight: 10 });
    assert.deepEqual(refused.map(({ rule }) => rule), ["release-can-run"]); // prettier-ignore
  });

  it("is none that changes nothing, or only goes back", () => {
    const back = { ...shipped, weight: 0 };
    for (const [memory, declared] of [
      [Stack.settledOn(first, shipped).memory, shipped],
      [Stack.settledOn(first).fail(shipped).memory, first],
      [Stack.settledOn(first).fail(shipped).fail(shipped).memory, first],
      [Stack.settledOn(first, { ...shipped, weight: 0 }, shipped).memory, back],
    ] as const)
      assert.deepEqual(judged(memory, declared), decide(memory, declared));
  });

  it("returns the traffic first where it does more than that, and holds the rest", () => {
    const more = { ...shipped, weight: 0, releases: { ...first.releases, green: null } };
    const stack = Stack.settledOn(first, shipped);
    const { refused, held, stopsBefore, shifts } = judged(stack.memory, more);
    assert.deepEqual([refused, stopsBefore, shifts], [[], "platform", ["return"]]);
    assert.deepEqual(held.map(({ rule }) => rule), [CHANGE_CONFIRMED.id]); // prettier-ignore
    const given = digestOf(changeFrom(stack, more));
    assert.deepEqual(judged(stack.memory, more, { given }), decide(stack.memory, more));
  });

  it("is one that takes a restore back, or drops what it replaced", () => {
    const stack = Stack.settledOn(first).finish(first, { restored: "a" });
    const asks = (restore?: RestoreAsked) => judged(stack.memory, first, restore && { restore }).refused.length;
    assert.equal(asks({ from: "a" }), 0);
    assert.equal(asks(), 1);
    assert.equal(asks({ from: "b" }), 1);
    assert.equal(asks({ from: "a", retire: "pages_kept_1a2b3c4d" }), 1);
  });

  it("is asked of nobody in vain: in any sequence of ups a return goes, and nothing else goes unconfirmed", () => {
    let [returned, stopped, passed] = [0, 0, 0];
    const plan = (memory: Memory, declared: Declared): Decision => {
      const decision = decide(memory, declared);
      const mine = judged(memory, declared);
      if (decision.refused.length > 0) return decision;
      const { weight, releases, steps, wiring } = changeOf(memory, declared, decision);
      const returns = decision.shifts.includes("return") && !decision.shifts.includes("advance");
      if (mine.refused.length > 0) {
        assert.ok(!returns, "a return is refused");
        stopped += 1;
      } else if (mine.stopsBefore === "platform" && decision.stopsBefore !== "platform") {
        assert.ok(returns, "what doesn't return has nothing to do before the platform");
        returned += 1;
      } else if (decision.stopsBefore !== "platform") {
        const unconfirmed = [releases.blue, releases.green, wiring, ...steps, ...(returns ? [] : [weight])];
        assert.deepEqual(unconfirmed.filter((part) => part !== null), []); // prettier-ignore
        passed += 1;
      }
      const { digest } = toConfirm(memory, declared, decision, { preview: false });
      assert.deepEqual(judged(memory, declared, { given: digest }), decision);
      return decision;
    };
    fc.assert(
      fc.property(actions(), (sequence) => play(sequence, plan)),
      { numRuns: 150, seed: 1 },
    );
    for (const times of [returned, stopped, passed])
      assert.ok(times > 30, JSON.stringify({ returned, stopped, passed }));
  });

  it("leaves the world whole where it stops behind a return", () => {
    let stopped = 0;
    const plan = (memory: Memory, declared: Declared): Decision => {
      const mine = judged(memory, declared);
      if (mine.refused.length > 0) return decide(memory, declared);
      if (mine.held.some(({ rule }) => rule === CHANGE_CONFIRMED.id)) stopped += 1;
      return mine;
    };
    fc.assert(
      fc.property(actions(), (sequence) => play(sequence, plan)),
      { numRuns: 150, seed: 1 },
    );
    assert.ok(stopped > 30, `only ${stopped} ups stopped there`);
  });
});
