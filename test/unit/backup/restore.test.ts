import assert from "node:assert/strict";
import { choose, keptOf, type KnownDatabase } from "../../../infra/backup/restore-choice";
import {
  isKeptName,
  keptAs,
  keptMark,
  keptName,
  restoredFrom,
  restoredMark,
  type Kept,
} from "../../../infra/backup/restore";

const [x, y, before] = ["x", "y", "before"].map((name) => `2026-01-31T08-00-00.000Z-${name}`) as [
  string,
  string,
  string,
];
const mark = (id: string): string => restoredMark(id, "0".repeat(64));
const serving = (comment: string | null): KnownDatabase => ({ name: "pages", comment });
const kept = (more: Partial<Kept> = {}): KnownDatabase => ({
  name: "pages_kept",
  comment: keptMark({
    database: "pages",
    by: x,
    backup: before,
    at: "2026-01-31T08:00:00.000Z",
    comment: null,
    ...more,
  }),
});
const asked = (from?: string, retire?: string) => ({ from, retire });
const what = (wanted: ReturnType<typeof asked>, serves: KnownDatabase, ...all: KnownDatabase[]) =>
  choose(wanted, serves, keptOf("pages", all));

describe("what is done about a restore", () => {
  it("is nothing where none is asked for or was done, or the one that is asked for serves", () => {
    assert.equal(what(asked(), serving(null)).do, "nothing");
    assert.equal(what(asked(), serving("a comment of somebody's")).do, "nothing");
    assert.equal(what(asked(x), serving(mark(x)), kept()).do, "nothing");
  });

  it("is a restore where another backup is asked for, or the same after it was taken back", () => {
    assert.equal(what(asked(x), serving(null)).do, "restore");
    assert.equal(what(asked(y), serving(mark(x)), kept()).do, "restore");
    assert.equal(what(asked(x), serving(null), kept({ by: "", comment: mark(x) })).do, "restore");
  });

  it("is going back where config says again what it said before, and never twice", () => {
    const choice = what(asked(), serving(mark(x)), kept());
    assert.ok(choice.do === "back");
    assert.deepEqual([choice.to.name, choice.origin], ["pages_kept", x]);
    const later = kept({ by: y, comment: mark(x), at: "2026-02-01T08:00:00.000Z" });
    assert.equal(what(asked(x), serving(mark(y)), kept(), later).do, "back");
    const back = kept({ by: "", comment: mark(y), at: "2026-02-02T08:00:00.000Z" });
    assert.equal(what(asked(), serving(mark(x)), kept(), back).do, "nothing");
  });

  it("is never going back to what held nothing, is not there any more, or served another database", () => {
    assert.equal(what(asked(), serving(mark(x)), kept({ backup: "" })).do, "nothing");
    assert.equal(what(asked(), serving(mark(x))).do, "nothing");
    assert.equal(what(asked(), serving(mark(x)), kept({ database: "shop" })).do, "nothing");
  });

  it("drops what is named and carries our mark, with all that was kept before it, and only once what is asked for serves", () => {
    const other = { name: "other", comment: "kept by somebody" };
    const first = { ...kept({ at: "2026-01-30T08:00:00.000Z", by: y }), name: "first" };
    const dropped = (wanted: ReturnType<typeof asked>) => {
      const choice = what(wanted, serving(mark(x)), kept(), other, first);
      return choice.do === "retire" ? choice.kept.map(({ name }) => name) : choice.do;
    };
    assert.deepEqual(dropped(asked(undefined, "pages_kept")), ["first", "pages_kept"]);
    assert.deepEqual(dropped(asked(x, "pages_kept")), ["first", "pages_kept"]);
    assert.deepEqual(dropped(asked(x, "first")), ["first"]);
    assert.equal(dropped(asked(y, "pages_kept")), "refuse");
    // What is taken out of config is to be gone back to first.
    assert.equal(dropped(asked(undefined, "first")), "refuse");
    assert.equal(dropped(asked(x, "other")), "nothing");
  });

  it("never drops what a later restore has replaced because of a name that was left in config", () => {
    const later = kept({ by: y, comment: mark(x), at: "2026-02-01T08:00:00.000Z" });
    assert.equal(what(asked(x, "dropped_before"), serving(mark(y)), later).do, "back");
    assert.equal(what(asked(undefined, "dropped_before"), serving(mark(x)), kept()).do, "back");
    assert.equal(what(asked(y, "dropped_before"), serving(mark(x)), kept()).do, "restore");
  });

  it("goes by marks that nobody has edited", () => {
    const { comment } = kept();
    assert.equal(keptAs(comment)?.by, x);
    assert.equal(keptAs((comment ?? "").replace('"at"', '"when"')), undefined);
    assert.equal(keptAs(`${comment ?? ""}.`), undefined);
    assert.equal(restoredFrom(mark(x)), x);
    assert.equal(restoredFrom(comment), undefined);
    const long = keptName("p".repeat(63), `${x}-1a2b3c4d`);
    assert.equal(long.length, 63);
    assert.ok(isKeptName(long) && !isKeptName(`p${long}`) && !isKeptName("pages"));
  });
});
