import assert from "node:assert/strict";
import { compareVersions, versionKey } from "../../../infra/config/version";
import { firstMissing } from "../../../infra/rollout/compatibility";
import { nameOf } from "../../../infra/rollout/names";
import { stepsTo } from "../../../infra/rollout/schema-steps";
import type { State } from "../../../infra/rollout/types";
import { expand, first, release } from "./given";

/** Times with milliseconds: as doubles, these two are one number. */
const [older, newer] = ["20260131080000001", "20260131080000002"] as const;

describe("versions of migrations", () => {
  it("compare as numbers, whatever zeros are before them", () => {
    assert.ok(compareVersions("9", "0010") < 0);
    assert.ok(compareVersions("0100", "20") > 0);
    assert.equal(compareVersions("4", "0004"), 0);
    assert.equal(versionKey("0000"), "0");
  });

  it("are told apart beyond what a double holds", () => {
    assert.equal(Number(older), Number(newer), "the premise");
    assert.ok(compareVersions(older, newer) < 0);
    const state: State = {
      weight: { low: 0, high: 0 },
      releases: { blue: null, green: null },
      applied: [expand(older)],
      half: null,
      scars: [],
      wiring: first.wiring,
    };
    const steps = stepsTo({ migrateTo: "latest", migrations: [expand(older), expand(newer)] }, state);
    assert.deepEqual(steps.map(nameOf), [`${newer} up`]);
    assert.equal(firstMissing(release("A", newer), state, [expand(older), expand(newer)]), newer);
  });
});
