import assert from "node:assert/strict";
import { limitsWith, type CollectedAlarm } from "../../../infra/collector/alarms";
import { matches } from "../../../infra/collector/lines";
import { Windows, type Value } from "../../../infra/collector/windows";
import { roleNames } from "../../../infra/database/names";
import { alarmsHere } from "../../../infra/platform/local/collector/alarms";
import { stateOf } from "../../support/metric-maths";

const roles = roleNames("pages");
const alarms = alarmsHere(limitsWith(80), roles);
const named = (name: string): CollectedAlarm => {
  const found = alarms.find((alarm) => alarm.name === name);
  assert.ok(found, name);
  return found;
};
/** Whether it fires after these minutes of its own figure; null is a reading without it. */
function fires(name: string, minutes: readonly (number | null)[]): boolean {
  const alarm = named(name);
  const windows = new Windows([alarm]);
  for (const value of minutes)
    windows.add(value === null ? [] : [{ name: alarm.metric, value, ...(alarm.role !== undefined && { role: alarm.role }) }]); // prettier-ignore
  return windows.firing().length === 1;
}

describe("alarms of the local platform", () => {
  it("fire by the figures, periods and severities of the table", () => {
    const beyond = ({ fires: at }: CollectedAlarm) => ("above" in at ? at.above + 1 : at.below - 1);
    for (const alarm of alarms) {
      const minutes = (alarm.period / 60) * alarm.periods;
      const just = "above" in alarm.fires ? alarm.fires.above : alarm.fires.below;
      const each = alarm.statistic === "Sum" && alarm.period > 60 ? (value: number) => [...Array<null>(minutes - 1).fill(null), value] : (value: number) => Array<number>(minutes).fill(value); // prettier-ignore
      assert.ok(fires(alarm.name, each(beyond(alarm))), `${alarm.name} doesn't fire`);
      assert.ok(!fires(alarm.name, each(just)), `${alarm.name} fires at its figure`);
      const over = [...each(beyond(alarm)), ...each(just)];
      assert.ok(!fires(alarm.name, over), `${alarm.name} goes on when it is over`);
    }
    assert.equal(new Set(alarms.map(({ name }) => name)).size, alarms.length);
  });

  it("come to what CloudWatch comes to, minute by minute", () => {
    const random = [
      0,
      0,
      120,
      null,
      130,
      140,
      150,
      160,
      170,
      null,
      180,
      190,
      200,
      210,
      220,
      90,
      300,
      300,
      300,
      300,
      300,
    ];
    for (let until = 5; until <= random.length; until += 1) {
      const seen = random.slice(0, until);
      const expected = stateOf(seen, (value) => value > 100, { periods: 5, needed: 5, missing: "notBreaching" });
      assert.equal(fires("query-p95", seen), expected === "ALARM", `after ${until} minutes`);
    }
  });

  it("count a sum over its period, and let go of what is older", () => {
    assert.ok(fires("lock-waits", [3, 3, 3, 1, 1]));
    assert.ok(!fires("lock-waits", [3, 3, 3, 1, 0]));
    assert.ok(fires("lock-waits", [0, 0, 11]));
    assert.ok(!fires("lock-waits", [11, 0, 0, 0, 0, 0]));
  });

  it("fire for silence of the collector alone, and not before there was time to speak", () => {
    const nothing = Array<null>(5).fill(null);
    assert.ok(fires("collector-silent", nothing));
    assert.ok(!fires("collector-silent", nothing.slice(1)));
    assert.ok(!fires("collector-silent", [1, null, null, null, null]));
    for (const { name } of alarms) if (name !== "collector-silent") assert.ok(!fires(name, nothing), name);
  });

  it("look at their own role each", () => {
    const windows = new Windows([named("connections-blue"), named("connections-green")]);
    const of = (role: string, value: number): Value => ({ name: "ConnectionsUsed", role, value });
    for (let i = 0; i < 5; i += 1) windows.add([of(roles.blue, 81), of(roles.green, 10)]);
    assert.deepEqual(windows.firing().map(({ name }) => name), ["connections-blue"]); // prettier-ignore
  });

  it("keep no more readings than the longest of them looks at", () => {
    assert.ok(fires("dead-rows", [...Array<number>(200).fill(90), ...Array<number>(60).fill(41)]));
    assert.ok(!fires("dead-rows", [...Array<number>(200).fill(90), ...Array<number>(59).fill(90), 40]));
  });
});

describe("a filter pattern", () => {
  it("takes lines that hold all of its phrases, any of those with ?, and none of those with -", () => {
    assert.ok(matches('"a b" "c"', "c, a b"));
    assert.ok(!matches('"a b" "c"', "a b"));
    assert.ok(!matches('"a" -"b"', "ab"));
    assert.ok(matches('?"x" ?"y"', "y"));
    assert.ok(!matches('?"x" ?"y"', "z"));
  });
});
