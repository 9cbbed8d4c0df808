import assert from "node:assert/strict";
import { dayOf } from "../../../infra/digest/day";
import { firingIn, gone, type Change } from "../../../infra/digest/firing";

const at = (text: string): number => Date.parse(`${text}Z`);
const day = { from: at("2026-01-30T08:00"), to: at("2026-01-31T08:00") };
const minute = 60_000;

const begins = (when: string): Change => ({ at: at(when), from: "OK", to: "ALARM" });
const ends = (when: string): Change => ({ at: at(when), from: "ALARM", to: "OK" });

describe("the day that a digest is about", () => {
  const now = at("2026-01-31T08:00:20");

  it("is the 24 hours before the time that its event was scheduled for, however late it is called", () => {
    for (const late of [0, 20_000, 5 * 3_600_000])
      assert.deepEqual(dayOf({ time: "2026-01-31T08:00:00Z" }, day.to + late), day);
    assert.deepEqual(dayOf({ time: "2026-01-31T09:00:00+01:00" }, now), day);
  });

  it("follows on the day before without a gap, and without a moment that is in both", () => {
    const next = dayOf({ time: "2026-02-01T08:00:00Z" }, at("2026-02-01T08:00"));
    assert.equal(next.from, day.to);
    assert.equal(firingIn(day, { changes: [begins("2026-01-31T08:00")], now: { state: "ALARM" } }), undefined);
    const found = firingIn(next, { changes: [begins("2026-01-31T08:00")], now: { state: "ALARM" } });
    assert.deepEqual([found?.times, found?.already], [1, undefined]);
  });

  it("is refused where it isn't over, where CloudWatch has forgotten it, and where nobody can tell which one is meant", () => {
    assert.throws(() => dayOf({ time: "2026-01-31T08:02:00Z" }, now), /expected a time that is over: it is 2026-01-31T08:00:20/); // prettier-ignore
    assert.throws(() => dayOf({ time: "2026-01-01T08:00:00Z" }, now), /expected a time of the last 29 days/);
    for (const event of [{}, null, undefined, { time: 5 }, { time: "2026-01-31" }, { time: "2026-01-31T08:00:00" }, { time: "<aws.scheduler.scheduled-time>" }]) // prettier-ignore
      assert.throws(() => dayOf(event, now), /^Error: found .*, expected an event with the time at which the day ended, such as \{"time":"2026-01-31T08:00:00Z"\}$/); // prettier-ignore
  });
});

describe("how an alarm fired in a day", () => {
  it("counts each time that it began, and adds up how long it fired, in whatever order its history comes", () => {
    const changes = [ends("2026-01-30T12:30"), begins("2026-01-30T10:00"), ends("2026-01-30T10:05"), begins("2026-01-30T12:00")]; // prettier-ignore
    const expected = {
      ...{ times: 2, first: at("2026-01-30T10:00"), last: at("2026-01-30T12:00") },
      ...{ together: 35 * minute, end: "over" },
    };
    assert.deepEqual(firingIn(day, { changes, now: { state: "OK" } }), expected);
  });

  it("that fires over midnight fires on, and that fires over the end of its day is told on both days, none of it twice", () => {
    const changes = [begins("2026-01-30T23:50"), ends("2026-01-31T00:10"), begins("2026-01-31T07:30"), ends("2026-01-31T09:00")]; // prettier-ignore
    const first = firingIn(day, { changes, now: { state: "OK" } });
    assert.deepEqual([first?.times, first?.together, first?.end], [2, 50 * minute, "fires"]);
    const next = { from: day.to, to: day.to + 24 * 60 * minute };
    const second = firingIn(next, {
      changes: changes.filter((change) => change.at >= next.from),
      before: begins("2026-01-31T07:30"),
      now: { state: "OK" },
    });
    assert.deepEqual(second, {
      times: 0,
      already: { since: at("2026-01-31T07:30") },
      ...{ together: 60 * minute, end: "over" },
    });
  });

  it("that has fired since long before says since when: by its history, or by CloudWatch where that has ended", () => {
    const all = { times: 0, together: 24 * 60 * minute, end: "fires" };
    const since = at("2026-01-10T08:00");
    const now = { state: "ALARM", since };
    assert.deepEqual(firingIn(day, { changes: [], now }), { ...all, already: { since } });
    const before = begins("2026-01-29T08:00");
    assert.deepEqual(firingIn(day, { changes: [], before, now: { state: "ALARM" } }), { ...all, already: { since: before.at } }); // prettier-ignore
    assert.deepEqual(firingIn(day, { changes: [], now: { state: "ALARM" } }), { ...all, already: {} });
    // What CloudWatch says is of the time that came after.
    const late = { state: "ALARM", since: at("2026-01-30T20:00") };
    const found = firingIn(day, { changes: [ends("2026-01-30T19:00"), begins("2026-01-30T20:00")], now: late });
    assert.deepEqual(found?.already, {});
  });

  it("that was quiet then is not told of, though it fires by now", () => {
    assert.equal(firingIn(day, { changes: [], now: { state: "OK" } }), undefined);
    assert.equal(firingIn(day, { changes: [begins("2026-01-31T09:00")], now: { state: "ALARM" } }), undefined);
    assert.equal(firingIn(day, { changes: [{ at: day.from, from: "INSUFFICIENT_DATA", to: "OK" }] }), undefined);
  });

  it("that was taken away fired until then, and one that was made anew in its place begins quietly", () => {
    const taken: Change = { at: at("2026-01-30T11:00"), to: gone };
    const fired = firingIn(day, { changes: [begins("2026-01-30T10:00"), taken] });
    assert.deepEqual([fired?.together, fired?.end], [60 * minute, "gone"]);
    const already = firingIn(day, { changes: [taken], before: begins("2026-01-29T10:00") });
    assert.deepEqual([already?.already, already?.together], [{ since: at("2026-01-29T10:00") }, 180 * minute]);
    const anew: Change = { at: at("2026-01-30T11:02"), from: "INSUFFICIENT_DATA", to: "OK" };
    const found = firingIn(day, { changes: [begins("2026-01-30T10:00"), taken, anew], now: { state: "OK" } });
    assert.deepEqual([found?.times, found?.together, found?.end], [1, 60 * minute, "over"]);
    assert.equal(firingIn(day, { changes: [taken], before: ends("2026-01-29T10:00") }), undefined);
  });
});
