import assert from "node:assert/strict";
import { checkTransition, messageOf, NARROWING_WAITS, RULES, type Violation } from "../../../infra/rollout/rules";
import type { Declared, Overrides } from "../../../infra/rollout/types";
import { bake, contract, expand, first, overrides, release, Stack } from "./given";

/** Green gets B, built against a new migration, and all the traffic: one commit. */
const shipped: Declared = {
  ...first,
  weight: 100,
  releases: { ...first.releases, green: release("B", "0003") },
  migrations: [...first.migrations, expand("0003")],
};
const retired: Declared = { ...shipped, releases: { ...shipped.releases, blue: null } };
/** B also knows a contract, which drops what A uses. */
const contracting: Declared = {
  ...shipped,
  releases: { ...first.releases, green: release("B", "0004") },
  migrations: [...shipped.migrations, contract("0004")],
};

const brokenBy = (stack: Stack, declared: Declared): string[] => [
  ...new Set(stack.judge(declared).refused.map(({ rule }) => rule)),
];
const withOverrides = (declared: Declared, more: Partial<Overrides>): Declared => ({
  ...declared,
  overrides: overrides(more),
});

describe("a transition that is accepted", () => {
  it("is the first deployment, of any weight, with contracts among its migrations", () => {
    const decision = new Stack().judge({ ...contracting, releases: { blue: null, green: release("B", "0004") } });
    assert.deepEqual([decision.refused, decision.announced], [[], []]);
    assert.deepEqual(decision.leaves, [["0001", "0002", "0003", "0004"]]);
  });

  it("is one commit with an expand, a release built against it, and all the traffic", () => {
    assert.deepEqual(brokenBy(Stack.settledOn(first), shipped), []);
  });

  it("is the same commit again after it broke off anywhere, twice", () => {
    assert.deepEqual(brokenBy(Stack.settledOn(first).fail(shipped).fail(shipped), shipped), []);
  });

  it("is reverting that commit after it broke off, once or twice", () => {
    const safe = {
      ...shipped,
      migrations: [...first.migrations, expand("0003", { lossy: { up: false, down: false } })],
    };
    for (const stack of [Stack.settledOn(first).fail(safe), Stack.settledOn(first).fail(safe).fail(safe)]) {
      const { refused, held, shifts } = stack.judge(first);
      assert.deepEqual([refused, held], [[], []]);
      assert.ok(shifts.includes("return"));
    }
  });

  it("is reverting weight and migrateTo in one commit: traffic returns, and the down that loses writes is held", () => {
    const { refused, held, stopsBefore } = Stack.settledOn(first, shipped).judge(first);
    assert.deepEqual(refused, []);
    assert.deepEqual([...new Set(held.map(({ rule }) => rule))], ["writes-stay"]);
    assert.equal(stopsBefore, "narrow");
  });

  it("is the second release onto blue, and the traffic to it", () => {
    const second = { ...shipped, weight: 0, releases: { ...shipped.releases, blue: release("C", "0003") } };
    assert.deepEqual(brokenBy(Stack.settledOn(first, shipped), second), []);
  });

  it("is a contract that waits, announced, until the release that it breaks is retired", () => {
    const stack = Stack.settledOn(first);
    const { refused, announced, leaves } = stack.judge(contracting);
    assert.deepEqual(refused, []);
    assert.match(
      announced[0]?.found ?? "",
      /0004 drop_name \(up\) waits: blue's release A \(count 2\) can't serve after it/,
    );
    assert.deepEqual(leaves, [["0001", "0002", "0003"]]);
    const done = stack.finish(contracting).judge({ ...contracting, releases: { ...contracting.releases, blue: null } });
    assert.deepEqual([done.announced, done.leaves], [[], [["0001", "0002", "0003", "0004"]]]);
  });
});

const gapped: Declared = { ...first, releases: { blue: release("A", "0004"), green: null } };
const oneWay = expand("0003", { hasDown: false });

/** One transition for each rule that refuses, and what the message must say. */
const refusals: Record<string, { from: () => Stack; to: Declared; says: RegExp; accept?: Partial<Overrides> }> = {
  "plan-was-asked": {
    from: () => Stack.settledOn(first).finish(shipped, { weight: 40 }),
    to: shipped,
    says: /`up --target` went around the plan: weight 40 instead of 100/,
    accept: { acceptTargeted: "up2" },
  },
  "release-can-run": {
    from: () => Stack.settledOn(first),
    to: { ...first, weight: 10 },
    says: /gives green 10 % of the traffic, but it has no release/,
  },
  "schema-reached": {
    from: () => Stack.settledOn(first),
    to: { ...shipped, migrations: first.migrations },
    says: /green's release B is built against 0003, past migrateTo latest \(0002\)/,
  },
  "point-of-no-return": {
    from: () =>
      Stack.settledOn(first, contracting, { ...contracting, releases: { ...contracting.releases, blue: null } }),
    to: { ...contracting, weight: 0 },
    says: /blue's release A \(schema 0002\) can't serve past contract 0004 \(drop_name\)/,
  },
  "loss-stands": {
    from: () =>
      Stack.settledOn(first, contracting, { ...contracting, releases: { ...contracting.releases, blue: null } }).finish(
        { ...contracting, migrateTo: "0003", releases: { ...contracting.releases, blue: null } },
        { scars: [contract("0004")] },
      ),
    to: { ...contracting, weight: 0, migrateTo: "0003", releases: { ...contracting.releases, green: release("B", "0003", { fingerprint: "B" }) } }, // prettier-ignore
    says: /blue's release A reads what contract 0004 \(drop_name\) dropped/,
    accept: { acceptLoss: ["0004"], rolling: true },
  },
  "one-database": {
    from: () =>
      Stack.settledOn({ ...first, releases: { blue: release("A", "0002", { database: "sqlite" }), green: null } }),
    to: { ...shipped, releases: { blue: release("A", "0002", { database: "sqlite" }), green: release("B", "0003") } },
    says: /databases sqlite and main would both take writes/,
    accept: { cutOver: true },
  },
  "live-release-stays": {
    from: () => Stack.settledOn(first),
    to: { ...first, releases: { blue: release("C", "0002"), green: null } },
    says: /blue's release A would be replaced by C while it has up to 100 % of the traffic/,
    accept: { rolling: true },
  },
  "leaving-release-stays": {
    from: () => Stack.settledOn(first),
    to: { ...shipped, releases: { ...shipped.releases, blue: release("C", "0002") } },
    says: /blue's release A would be replaced by C before its traffic \(up to 100 %\) has advanced/,
    accept: { rolling: true },
  },
  "leaving-release-runs": {
    from: () => Stack.settledOn(first),
    to: retired,
    says: /blue's release A would go from 2 to 0 copies before its traffic/,
  },
  "release-can-start": {
    from: () => Stack.settledOn(first, contracting),
    to: { ...contracting, weight: 100, migrations: [...contracting.migrations, expand("0005")], releases: { blue: release("C", "0005"), green: release("B", "0004") } }, // prettier-ignore
    says: /blue.schema: found blue's release C needs migration 0005, which is not applied when its copies start: it stands behind 0004 up, which runs after the shift.*set blue.count to 0 in this `up`/,
  },
  "target-exists": {
    from: () => Stack.settledOn(first),
    to: { ...first, migrateTo: "0009" },
    says: /migrateTo: found "0009", and no such file in migrations\/; expected latest, or one of 0001, 0002/,
  },
  "applied-stays": {
    from: () => Stack.settledOn(first),
    to: { ...first, migrations: [expand("0001", { checksum: "other" }), expand("0002")] },
    says: /the file of 0001 \(add_title\) was edited after it was applied/,
    accept: { acceptEdited: ["00001"] },
  },
  "new-goes-last": {
    from: () => Stack.settledOn({ ...gapped, migrations: [expand("0001"), expand("0004")] }),
    to: { ...gapped, migrations: [expand("0001"), expand("0003"), expand("0004")] },
    says: /0003 \(add_title\) is new, and sorts before 0004 \(add_title\)/,
  },
  "down-exists": {
    from: () => Stack.settledOn({ ...first, migrations: [...first.migrations, oneWay] }),
    to: { ...first, migrateTo: "0002", migrations: [...first.migrations, oneWay] },
    says: /migrateTo 0002 takes back 0003 \(add_title\), which has no down/,
    accept: { restore: "2026-11-20" },
  },
  "writes-stay": {
    from: () =>
      Stack.settledOn(first, shipped, { ...shipped, weight: 0 }, { ...shipped, weight: 0, releases: first.releases }),
    to: first,
    says: /the down of 0003 \(add_title\) drops what a release built against it may have written; `npm run schema -- status` shows what it drops/,
    accept: { acceptLoss: ["0003"] },
  },
  "bake-can-tell": {
    from: () => Stack.settledOn(first),
    to: { ...shipped, bake: { ...bake, expectedRequestsPerSecond: 1 } },
    says: /at bake.expectedRequestsPerSecond 1 the step of 10 % gets 180 requests by bake.maxBake; with so few it could detect an error rate of \d\.?\d? %/, // prettier-ignore
  },
  "wiring-stays": {
    from: () => Stack.settledOn(first),
    to: { ...shipped, wiring: { ...first.wiring, listener: "other" } },
    says: /the listener would be replaced together with a shift to greenWeight 100/,
  },
};

describe("a transition that is refused", () => {
  it("is shown here for every rule", () => {
    assert.deepEqual(Object.keys(refusals).sort(), RULES.map(({ id }) => id).sort());
  });

  for (const [rule, { from, to, says, accept }] of Object.entries(refusals)) {
    it(`by ${rule} says what was found, what is expected and what to do`, () => {
      const { settled, attempts } = from().memory;
      const violations = checkTransition(settled, attempts, to).filter((violation) => violation.rule === rule);
      assert.match(violations.map(messageOf).join("\n"), says);
      for (const violation of violations) assertComplete(violation);
    });
    if (accept === undefined) continue;
    it(`by ${rule} is accepted, and recorded, where config says so`, () => {
      const { refused, overrides: used } = from().judge(withOverrides(to, accept));
      assert.deepEqual(refused.map(({ rule: id }) => id), []); // prettier-ignore
      assert.ok(
        used.some((override) => override.rule === rule && override.risk !== ""),
        JSON.stringify(used),
      );
    });
  }

  it(`never is one that only ${NARROWING_WAITS.id}: with breakIdle it runs, and is recorded`, () => {
    const { schema, overrides: used } = Stack.settledOn(first).judge(
      withOverrides(contracting, { breakIdle: ["0004"] }),
    );
    assert.deepEqual(schema.waits, []);
    assert.deepEqual(used.map(({ rule }) => rule), [NARROWING_WAITS.id]); // prettier-ignore
  });

  it("doesn't count an override that was not needed as used", () => {
    const { overrides: used } = Stack.settledOn(first).judge(
      withOverrides(shipped, { rolling: true, acceptLoss: ["0001"] }),
    );
    assert.deepEqual(used, []);
  });
});

describe("what an attempt may have left", () => {
  it("hides nothing: two failed attempts in a row are both remembered", () => {
    const moved = { ...shipped, weight: 50 };
    const other = { ...shipped, weight: 100, migrations: [...shipped.migrations, expand("0004")] };
    const stack = Stack.settledOn(first).fail(moved).fail(other);
    assert.deepEqual(stack.memory.attempts.map(({ id }) => id), ["up1", "up2", "up3"]); // prettier-ignore
    const replaced = { ...first, releases: { blue: release("C", "0002"), green: release("B", "0003") } };
    assert.ok(brokenBy(stack, replaced).includes("live-release-stays"));
  });

  it("is forgotten once a later one has settled", () => {
    const stack = Stack.settledOn(first)
      .fail({ ...shipped, weight: 50 })
      .finish(shipped)
      .fail(first);
    assert.deepEqual(stack.memory.attempts.map(({ id }) => id), ["up3", "up4"]); // prettier-ignore
  });

  it("doesn't pile up when the same up is tried again and again", () => {
    const stack = Stack.settledOn(first);
    for (let i = 0; i < 20; i++) stack.fail(shipped);
    assert.ok(stack.memory.attempts.length <= 3, `${stack.memory.attempts.length} attempts`);
    assert.deepEqual(brokenBy(stack, shipped), []);
  });

  it("is judged for the middle of a long run of migrations too", () => {
    const many = Array.from({ length: 40 }, (_, i) => {
      const version = String(i + 3).padStart(4, "0");
      return expand(version, { hasDown: version !== "0022" });
    });
    const long = { ...first, migrations: [...first.migrations, ...many] };
    const stack = Stack.settledOn(first).fail(long);
    assert.deepEqual(brokenBy(stack, { ...long, migrateTo: "0022" }), []);
    assert.deepEqual(brokenBy(stack, { ...long, migrateTo: "0021" }), ["down-exists"]);
    const edited = many.map((one) => (one.version === "0025" ? { ...one, checksum: "other" } : one));
    assert.deepEqual(brokenBy(stack, { ...long, migrations: [...first.migrations, ...edited] }), ["applied-stays"]);
  });

  it("is plain data, as is what the plan says: the same after a way through JSON", () => {
    const stack = Stack.settledOn(first, shipped).fail(first);
    const { settled, attempts } = stack.memory;
    for (const data of [settled, attempts, stack.judge(contracting), stack.judge(first)]) {
      assert.deepEqual(JSON.parse(JSON.stringify(data)), data);
    }
    const copy = JSON.parse(JSON.stringify({ settled, attempts })) as Stack["memory"];
    const back = { ...first, releases: { blue: release("C", "0002"), green: null } };
    assert.deepEqual(checkTransition(copy.settled, copy.attempts, back), checkTransition(settled, attempts, back));
  });

  it("makes a contract that may have begun a point of no return", () => {
    const gone = { ...contracting, releases: { ...contracting.releases, blue: null } };
    const stack = Stack.settledOn(first, contracting).fail(gone);
    assert.deepEqual(brokenBy(stack, { ...contracting, weight: 0 }), ["point-of-no-return"]);
    assert.deepEqual(brokenBy(stack, contracting), ["release-can-start"]);
    assert.deepEqual(brokenBy(stack, { ...contracting, migrateTo: "0003" }), []);
  });
});

describe("an idle release", () => {
  const idle = (schema: string, more: Partial<Declared> = {}): Declared => ({
    ...contracting,
    weight: 0,
    migrations: [...contracting.migrations, expand("0005")],
    releases: { ...first.releases, green: release("G", schema) },
    ...more,
  });
  const said = (stack: Stack, declared: Declared): string => stack.judge(declared).refused.map(messageOf).join("\n");

  it("is not started while its migration stands behind a contract that waits", () =>
    assert.match(
      said(Stack.settledOn(first), idle("0005")),
      /green's release G needs migration 0005, .* stands behind 0004 up, which waits until blue's release A can't run any more; .*set green.count to 0 until 0004 up has run/,
    ));

  it("is not started past migrateTo", () =>
    assert.match(
      said(Stack.settledOn(first), idle("0003", { migrateTo: "0002" })),
      /migrateTo: found green's release G needs migration 0003, .* set migrateTo to "0003" or later/,
    ));

  it("is not started on a schema that it is too old for", () => {
    const past = idle("0004", { weight: 100, releases: { blue: null, green: release("G", "0004") } });
    const stack = Stack.settledOn(
      first,
      { ...past, releases: { ...first.releases, green: release("G", "0004") } },
      past,
    );
    assert.match(
      said(stack, { ...past, releases: { ...past.releases, blue: release("A", "0002") } }),
      /blue.schema: found blue's release A \(schema 0002\) can't run past contract 0004 \(drop_name\).*built against 0004 or later/,
    );
  });

  it("is declared with no copies until it can start, or stays as it is", () => {
    const waiting = release("G", "0005", { count: 0 });
    assert.deepEqual(brokenBy(Stack.settledOn(first), idle("0005", { releases: { ...first.releases, green: waiting } })), []); // prettier-ignore
    const broken = idle("0002", { overrides: overrides({ breakIdle: ["0004"] }), weight: 100, releases: { ...first.releases, green: release("G", "0004") } }); // prettier-ignore
    const stack = Stack.settledOn(first, broken);
    assert.deepEqual(brokenBy(stack, broken), [], "blue runs on, broken as was asked for");
    const more = { ...broken, releases: { ...broken.releases, blue: release("A", "0002", { count: 3 }) } };
    assert.deepEqual(brokenBy(stack, more), ["release-can-start"]);
  });
});

describe("a contract that says below which version it breaks releases", () => {
  const renamed: Declared = {
    ...first,
    migrations: [...first.migrations, expand("0003"), expand("0004"), contract("0005", { breaksBelow: "0003" })],
  };

  it("waits for those alone", () => {
    const knows = { ...renamed, releases: { blue: release("A", "0003"), green: null } };
    assert.deepEqual(Stack.settledOn(first).judge({ ...renamed, releases: first.releases }).schema.waits, ["0005 up"]);
    assert.deepEqual(new Stack().judge(knows).schema, { early: ["0005 up"], waits: [] });
  });

  it("is their point of no return alone, half done too", () => {
    const onGreen: Declared = { ...renamed, weight: 100, releases: { blue: null, green: release("B", "0004") } };
    const both = { ...onGreen, releases: { ...first.releases, green: release("B", "0004") } };
    for (const applied of [[], [contract("0005", { breaksBelow: "0003" })]]) {
      const half = applied.length === 0 ? contract("0005", { breaksBelow: "0003" }) : null;
      const stack = Stack.settledOn(first, both).finish(onGreen, {
        applied: [...renamed.migrations.slice(0, 4), ...applied],
        half,
      });
      const onBlue = (schema: string) => ({ ...onGreen, weight: 0, releases: { ...onGreen.releases, blue: release("C", schema) } }); // prettier-ignore
      assert.ok(brokenBy(stack, onBlue("0002")).includes("point-of-no-return"), `half: ${String(half !== null)}`);
      assert.ok(!brokenBy(stack, onBlue("0003")).includes("point-of-no-return"), `half: ${String(half !== null)}`);
    }
  });
});

function assertComplete({ key, found, expected, remedy }: Violation): void {
  for (const part of [key, found, expected, remedy]) {
    assert.ok(part.length > 0 && !/undefined|null|NaN|\[object/.test(part), part);
  }
}
