import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findHome } from "../../infra/platform/local/postgres/home";
import { connectBalancer } from "../support/exported";
import { Clone, type Ended } from "../support/stack";

/** A stack with `requireConfirm`, and one that it asks for rehearsals: each test begins where the one before it ended. */
describe("a stack whose changes have to be confirmed", function () {
  this.timeout(360_000);
  let clone: Clone;

  before(() => {
    clone = new Clone();
    clone.edit("Pulumi.local.yaml", (text) =>
      text
        .replace("switchyard:platform: local", "switchyard:platform: local\n  switchyard:requireConfirm: true")
        .replace("bake: 5s", "bake: 1s")
        .replace("maxBake: 5s", "maxBake: 1s"),
    );
  });
  after(() => clone.dispose());

  const pulumi = (confirm: string, ...args: string[]): Promise<Ended> =>
    clone.run(["tools/pulumi.cjs", ...args, "--stack", "local", "--non-interactive"], { SWITCHYARD_CONFIRM: confirm });
  const upWith = (confirm: string): Promise<Ended> => pulumi(confirm, "up", "--yes", "--skip-preview");
  const setWeight = (weight: number) => clone.must("config", "set", "greenWeight", String(weight));
  const liveWeight = async () => (await (await connectBalancer(clone)).state()).production?.weights.green;

  /** The digest that an output tells how to name; undefined where it tells none. */
  const digestIn = (output: string): string | undefined =>
    /SWITCHYARD_CONFIRM=([0-9a-f]{16}) pulumi up/.exec(output)?.[1];

  function refused({ code, output }: Ended): string {
    assert.notEqual(code, 0, `went through:\n${output}`);
    assert.match(output, /SWITCHYARD_CONFIRM: found .*; expected [0-9a-f]{16}, the digest of this change/);
    assert.doesNotMatch(output, /\bat .+\.(ts|js|cjs):\d+|undefined/, output);
    return digestIn(output) ?? "";
  }

  it("makes nothing at the first up without the digest, and all of it with the one that the preview shows", async () => {
    const before = clone.processes();
    const digest = refused(await clone.npmStart());
    assert.deepEqual(clone.processes(), before, "something runs although nothing was confirmed");
    assert.equal(digestIn(await clone.must("preview")), digest);
    const { code, output } = await upWith(digest);
    assert.equal(code, 0, output);
    assert.equal(await liveWeight(), 0);
  });

  it("asks for nothing where nothing changes", async () => {
    assert.equal(digestIn(await clone.must("preview", "--expect-no-changes")), undefined);
    assert.match(await clone.up(), /Resources:\s+\d+ unchanged/);
  });

  it("refuses an advance without its digest, with one that is over, and after the change has become another", async () => {
    await setWeight(50);
    const half = digestIn(await clone.must("preview"));
    await setWeight(100);
    const whole = digestIn(await clone.must("preview")) ?? "";
    assert.ok(half !== undefined && half !== whole);
    for (const given of ["", half]) assert.equal(refused(await upWith(given)), whole);
    assert.equal(await liveWeight(), 0);
    const { code, output } = await upWith(whole);
    assert.equal(code, 0, output);
    assert.equal(await liveWeight(), 100);
  });

  it("returns the traffic without a digest, with the database down, and then stops before what else the commit holds", async () => {
    const { data } = findHome(join(clone.folder, ".switchyard/local"), 15);
    const postmaster = Number(readFileSync(join(data, "postmaster.pid"), "utf8").split("\n")[0]);
    await setWeight(0);
    await clone.must("config", "set", "--path", "green.count", "2");
    process.kill(postmaster, "SIGKILL");
    const ended = await upWith("");
    refused(ended);
    assert.match(ended.output, /returned from greenWeight 100 to 0/);
    assert.equal(await liveWeight(), 0);
  });

  it("asks for no digest where the commit only returns, and ends with the database that it finds down", async () => {
    await clone.must("config", "rm", "--path", "green.count");
    await clone.up();
    assert.equal(await liveWeight(), 0);
    assert.match(await clone.up(), /Resources:\s+\d+ unchanged/);
  });

  it("asks a stack that isn't there for rehearsals only where a migration is pending, and is refused once", async () => {
    await clone.must("config", "set", "--path", "rehearsal.requiredFrom", "organization/switchyard/nobody");
    await clone.must("preview", "--expect-no-changes");
    writeFileSync(
      join(clone.folder, "migrations/0900_confirmed.sql"),
      "-- switchyard: phase=expand\n-- migrate:up\nCREATE TABLE confirmed (id bigint PRIMARY KEY);\n-- migrate:down\nDROP TABLE confirmed;\n",
    );
    const { code, output } = await clone.pulumi("preview");
    assert.notEqual(code, 0, output);
    assert.match(
      output,
      /0900_confirmed may not run here yet: rehearsal\.requiredFrom names organization\/switchyard\/nobody, which can't be read/,
    );
    assert.match(output, /pulumi up --stack nobody/);
    assert.doesNotMatch(output, /\bat .+\.(ts|js|cjs):\d+|undefined/, output);
  });
});
