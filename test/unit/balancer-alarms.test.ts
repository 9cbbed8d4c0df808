import assert from "node:assert/strict";
import { alarmLimits, alarmsOf, Recent } from "../../infra/platform/local/balancer/alarms";

/** A minute, in ms. */
const minute = 60_000;

describe("alarms of the local balancer", () => {
  let now = 0;
  const target = () => new Recent(() => now);
  const does = (recent: Recent, requests: number, { failed = 0, slow = 0 } = {}) => {
    for (let i = 0; i < requests; i += 1) {
      recent.answered(i < slow ? 1.5 : 0.1);
      recent.ended(i < failed);
    }
  };
  const firing = (...targets: Recent[]) =>
    Object.entries(alarmsOf("green", targets)).flatMap(([name, fires]) => (fires ? [name] : []));
  beforeEach(() => (now = 1_000_000));

  it("fire above 5 % of errors, or of requests over 1 s, and not at 5 %", () => {
    const [atLimit, failing, slow] = [target(), target(), target()];
    does(atLimit, 200, { failed: 10, slow: 10 });
    does(failing, 200, { failed: 11 });
    does(slow, 200, { slow: 11 });
    assert.deepEqual(firing(atLimit), []);
    assert.deepEqual(firing(failing), ["green-error-rate"]);
    assert.deepEqual(firing(slow), ["green-p95"]);
  });

  it("fire no more once what they saw is 5 minutes ago, or 10 for latency", () => {
    const bad = target();
    does(bad, 200, { failed: 200, slow: 200 });
    now += 4 * minute;
    assert.deepEqual(firing(bad), ["green-error-rate", "green-p95"]);
    now += 1.5 * minute;
    assert.deepEqual(firing(bad), ["green-p95"]);
    now += 5 * minute;
    assert.deepEqual(firing(bad), []);
  });

  it("say nothing of fewer requests than they need, and count those of all copies", () => {
    const [one, other] = [target(), target()];
    does(one, alarmLimits.minRequests - 1, { failed: 99 });
    assert.deepEqual(firing(one), []);
    does(other, 1);
    assert.deepEqual(firing(one, other), ["green-error-rate"]);
    assert.deepEqual(firing(), []);
  });

  it("keep no more than their windows need, however long a target runs", () => {
    const steady = target();
    for (let i = 0; i < 2_000; i += 1) {
      does(steady, 1);
      now += 5_000;
    }
    assert.equal(steady.within(Infinity).ended, 121);
  });
});
