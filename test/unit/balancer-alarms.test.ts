import assert from "node:assert/strict";
import { milliseconds } from "../../infra/config";
import { usualAlarms } from "../../infra/config/sections/alarms";
import { colourAlarms as onAws } from "../../infra/platform/aws/alarms/colour-table";
import { sharedAlarms } from "../../infra/platform/aws/alarms/shared-table";
import type { AlarmSpec } from "../../infra/platform/aws/alarms/spec";
import {
  colourAlarms,
  ownAlarms,
  windows,
  type Alarm,
  type SeenColour,
} from "../../infra/platform/local/balancer/alarms";
import type { AlarmLimits } from "../../infra/platform/local/balancer/api";
import { Reported } from "../../infra/platform/local/balancer/reported";
import { Recent } from "../../infra/platform/local/balancer/recent";

/** A minute, in ms. */
const minute = 60_000;
/** Those that fire. */
const names = (alarms: readonly Alarm[]) => alarms.flatMap(({ name, fires }) => (fires ? [name] : []));

describe("what the local balancer is told of the database", () => {
  it("is shown as told, until five reports in a row are missing; then that is all there is, and it is over with the next one", () => {
    let now = 0;
    const reported = new Reported(() => now);
    const report = { everyMs: minute, alarms: [{ name: "stale-views", severity: "medium", fires: true } as const], figures: [{ name: "DeadRows", value: 3 }] }; // prettier-ignore
    now += 60 * minute;
    assert.deepEqual(names(reported.alarms), []);
    for (const round of [1, 2]) {
      reported.take(report);
      now += 5 * minute;
      assert.deepEqual(names(reported.alarms), ["stale-views"], `round ${round}`);
      assert.equal(reported.figures.length, 1);
      now += 1;
      assert.deepEqual(reported.alarms, [{ name: "collector-silent", severity: "high", fires: true }]);
      assert.deepEqual(reported.figures, []);
    }
    reported.forget();
    assert.deepEqual(reported.alarms, []);
  });
});

describe("alarms of the local balancer", () => {
  let now = 0;
  let limits: AlarmLimits = usualAlarms;
  const recent = () => new Recent({ limits: () => limits, now: () => now }, windows.p95);
  const does = (target: Recent, requests: number, { failed = 0, slow = 0, seconds = 1.5 } = {}) => {
    for (let i = 0; i < requests; i += 1) {
      target.answered(i < slow ? seconds : 0.1);
      target.ended(i < failed);
    }
  };
  const green = (more: Partial<SeenColour> = {}): SeenColour => ({
    ...{ colour: "green", targets: [], live: true, withoutHealthy: 0 },
    ...more,
  });
  const firing = (...targets: Recent[]) => names(colourAlarms(green({ targets }), limits));
  const own = (target: Recent, tags = {}, sinceTagged = 0) =>
    names(ownAlarms({ recent: target, tags, sinceTagged }, limits));
  beforeEach(() => {
    now = 1_000_000;
    limits = usualAlarms;
  });

  it("fire above 1 % and 5 % of errors, and not at them", () => {
    const with_ = (failed: number) => {
      const target = recent();
      does(target, 1_000, { failed });
      return firing(target);
    };
    assert.deepEqual(with_(10), []);
    assert.deepEqual(with_(11), ["green-error-rate-high"]);
    assert.deepEqual(with_(50), ["green-error-rate-high"]);
    assert.deepEqual(with_(51), ["green-error-rate-high", "green-error-rate-critical"]);
  });

  it("fire when more than 5 of 100 requests take longer than 500 ms, or than 1 s", () => {
    const with_ = (slow: number, seconds: number) => {
      const target = recent();
      does(target, 1_000, { slow, seconds });
      return firing(target);
    };
    assert.deepEqual(with_(50, 2), []);
    assert.deepEqual(with_(51, 0.5), []);
    assert.deepEqual(with_(51, 0.501), ["green-p95-high"]);
    assert.deepEqual(with_(51, 1), ["green-p95-high"]);
    assert.deepEqual(with_(51, 1.001), ["green-p95-high", "green-p95-critical"]);
  });

  it("fire no more once what they saw is 5 minutes ago, or 10 for latency", () => {
    const bad = recent();
    does(bad, 200, { failed: 200, slow: 200 });
    now += 4 * minute;
    const errors = ["green-error-rate-high", "green-error-rate-critical"];
    const latency = ["green-p95-high", "green-p95-critical"];
    assert.deepEqual(firing(bad), [...errors, ...latency]);
    now += 1.5 * minute;
    assert.deepEqual(firing(bad), latency);
    now += 5 * minute;
    assert.deepEqual(firing(bad), []);
  });

  it("say nothing of fewer requests than they need, and count those of all copies", () => {
    const [one, other] = [recent(), recent()];
    does(one, usualAlarms.minRequests - 1, { failed: 99 });
    assert.deepEqual(firing(one), []);
    does(other, 1);
    assert.deepEqual(firing(one, other), ["green-error-rate-high", "green-error-rate-critical"]);
    assert.deepEqual(firing(), []);
  });

  it("go by the limits of config, from when they are told of", () => {
    const target = recent();
    does(target, 50, { failed: 2, slow: 10, seconds: 0.3 });
    assert.deepEqual(firing(target), []);
    limits = { errorRate: { high: 0.02, critical: 0.05 }, minRequests: 20, p95: { high: milliseconds(200), critical: milliseconds(400) } }; // prettier-ignore
    // Nobody knows how many of those took longer than 200 ms.
    assert.deepEqual(firing(target), ["green-error-rate-high"]);
    does(target, 30, { slow: 2, seconds: 0.3 });
    assert.deepEqual(firing(target), ["green-error-rate-high", "green-p95-high"]);
    limits = { ...limits, p95: usualAlarms.p95 };
    assert.deepEqual(firing(target), ["green-error-rate-high"]);
  });

  it("fire for a colour without a healthy copy for 3 minutes: critical with traffic, else medium, and never once it is retired", () => {
    const healthy = (more: Partial<SeenColour>) =>
      colourAlarms(green({ ...more }), limits).find(({ name }) => name === "green-healthy");
    const copies = { targets: [recent()] };
    assert.deepEqual(healthy({ withoutHealthy: 3 * minute - 1 }), { name: "green-healthy", severity: "critical", fires: false }); // prettier-ignore
    assert.deepEqual(healthy({ withoutHealthy: 3 * minute }), { name: "green-healthy", severity: "critical", fires: true }); // prettier-ignore
    assert.deepEqual(healthy({ ...copies, live: false, withoutHealthy: 9 * minute }), { name: "green-healthy", severity: "medium", fires: true }); // prettier-ignore
    assert.equal(healthy({ live: false, withoutHealthy: 9 * minute }), undefined);
  });

  it("fire for what the balancer refused itself, above 1 % and 5 % of 100 requests in 5 minutes, and no more after them", () => {
    const refuses = (requests: number, failed: number) => {
      const target = recent();
      does(target, requests, { failed });
      return target;
    };
    assert.deepEqual(own(refuses(1_000, 10)), []);
    assert.deepEqual(own(refuses(1_000, 11)), ["balancer-errors-high"]);
    assert.deepEqual(own(refuses(99, 99)), []);
    const all = refuses(100, 100);
    assert.deepEqual(own(all), ["balancer-errors-high", "balancer-errors-critical"]);
    now += 5 * minute + 5_000;
    assert.deepEqual(own(all), []);
  });

  it("fire for a walk whose tags nobody has written for 2 minutes, and for no other listener", () => {
    const walk = { "switchyard-walk": "attempt@2026-01-01T00:00:00.000Z" };
    assert.deepEqual(own(recent(), walk, 2 * minute - 1), []);
    assert.deepEqual(own(recent(), walk, 2 * minute), ["walk-lost"]);
    assert.deepEqual(own(recent(), { team: "pages" }, 60 * minute), []);
  });

  it("keep no more than their windows need, however long a target runs", () => {
    const steady = recent();
    for (let i = 0; i < 2_000; i += 1) {
      does(steady, 1);
      now += 5_000;
    }
    assert.equal(steady.within(Infinity).ended, 121);
  });

  it("are those of a stack on AWS, by name, severity and how far they look back", () => {
    const settings = {
      ...usualAlarms,
      ...{ cpu: { high: 70, critical: 80 }, memory: { high: 80, critical: 90 } },
      ...{ diskLatency: milliseconds(20), freeStorage: 10, anomalyWidth: 3 },
    };
    const of = { loadBalancer: "", targetGroup: "", cluster: "", service: "", namespace: "" };
    const shared = { loadBalancer: "", instance: "", memory: undefined, storage: 0, maxConnections: 1 };
    const seconds = ({ period, periods, beyond = periods }: AlarmSpec) => period * beyond;
    for (const live of [true, false]) {
      const there = [...onAws(settings, { ...of, colour: "green", live, runs: true }).all, ...sharedAlarms(settings, shared)]; // prettier-ignore
      const here = [
        ...colourAlarms(green({ live, targets: [recent()] }), limits),
        ...ownAlarms({ recent: recent(), tags: {}, sinceTagged: 0 }, limits),
      ];
      const kind = (name: string) =>
        name.replace(/^green-/, "").replace(/-(high|critical)$/, "") as keyof typeof windows;
      assert.deepEqual(
        here.map(({ name, severity }) => [name, severity, windows[kind(name)] / 1_000]),
        there.filter(({ name }) => kind(name) in windows).map((spec) => [spec.name, spec.severity, seconds(spec)]),
      );
      // What the collector has of them, and what one machine has no figure of (docs/alarms.md).
      const missing = there.map(({ name }) => kind(name)).filter((name) => !(name in windows));
      assert.deepEqual(
        [...new Set(missing)],
        ["cpu", "memory", "pool-exhausted", "balancer-rejected", "request-rate", "database-cpu", "database-storage", "database-connections", "database-disk"], // prettier-ignore
      );
    }
  });
});
