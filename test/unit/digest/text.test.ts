import assert from "node:assert/strict";
import type { Firing } from "../../../infra/digest/firing";
import { formsOf } from "../../../infra/digest/publish";
import { messageOf, type Fired } from "../../../infra/digest/text";

const at = (text: string): number => Date.parse(`${text}Z`);
const day = { from: at("2026-01-30T08:00"), to: at("2026-01-31T08:00") };
const minute = 60_000;
const base = "switchyard-production-east"; // 26 characters, the most that a stack may have

const once: Firing = { times: 1, first: at("2026-01-30T10:00"), last: at("2026-01-30T10:00"), together: 5 * minute, end: "over" }; // prettier-ignore
const often: Firing = { times: 3, first: at("2026-01-30T09:14"), last: at("2026-01-30T23:50"), together: 85 * minute, end: "fires" }; // prettier-ignore
const fired = (name: string, firing: Firing, description?: string): Fired => ({
  ...{ name: `${base}-${name}`, firing },
  ...(description !== undefined && { description }),
});

describe("the digest of a day", () => {
  it("says of each alarm how often, how long, when first and last, what it means and where its runbook is", () => {
    const slow = "A query took longer than 1000 ms (low). What to do: docs/alarms.md#slow-queries. Missing figures: there is a figure only when something happened."; // prettier-ignore
    const { subject, text } = messageOf(base, day, [fired("once", once), fired("slow-queries", often, slow)]);
    assert.equal(subject, `${base}: 2 low alarms fired, 1 still firing`);
    assert.equal(
      text,
      `Alarms of severity low of ${base} that fired from 2026-01-30 08:00 to 2026-01-31 08:00 (UTC):

${base}-slow-queries fired 3 times, the first at 2026-01-30 09:14, the last at 2026-01-30 23:50: for 1 h 25 min together. It fires still.
  A query took longer than 1000 ms (low). What to do: docs/alarms.md#slow-queries.

${base}-once fired once, at 2026-01-30 10:00: for 5 min. It is over.`,
    );
  });

  it("says so of one that has fired since before the day, of one that began again, and of one that was taken away", () => {
    const since = { since: at("2026-01-29T22:10") };
    const says = (firing: Firing) => messageOf(base, day, [fired("x", firing)]).text.split(`${base}-x `)[1];
    assert.equal(says({ times: 0, already: since, together: 1440 * minute, end: "fires" }), "had fired since 2026-01-29 22:10: for 24 h of that time. It fires still."); // prettier-ignore
    assert.equal(says({ ...once, already: {}, together: 40_000 }), "had fired since before CloudWatch's history begins, and began again once, at 2026-01-30 10:00: for less than a minute together of that time. It is over."); // prettier-ignore
    assert.match(says({ ...once, end: "gone" }) ?? "", /The alarm itself was taken away since\.$/);
  });

  it("has those first that fire still, and then those that fired longest", () => {
    const long = { ...once, together: 700 * minute };
    const { text } = messageOf(base, day, [fired("short", once), fired("long", long), fired("still", often)]);
    assert.deepEqual([...text.matchAll(/^\S+-(short|long|still)/gm)].map(([, name]) => name), ["still", "long", "short"]); // prettier-ignore
  });

  it("has a subject that SNS takes, whatever the stack is called and however much fired", () => {
    const { subject } = messageOf(
      base,
      day,
      Array.from({ length: 99_999 }, () => fired("x", often)),
    );
    assert.match(subject, /^[A-Za-z0-9][ -~]{0,98}$/);
    assert.match(messageOf(base, day, [fired("x", once)]).subject, /: 1 low alarm fired, 0 still firing$/);
  });

  it("is cut off where SNS or Slack take no more, and says how many are left out", () => {
    const long = '"é\n'.repeat(256);
    const all = Array.from({ length: 2_000 }, (_, i) => fired(`alarm-${i}`, often, long));
    const message = messageOf(base, day, all);
    const forms = formsOf(message);
    assert.ok(Buffer.byteLength(JSON.stringify(forms)) < 262_144);
    const told = (text: string) => (text.match(/-alarm-\d+ fired/g) ?? []).length;
    const leftOut = (text: string) => Number(/(\d+) more, for which there is no room here: see the alarms of \S+ in CloudWatch\.$/.exec(text)?.[1]); // prettier-ignore
    assert.ok(Buffer.byteLength(message.text) <= 100_000 && told(message.text) > 50);
    assert.ok(message.short.length <= 3_000 && told(message.short) >= 1);
    for (const text of [message.text, message.short]) assert.equal(told(text) + leftOut(text), 2_000);
  });

  it("is in the form that AWS Chatbot shows for who comes by HTTPS, and a line for a telephone", () => {
    const message = messageOf(base, day, [fired("once", once)]);
    const { https, sms, default: text } = formsOf(message);
    assert.deepEqual(JSON.parse(https), {
      ...{ version: "1.0", source: "custom" },
      content: { textType: "client-markdown", title: message.subject, description: message.short },
    });
    assert.deepEqual([sms, text], [message.subject, message.text]);
  });
});
