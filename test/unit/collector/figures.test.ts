import assert from "node:assert/strict";
import { metricLines } from "../../../infra/collector/emf";
import { callsBetween, figuresOf, units } from "../../../infra/collector/figures";
import { isStale } from "../../../infra/collector/freshness";
import type { Reading, Statement } from "../../../infra/collector/reading";

const noon = Date.parse("2026-01-31T12:00:00Z");
const reading = (more: Partial<Reading> = {}): Reading => ({
  ...{ at: noon, statements: [], waits: { waiting: 0, longest: 0 }, roles: [], connections: { used: 1, most: 100 } },
  ...{ transactions: { commits: 0, rollbacks: 0, deadlocks: 0 }, oldestTransaction: 0, retained: 0, age: 0, dead: 0 },
  views: [],
  ...more,
});
const statement = (key: string, times: number[]): Statement => ({
  ...{ key, calls: times.length },
  total: times.reduce((sum, ms) => sum + ms, 0),
  squares: times.reduce((sum, ms) => sum + ms ** 2, 0),
});
const valueOf = (before: Reading | undefined, after: Reading, name: string) =>
  figuresOf(before, after).find((each) => each.name === name)?.value;

describe("figures of the time between two readings", () => {
  it("are exact in calls, mean and variance of what was called in between, and of nothing else", () => {
    const old = Array<number>(1_000_000).fill(3);
    const before = [statement("a", old), statement("b", [7])];
    const after = [statement("a", [...old, 10, 20, 30]), statement("b", [7]), statement("c", [5, 5])];
    const [a, c, ...others] = callsBetween(before, after);
    assert.equal(others.length, 0);
    assert.ok(a);
    assert.equal(a.calls, 3);
    assert.ok(Math.abs(a.mean - 20) < 1e-6 && Math.abs(a.variance - 200 / 3) < 1e-3, JSON.stringify(a));
    assert.deepEqual(c, { calls: 2, mean: 5, variance: 0 });
  });

  it("count what was reset in between from nothing", () => {
    assert.deepEqual(callsBetween([statement("a", [1, 1, 1])], [statement("a", [4, 4])]), [
      { calls: 2, mean: 4, variance: 0 },
    ]);
    const counted = (commits: number, deadlocks: number) =>
      reading({ transactions: { commits, rollbacks: 0, deadlocks } });
    assert.equal(valueOf(counted(900, 5), counted(10, 1), "DeadlocksBroken"), 1);
  });

  it("have no p95 of fewer than 20 calls, and none of what happened before the first reading", () => {
    const of = (calls: number) => reading({ statements: [statement("a", Array<number>(calls).fill(9))] });
    assert.equal(valueOf(reading(), of(19), "QueryP95"), undefined);
    assert.equal(valueOf(reading(), of(19), "Queries"), 19);
    assert.ok(Math.abs((valueOf(reading(), of(20), "QueryP95") ?? 0) - 9) < 0.01);
    assert.equal(valueOf(undefined, of(20), "Queries"), undefined);
    assert.equal(valueOf(undefined, of(20), "Collected"), 1);
  });

  it("are a share of each role's own limit, and leave out a role without one", () => {
    const roles = [
      { role: "pages_app_blue", most: 50, used: 41 },
      { role: "pages_owner", most: -1, used: 3 },
    ];
    const shares = figuresOf(undefined, reading({ roles })).filter(({ name }) => name === "ConnectionsUsed");
    assert.deepEqual(shares, [{ name: "ConnectionsUsed", role: "pages_app_blue", value: 82 }]);
  });

  it("have a unit each, and are metrics of one line for the database and one a role", () => {
    const roles = [{ role: "pages_app_blue", most: 50, used: 5 }];
    const figures = figuresOf(reading(), reading({ roles, transactions: { commits: 3, rollbacks: 1, deadlocks: 0 } }));
    const lines = metricLines("Switchyard/x", noon, figures).map((line) => JSON.parse(line) as Line);
    assert.deepEqual(
      lines.map(({ _aws }) => _aws.CloudWatchMetrics[0]?.Dimensions),
      [[[]], [["Role"]]],
    );
    assert.equal(lines[1]?.Role, "pages_app_blue");
    assert.equal(lines[0]?.Rollbacks, 25);
    for (const { _aws, ...values } of lines)
      for (const { Name, Unit } of _aws.CloudWatchMetrics[0]?.Metrics ?? []) {
        assert.equal(typeof values[Name], "number");
        assert.equal(Unit, units[Name as keyof typeof units]);
      }
  });
});

interface Line extends Record<string, unknown> {
  _aws: { CloudWatchMetrics: { Dimensions: string[][]; Metrics: { Name: string; Unit: string }[] }[] };
}

describe("a materialised view", () => {
  const stale = (comment: string) => isStale({ name: "popular_pages", comment }, noon);

  it("is stale when it was refreshed longer ago than its comment allows, in whatever zone PostgreSQL wrote that", () => {
    for (const zone of ["10:30:00.123456+00", "16:00:00+05:30", "05:30:00-05", "10:30:00Z", "12:30:00+0200"]) {
      assert.equal(stale(`Most read. fresh for 2 hours; refreshed 2026-01-31 ${zone}`), false, zone);
      assert.equal(stale(`fresh for 1 hour; refreshed 2026-01-31 ${zone}`), true, zone);
    }
    assert.equal(stale("fresh for 90 minutes; refreshed 2026-01-31 10:30:00+00"), false);
    assert.equal(stale("fresh for 1 day; refreshed 2026-01-30 11:59:59+00"), true);
  });

  it("is stale when its comment means to say so, and can't be read", () => {
    for (const wrong of [
      "fresh for 2h; refreshed 2026-01-31 10:30:00+00",
      "fresh for 1 hour",
      "fresh for 1 hour; refreshed 31/01/2026 10:30:00 UTC",
    ])
      // prettier-ignore
      assert.equal(stale(wrong), true, wrong);
  });

  it("is of no account when its comment says nothing", () => {
    for (const other of ["Most read pages", "refreshed now and then", ""]) assert.equal(stale(other), false, other);
  });
});
