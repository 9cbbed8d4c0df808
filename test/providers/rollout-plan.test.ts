import assert from "node:assert/strict";
import { inEnginesForm } from "../../infra/providers/engine-form";
import { unknownValue } from "../../infra/providers/contract";
import { provider } from "../../infra/providers/rollout-plan/provider";
import type { RolloutPlanInputs, RolloutPlanState } from "../../infra/providers/rollout-plan/resource";
import { settle } from "../../infra/rollout/settle";
import type { Declared, Settled } from "../../infra/rollout/types";
import { expand, first, release } from "../unit/rollout/given";

const engines = inEnginesForm(provider);

/** What the engine's call of `check` gives: the inputs completed, or why they are refused. */
async function check(news: RolloutPlanInputs, olds: object = {}) {
  const checked = await engines.check(olds, news);
  const inputs = checked.inputs as RolloutPlanState;
  return { inputs, reasons: (checked.failures ?? []).map(({ reason }) => reason) };
}

/** One `up` as the engine drives it: check, diff, then create or update; its outputs, or why it was refused. */
async function begin(news: RolloutPlanInputs, olds?: RolloutPlanState) {
  const { inputs, reasons } = await check(news, olds);
  if (reasons.length > 0) return { reasons, changes: false, state: olds };
  const { changes } = olds === undefined ? { changes: true } : await engines.diff("rollout", olds, inputs);
  if (!changes) return { reasons, changes, state: olds };
  const done = olds === undefined ? await engines.create(inputs) : await engines.update("rollout", olds, inputs);
  return { reasons, changes: true, state: done.outs as RolloutPlanState };
}

/** What an `up` leaves that finishes as declared. */
function finish(state: RolloutPlanState | undefined, before?: Settled): Settled {
  const attempt = state?.attempts.at(-1);
  assert.ok(state !== undefined && attempt !== undefined);
  const { weight, releases, wiring, migrations } = attempt.declared;
  const facts = { weight, releases, wiring, applied: migrations, half: null, scars: [] };
  return settle({ settled: before, attempts: state.attempts.slice(0, -1) }, attempt, facts);
}

const withGreen: Declared = { ...first, releases: { ...first.releases, green: release("B", "0002") } };

describe("RolloutPlan", () => {
  it("remembers an up before it does anything, and says so at preview already", async () => {
    const { inputs } = await check({ declared: first });
    const { attempts, decision } = inputs;
    const [attempt] = attempts;
    assert.ok(attempt !== undefined);
    assert.deepEqual(attempt.declared, first);
    assert.match(attempt.id, /^1-[0-9a-f]{8}$/);
    assert.deepEqual(decision.refused, []);
  });

  it("refuses with every broken rule at once, each with its key and what to do instead", async () => {
    const declared = { ...first, weight: 50, migrateTo: "0001" };
    const { reasons } = await begin({ declared });
    assert.ok(reasons.length >= 2, reasons.join("\n"));
    for (const reason of reasons) assert.match(reason, /^[\w.]+: found .+; expected .+\. Instead, .+/);
  });

  it("is unchanged by an up that changes nothing, and by what settled since", async () => {
    const one = await begin({ declared: first });
    const again = await begin({ declared: first, settled: finish(one.state) }, one.state);
    assert.equal(again.changes, false);
  });

  it("is unchanged once a restore that was asked for has settled", async () => {
    const id = "2026-01-31T08-00-00.000Z-1a2b3c4d";
    const asked = { ...first, overrides: { ...first.overrides, restore: id } };
    const one = await begin({ declared: asked });
    const settled = { ...finish(one.state), restored: id };
    assert.equal((await begin({ declared: first, settled }, one.state)).changes, false);
    // It was gone back from since, or what it had replaced was given up.
    assert.equal((await begin({ declared: first, settled: finish(one.state) }, one.state)).changes, false);
    // It was left out of an `up --target`, and is still asked for.
    assert.equal((await begin({ declared: asked, settled: finish(one.state) }, one.state)).changes, true);
  });

  it("keeps every attempt until one settles, also after two failed ups in a row", async () => {
    const one = await begin({ declared: first });
    const settled = finish(one.state);
    const two = await begin({ declared: withGreen, settled }, one.state);
    const three = await begin({ declared: { ...withGreen, weight: 100 }, settled }, two.state);
    assert.deepEqual(
      three.state?.attempts.map(({ declared: { weight }, id }) => [weight, Number.parseInt(id, 10)]),
      [
        [0, 1],
        [0, 2],
        [100, 3],
      ],
    );
    const last = finish(three.state, settled);
    const four = await begin({ declared: withGreen, settled: last }, three.state);
    assert.deepEqual([four.state?.attempts.length, four.state?.attempts[0]?.id], [2, last.id]);
  });

  it("lets a reverted commit return its traffic and holds the rest of it", async () => {
    const one = await begin({ declared: withGreen });
    const settled = finish(one.state);
    const two = await begin({ declared: { ...withGreen, weight: 100 }, settled }, one.state);
    const reverted: Declared = { ...withGreen, migrateTo: "0001", releases: { ...withGreen.releases, green: null } };
    const three = await begin({ declared: reverted, settled }, two.state);
    assert.deepEqual(three.reasons, [], "a return is never refused for what comes later");
    assert.ok((three.state?.decision.held.length ?? 0) > 0 && three.state?.decision.stopsBefore !== undefined);
  });

  it("gives the ups of different commits different ids, and the same one the same id", async () => {
    const ids = await Promise.all(
      [first, withGreen, first].map(async (declared) => (await begin({ declared })).state?.attempts[0]?.id),
    );
    assert.equal(ids[0], ids[2]);
    assert.notEqual(ids[0], ids[1]);
  });

  it("judges nothing from what is not known, and says so", async () => {
    const { reasons } = await begin({ declared: { ...first, weight: unknownValue as unknown as number } });
    assert.match(reasons.join(), /not known/);
  });

  it("judges a new migration from what settled, not from what was only attempted", async () => {
    const one = await begin({ declared: first });
    const more = { ...first, migrations: [...first.migrations, expand("0003")] };
    const two = await begin({ declared: more, settled: finish(one.state) }, one.state);
    assert.deepEqual(two.state?.decision.leaves, [["0001", "0002", "0003"]]);
  });

  it("begins no change that has to be confirmed, and remembers none; its digest is known at preview", async () => {
    const one = await begin({ declared: first, confirm: { preview: true } });
    const settled = finish(one.state);
    const { inputs } = await check({ declared: withGreen, settled, confirm: { preview: true } }, one.state);
    const { digest = "", asks, since } = inputs.change ?? {};
    assert.deepEqual([asks, since], [true, settled.id]);
    const refused = await begin({ declared: withGreen, settled, confirm: { preview: false } }, one.state);
    assert.match(refused.reasons.join(), new RegExp(`SWITCHYARD_CONFIRM: found nothing; expected ${digest}`));
    const confirmed = await begin({ declared: withGreen, settled, confirm: { preview: false, given: digest } }, one.state); // prettier-ignore
    assert.deepEqual([confirmed.reasons, confirmed.changes], [[], true]);
    const after = finish(confirmed.state, settled);
    const again = await begin({ declared: withGreen, settled: after, confirm: { preview: false } }, confirmed.state);
    assert.deepEqual([again.reasons, again.changes], [[], false]);
  });
});
