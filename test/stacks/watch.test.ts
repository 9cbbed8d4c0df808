import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Clone } from "../support/stack";

const file = (up: string, down: string): string =>
  `-- switchyard: phase=expand\n-- migrate:up\n${up}\n-- migrate:down\n${down}\n`;

/** Nothing at preview can see what a function does to the writes of a release. */
const harmful = file(
  `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON pages FOR EACH ROW EXECUTE FUNCTION refuse();`,
  "DROP TRIGGER refuse ON pages;\nDROP FUNCTION refuse();",
);

describe("an up that runs migrations beside a live colour", function () {
  this.timeout(600_000);
  let clone: Clone;

  before(async () => {
    clone = new Clone();
    const { code, output } = await clone.npmStart();
    assert.equal(code, 0, output);
  });
  after(() => clone.dispose());

  /** Writes to the live colour all the time while `work` goes on. */
  async function underWrites<T>(work: () => Promise<T>): Promise<T> {
    const { url } = await clone.outputs();
    const over = new AbortController();
    const write = async (worker: number): Promise<void> => {
      for (let n = 0; !over.signal.aborted; n += 1) {
        const body = JSON.stringify({ slug: `written-${worker}-${Date.now()}-${n}`, title: "Written" });
        const answer = await fetch(`${url}/pages`, {
          ...{ method: "POST", headers: { "content-type": "application/json" }, body },
        });
        await answer.text();
      }
    };
    const writers = [1, 2].map(write);
    try {
      return await work();
    } finally {
      over.abort();
      await Promise.all(writers);
    }
  }
  /** The balancer's token is an input of the watch; state must not have it in plain text. */
  async function assertNoToken(): Promise<void> {
    const shown = await clone.must("stack", "export", "--show-secrets");
    const { deployment } = JSON.parse(shown) as {
      deployment: { resources: { type: string; outputs?: { token?: { plaintext?: string } } }[] };
    };
    const balancer = deployment.resources.find(({ type }) => type.endsWith("switchyard:LocalBalancer"));
    const token = JSON.parse(balancer?.outputs?.token?.plaintext ?? '""') as string;
    assert.ok(token.length >= 16 && shown.includes(token));
    assert.ok(!(await clone.must("stack", "export")).includes(token));
  }
  const add = (name: string, text: string): void => writeFileSync(join(clone.folder, "migrations", name), text);

  it("stops at the migration that the live colour does not survive, before the next one and before any weight moves", async () => {
    await clone.must("config", "set", "watchAfter", "20s");
    await clone.must("config", "set", "greenWeight", "100");
    add("0008_refuse.sql", harmful);
    add("0009_more.sql", file("CREATE TABLE more (id int PRIMARY KEY);", "DROP TABLE more;"));
    const { code, output } = await underWrites(() => clone.pulumi("up", "--yes", "--skip-preview"));
    assert.notEqual(code, 0, output);
    assert.match(output, /0008_refuse up: watches blue for 20s/);
    // Where writes fail faster than it looks, the alarm comes first.
    const [, why = ""] =
      /after 0008_refuse up, (.*): nothing further was run, and traffic was not touched/.exec(output) ?? [];
    const reasons = why.split("; ");
    assert.ok(
      reasons.every((reason) =>
        /^(alarm blue-error-rate-critical is firing|blue fails [\d.]+ % of its requests, above errorRate 0\.1 %)$/.test(
          reason,
        ),
      ),
      output,
    );
    assert.doesNotMatch(output, /0009_more up: begins/);
    const { weights, schemaVersion } = await clone.outputs();
    assert.deepEqual([weights, schemaVersion], [{ blue: 100, green: 0 }, "0007"]);
    await assertNoToken();
  });

  it("takes it back with the commit that brought it, and goes on where nothing fails", async () => {
    await clone.must("config", "set", "watchAfter", "1s");
    await clone.must("config", "set", "greenWeight", "0");
    await clone.must("config", "set", "migrateTo", "0007");
    await clone.up();
    await clone.must("config", "set", "migrateTo", "latest");
    add("0008_refuse.sql", file("CREATE TABLE extra (id int PRIMARY KEY);", "DROP TABLE extra;"));
    const output = await clone.up();
    assert.match(output, /0008_refuse up: watched blue for 1s: .*: insufficient/);
    assert.match(output, /0009_more up: done/);
    assert.equal((await clone.outputs()).schemaVersion, "0009");
    await assertNoToken();
  });
});
