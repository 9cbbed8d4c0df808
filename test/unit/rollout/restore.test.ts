import assert from "node:assert/strict";
import { schemaOf, whyNotOn, type Exchange } from "../../../infra/rollout/restore";
import { decide } from "../../../infra/rollout/rules";
import type { Declared } from "../../../infra/rollout/types";
import { contract, expand, first, overrides, release, Stack } from "./given";

const id = "2026-01-31T08-00-00.000Z-1a2b3c4d";
const [one, two, three, four] = [expand("0001"), expand("0002"), contract("0003"), expand("0004")];

/** B runs on all there is, with a contract applied that A would not survive; A is retired. */
const settledAfter = (...more: Declared[]): Stack => {
  const blue = release("A", "0002");
  const migrations = [one, two, three];
  const both: Declared = { ...first, migrations, releases: { blue, green: release("B", "0003") } };
  const shifted: Declared = { ...both, weight: 100 };
  const retired: Declared = { ...shifted, releases: { ...both.releases, blue: { ...blue, count: 0 } } };
  return Stack.settledOn(first, both, shifted, retired, ...more);
};

const asked = (declared: Declared): Declared => ({ ...declared, overrides: overrides({ restore: id }) });

function exchange(stack: Stack, declared: Declared): Exchange {
  const { refused, schema } = decide(stack.memory, declared);
  assert.deepEqual(refused, []);
  return { memory: stack.memory, declared, plan: schema };
}

const lastOf = ({ memory: { settled, attempts } }: Stack): Declared => {
  const declared = attempts.find((each) => each.id === settled?.id)?.declared;
  assert.ok(declared);
  return declared;
};

describe("the schema that a restore brings", () => {
  const stack = settledAfter();
  const before = { ...lastOf(stack), migrateTo: "0002" };

  it("may come where all that runs can run on it, and migrations go on from it", () => {
    assert.deepEqual(
      whyNotOn("it", { applied: [one, two], half: null, scars: [] }, exchange(stack, asked(before))),
      [],
    );
  });

  it("is refused where a release that runs lacks a migration on it, naming both", () => {
    const [reason, ...more] = whyNotOn("it", { applied: [one], half: null, scars: [] }, exchange(stack, asked(before)));
    assert.match(
      reason ?? "",
      /green's release B \(schema 0003\) runs, or may, and can't on it: migration 0002 is not applied there/,
    );
    assert.deepEqual(more, []);
  });

  it("is refused where a contract on it breaks a release that may run since an up that failed", () => {
    const older = settledAfter();
    const started = lastOf(older);
    const again: Declared = {
      ...started,
      migrateTo: "0002",
      releases: { ...started.releases, blue: release("A2", "0002") },
    };
    older.fail(asked(again));
    const reasons = whyNotOn(
      "it",
      { applied: [one, two, three], half: null, scars: [] },
      exchange(older, asked({ ...started, migrateTo: "0002" })),
    );
    assert.match(reasons.join("\n"), /blue's release A2 .* contract 0003 \(drop_name\) is applied there/);
  });

  it("is refused where this very up would drop again what it brings back", () => {
    const reasons = whyNotOn(
      "it",
      { applied: [one, two], half: null, scars: [] },
      exchange(stack, asked(lastOf(stack))),
    );
    assert.match(reasons.join("\n"), /would run contract 0003 \(drop_name\) again.*set migrateTo to "0002"/);
  });

  it("is refused where a migration on it is to be taken back that has no down: the restore excuses what it undoes alone", () => {
    const later = { ...four, hasDown: false };
    const reasons = whyNotOn(
      "it",
      { applied: [one, two, later], half: null, scars: [] },
      exchange(stack, asked(before)),
    );
    assert.match(reasons.join("\n"), /takes back 0004 \(add_title\), which has no down/);
  });

  it("is known from the versions of a manifest, unless nobody knows one of them", () => {
    const given = exchange(stack, asked(before));
    const manifest = { applied: ["0001", "0002"], half: null, scars: ["0003"] };
    assert.deepEqual(schemaOf(manifest, given), { applied: [one, two], half: null, scars: [three] });
    assert.equal(schemaOf({ ...manifest, applied: ["0001", "0009"] }, given), undefined);
  });

  it("may be any schema where nothing runs yet, and migrations go on from it", () => {
    const empty = new Stack();
    const declared: Declared = {
      ...first,
      migrations: [one, two, three],
      releases: { blue: release("B", "0003"), green: null },
    };
    for (const applied of [[], [one], [one, two], [one, two, three]])
      assert.deepEqual(whyNotOn("it", { applied, half: null, scars: [] }, exchange(empty, asked(declared))), []);
  });
});

describe("a restore that has settled", () => {
  it("is nothing that went around the plan, whatever schema its backup has", () => {
    const stack = settledAfter();
    const asLater = { ...lastOf(stack), migrateTo: "0003" };
    const declared = asked(asLater);
    const settled = stack.finish(declared, { applied: [one, two], restored: id });
    assert.deepEqual(decide(settled.memory, asLater).refused, []);
    const other = settledAfter().finish(declared, { applied: [one, two] });
    assert.match(JSON.stringify(decide(other.memory, asLater).refused), /went around the plan/);
  });
});
