import assert from "node:assert/strict";
import { choose, keptOf, type KnownDatabase } from "../../../infra/backup/restore-choice";
import { keptAs, keptMark, keptName, restoredFrom, restoredMark, type Kept } from "../../../infra/backup/restore";

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
const asked = (from?: string, retire = false) => ({ from, retire });
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

  it("drops what carries our mark, and only once what is asked for serves", () => {
    const choice = what(asked(undefined, true), serving(mark(x)), kept(), {
      name: "other",
      comment: "kept by somebody",
    });
    assert.ok(choice.do === "retire");
    assert.deepEqual(choice.kept.map(({ name }) => name), ["pages_kept"]); // prettier-ignore
    assert.equal(what(asked(x, true), serving(mark(x)), kept()).do, "retire");
    assert.equal(what(asked(y, true), serving(mark(x)), kept()).do, "restore");
    assert.equal(what(asked(x, true), serving(mark(x))).do, "nothing");
  });

  it("goes by marks that nobody has edited", () => {
    const { comment } = kept();
    assert.equal(keptAs(comment)?.by, x);
    assert.equal(keptAs((comment ?? "").replace('"at"', '"when"')), undefined);
    assert.equal(keptAs(`${comment ?? ""}.`), undefined);
    assert.equal(restoredFrom(mark(x)), x);
    assert.equal(restoredFrom(comment), undefined);
    assert.equal(keptName("p".repeat(63), `${x}-1a2b3c4d`).length, 63);
  });
});
