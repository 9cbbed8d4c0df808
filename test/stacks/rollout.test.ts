import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { load } from "../support/load";
import { connectAsSuperuser, connectBalancer } from "../support/exported";
import { Clone, type Outputs } from "../support/stack";

interface Recorded {
  kind: string;
  from: number;
  to: number;
  outcome?: string;
  steps?: { greenWeight: number }[];
}

/** Two releases and their schema, shipped one after the other on the real engine; the tests follow one another. */
describe("a rollout, release after release", function () {
  this.timeout(600_000);
  let clone: Clone;
  let outputs: Outputs;

  before(async () => {
    clone = new Clone();
    clone.edit("Pulumi.local.yaml", (text) => text.replace(/(bake|maxBake): 5s/g, "$1: 1s"));
    const { code, output } = await clone.npmStart();
    assert.equal(code, 0, output);
    outputs = await clone.outputs();
  });
  after(() => clone.dispose());

  const set = (key: string, value: string) =>
    clone.must("config", "set", "--path", "--type", "string", `switchyard:${key}`, value);
  const liveWeight = async () => (await (await connectBalancer(clone)).state()).production?.weights.green;
  const migration = (name: string) => join(clone.folder, "migrations", name);

  /** The records of shifts that have ended, oldest first. */
  function records(): Recorded[] {
    const folder = join(clone.folder, ".switchyard/local/store/records");
    return readdirSync(folder)
      .filter((name) => name.endsWith("-ended.json"))
      .sort()
      .map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as Recorded);
  }

  async function historyOf(version: string) {
    const superuser = await connectAsSuperuser(clone);
    try {
      const { rows } = await superuser.query<{ state: string }>(
        "SELECT state FROM switchyard.migrations WHERE version = $1",
        [version],
      );
      return rows[0]?.state;
    } finally {
      await superuser.end();
    }
  }

  it("walks a good release from 0 to 100 under load and loses no request; every step is on record", async () => {
    const over = new AbortController();
    const watched = load({ url: `${outputs.url}/pages?limit=1`, rate: 300, durationMs: 120_000, signal: over.signal });
    await set("greenWeight", "100");
    const output = await clone.up();
    over.abort();
    const { failed, byColour } = await watched;
    assert.equal(failed, 0);
    assert.ok((byColour["green"] ?? 0) > 0 && (byColour["blue"] ?? 0) > 0, JSON.stringify(byColour));
    assert.equal(await liveWeight(), 100, output);
    const last = records().at(-1);
    assert.deepEqual([last?.kind, last?.from, last?.to, last?.outcome], ["advance", 0, 100, "arrived"]);
    assert.deepEqual(
      last?.steps?.map(({ greenWeight }) => greenWeight),
      [10, 25, 50, 100],
    );
    assert.match(await clone.up(), /Resources:\s+\d+ unchanged/);
  });

  it("puts off a contract while the release that it breaks can still run, and says what it waits for", async () => {
    writeFileSync(
      migration("0008_subtitle_goes.sql"),
      [
        "-- switchyard: phase=contract breaks-below=0007",
        "-- migrate:up",
        "ALTER TABLE page_plugins DROP CONSTRAINT IF EXISTS no_such_constraint;",
        "-- migrate:down",
        "SELECT 1;",
        "",
      ].join("\n"),
    );
    assert.match(await clone.must("preview"), /0008 .*waits: blue's release 1\.0\.0/);
    await clone.up();
    assert.equal(await historyOf("0008"), undefined);
    assert.equal((await clone.outputs()).schemaVersion, "0007");
  });

  it("runs it once that release is retired; then no traffic goes back there", async () => {
    await set("blue.count", "0");
    await clone.up();
    assert.equal(await historyOf("0008"), "applied");
    assert.equal((await clone.outputs()).schemaVersion, "0008");
    await set("blue.count", "1");
    await set("greenWeight", "0");
    const { code, output } = await clone.pulumi("preview");
    assert.notEqual(code, 0, output);
    assert.match(output, /0008/);
    await set("greenWeight", "100");
    await set("blue.count", "0");
    assert.match(await clone.up(), /Resources:\s+\d+ unchanged/);
  });

  it("takes a migration back by its recorded down when the commit that brought it is reverted, file and all", async () => {
    const file = migration("0009_page_note.sql");
    writeFileSync(
      file,
      [
        "-- switchyard: phase=expand",
        "-- migrate:up",
        "ALTER TABLE pages ADD COLUMN note text;",
        "-- migrate:down",
        "ALTER TABLE pages DROP COLUMN note;",
        "",
      ].join("\n"),
    );
    await clone.up();
    assert.equal(await historyOf("0009"), "applied");
    rmSync(file);
    await set("migrateTo", "0008");
    await clone.up();
    assert.equal(await historyOf("0009"), "taken back");
    assert.equal((await clone.outputs()).schemaVersion, "0008");
  });

  it("ships the second release onto blue: 100 to 0 is an advance, with every step", async () => {
    await set("blue.version", "1.2.0");
    await set("blue.schema", "0008");
    await set("blue.count", "1");
    await clone.up();
    await set("greenWeight", "0");
    const output = await clone.up();
    assert.equal(await liveWeight(), 0, output);
    const last = records().at(-1);
    assert.deepEqual([last?.kind, last?.from, last?.to, last?.outcome], ["advance", 100, 0, "arrived"]);
    assert.deepEqual(
      last?.steps?.map(({ greenWeight }) => greenWeight),
      [90, 75, 50, 0],
    );
    const answer = await fetch(`${outputs.url}/health`);
    assert.equal(answer.headers.get("x-release"), "1.2.0");
  });

  it("comes back at once to the release that had the traffic before", async () => {
    await set("greenWeight", "100");
    assert.match(await clone.up(), /returned from greenWeight 0 to 100/);
    assert.equal(records().at(-1)?.kind, "return");
  });
});
