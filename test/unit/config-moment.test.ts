import assert from "node:assert/strict";
import { isMoment, momentDigits, utcOf, type Moment } from "../../infra/config/moment";
import { whyNotAt } from "../../infra/platform/aws/point-in-time/window";
import { aws, load, refuses } from "./config-support";

const moment = "2026-01-31T08:00:00+01:00" as Moment;

describe("a moment", () => {
  it("is one to the second, with its zone, on a day that there is", () => {
    for (const good of [moment, "2026-01-31T08:00:00Z", "2024-02-29T23:59:59-11:00"]) assert.ok(isMoment(good), good);
    for (const bad of [
      ...["2026-01-31", "2026-01-31T08:00:00", "2026-01-31T08:00Z", "2026-01-31T08:00:00.5Z", "2026-02-29T08:00:00Z"],
      ...["2026-01-31 08:00:00Z", "2026-01-31T25:00:00Z", "yesterday", "", 1769846400, undefined],
    ])
      assert.ok(!isMoment(bad), String(bad));
  });

  it("is the same in UTC, for AWS and for names", () => {
    assert.equal(utcOf(moment), "2026-01-31T07:00:00Z");
    assert.equal(momentDigits("2026-01-01T00:30:00+01:00" as Moment), "20251231233000");
  });

  it("is refused outside of what RDS can go back to, with what it can, and in the future whether RDS is asked or not", () => {
    const at = (time: string) => new Date(`2026-01-${time}Z`);
    const window = { earliest: at("01T00:00:00"), latest: at("31T07:55:00") };
    const ask = (text: string, known: Parameters<typeof whyNotAt>[1] = window) =>
      whyNotAt(text, known, "pages", at("31T08:00:00").getTime());
    assert.equal(ask("2026-01-31T07:55:00Z"), undefined);
    assert.equal(ask("2026-01-01T00:00:00Z"), undefined);
    assert.match(ask("2025-12-31T23:59:59Z") ?? "", /from 2026-01-01T00:00:00\.000Z on.*restore\.from/);
    assert.match(ask("2026-01-31T07:55:01Z") ?? "", /up to 2026-01-31T07:55:00\.000Z/);
    assert.match(ask("2026-01-31T08:00:01Z", "not asked") ?? "", /in the future/);
    assert.equal(ask("2020-01-31T08:00:00Z", "not asked"), undefined);
    assert.match(
      whyNotAt("2020-01-31T07:00:00Z", undefined, "pages", Date.now()) ?? "",
      /no automated backups of pages/,
    );
    assert.equal(ask("2020-01-31T08:00:00Z", { earliest: undefined, latest: undefined }), undefined);
  });
});

describe("restore.pointInTime", () => {
  const id = "2026-01-31T08-00-00.000Z-1a2b3c4d";

  it("is a moment in place of a backup, whose loss is accepted by its own text alone", () => {
    const accepted = { pointInTime: moment, acceptLossSince: moment };
    assert.deepEqual(load({ ...aws, restore: accepted }).restore, accepted);
    for (const acceptLossSince of [id, "2026-01-31T07:00:00Z"])
      refuses({ ...aws, restore: { pointInTime: moment, acceptLossSince } }, "restore.acceptLossSince", moment);
    refuses(
      { ...aws, restore: { from: id, acceptLossSince: moment } },
      "restore.acceptLossSince",
      "the id of a backup",
    );
    refuses(
      { ...aws, restore: { from: id, pointInTime: moment } },
      "restore.pointInTime",
      "nothing beside restore.from",
    );
    refuses({ ...aws, restore: { pointInTime: "2026-01-31 08:00" } }, "restore.pointInTime", "with its zone");
  });

  it("asks for a tunnel of its own where there is one to the database, and for none elsewhere", () => {
    const database = { via: { port: 15432 } };
    const via = { port: 15433 };
    refuses({ ...aws, database, restore: { pointInTime: moment } }, "restore.via", "database.via", "restore.via.port");
    refuses({ ...aws, restore: { pointInTime: moment, via } }, "restore.via", "no tunnel is used");
    refuses({ ...aws, database, restore: { from: id, via } }, "restore.via", "no tunnel is used");
    const { restore } = load({ ...aws, database, restore: { pointInTime: moment, via } });
    assert.deepEqual(restore?.via, { host: "127.0.0.1", port: 15433, sslmode: "verify-ca" });
  });
});
