import assert from "node:assert/strict";
import { acceptedWithout, checkRehearsed, type Required } from "../../../infra/providers/schema-rehearsal/required";
import type { RehearsedOn } from "../../../infra/providers/schema/rehearsal-types";

const checksum = "a".repeat(64);
const pending = [{ version: "0008", name: "subtitle", checksum }];
const required = (on?: RehearsedOn, of = checksum, isNew = false): Required => ({
  stack: "organization/switchyard/staging",
  rehearsals: on === undefined ? [] : [{ version: "0008", checksum: of, on, at: "2026-01-01T00:00:00.000Z" }],
  isNew,
});

describe("what another stack must have rehearsed", () => {
  it("may run when it was rehearsed on restored data", () => {
    assert.deepEqual(checkRehearsed(pending, required("restored"), []), []);
    assert.deepEqual(acceptedWithout(pending, required("restored"), ["0008"]), []);
  });

  const refused: [Required, RegExp][] = [
    [required(), /^0008_subtitle may not run here yet: organization\/switchyard\/staging has not rehearsed it \(expected: one on restored data\)/],
    [required("structure"), /has rehearsed it on a copy of the structure alone/],
    [required("dump"), /has not rehearsed it, since the dump there had it applied/],
    [required("restored", "b".repeat(64)), /has rehearsed another text of it \(checksum bbbbbbbbbbbb…, here aaaaaaaaaaaa…\)/],
    [{ stack: "organization/switchyard/staging" }, /has no output named rehearsals/],
    [required(undefined, checksum, true), /expected: one on any copy\)\. Either run pulumi up on organization\/switchyard\/staging first/],
  ]; // prettier-ignore
  for (const [given, message] of refused)
    it(`may not run otherwise: ${String(message)}`, () => {
      const [problem = "", ...others] = checkRehearsed(pending, given, []);
      assert.match(problem, message);
      assert.match(problem, /pulumi config set --path 'rehearsal\.acceptUnrehearsed\[0\]' 0008 --type string$/);
      assert.deepEqual(others, []);
    });

  it("may run where nothing was ever applied when it was rehearsed on the structure", () => {
    assert.deepEqual(checkRehearsed(pending, required("structure", checksum, true), []), []);
  });

  it("may run when config accepts it, and that is told", () => {
    assert.deepEqual(checkRehearsed(pending, required("structure"), ["00008"]), []);
    assert.deepEqual(acceptedWithout(pending, required("structure"), ["00008"]), ["0008"]);
  });

  it("gets a command for each, which together make one list", () => {
    const three = ["0008", "0009", "0010"].map((version) => ({ version, name: "x", checksum: version.repeat(16) }));
    const problems = checkRehearsed(three, required(), ["0009"]);
    assert.deepEqual(
      problems.map((problem) => /acceptUnrehearsed\[(\d)\]' (\d+)/.exec(problem)?.slice(1)),
      [["1", "0008"], ["2", "0010"]], // prettier-ignore
    );
  });

  it("is said once of a stack that can't be read, with the commands for all that is pending", () => {
    const two = ["0008", "0009"].map((version) => ({ version, name: "x", checksum: version.repeat(16) }));
    const unread: Required = { stack: "organization/switchyard/staging", unread: 'unknown stack "staging"' };
    const [problem = "", ...others] = checkRehearsed(two, unread, []);
    assert.deepEqual(others, []);
    assert.match(
      problem,
      /^0008_x, 0009_x may not run here yet: .*can't be read \(unknown stack "staging"; expected: /,
    );
    assert.match(problem, /Either bring it up first: pulumi up --stack staging, or .*requiredFrom/);
    assert.match(
      problem,
      /acceptUnrehearsed\[0\]' 0008 --type string && .*acceptUnrehearsed\[1\]' 0009 --type string$/,
    );
    assert.deepEqual(checkRehearsed(two, unread, ["0008", "0009"]), []);
    assert.deepEqual(checkRehearsed([], unread, []), []);
  });
});
