import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isFree } from "../../infra/platform/local/process/ports";
import { waitUntil } from "../../infra/platform/local/process/lifecycle";
import { connectAsSuperuser, connectBalancer, exportSecrets, passwordsIn } from "../support/exported";
import { load } from "../support/load";
import { Clone, type Outputs } from "../support/stack";

/** One stack, started once, and walked through as an operator would: each test leaves it as it found it. */
describe("a local stack", function () {
  this.timeout(600_000);
  let clone: Clone;
  let outputs: Outputs;
  let firstStart: string;

  before(async () => {
    clone = new Clone();
    clone.edit("Pulumi.local.yaml", (text) =>
      text.replace('schema: "0006"', '$&\n    env:\n      PAGES_DEBUG: "1"').replace(/(bake|maxBake): 5s/g, "$1: 1s"),
    );
    const { code, output } = await clone.npmStart();
    assert.equal(code, 0, output);
    firstStart = output;
    outputs = await clone.outputs();
  });

  after(() => clone.dispose());

  const ask = async (path: string, colour?: "blue" | "green") => {
    const base = colour === undefined ? outputs.url : outputs.previewUrl;
    const response = await fetch(base + path, {
      headers: colour === undefined ? {} : { [outputs.previewHeader]: colour },
      signal: AbortSignal.timeout(20_000),
    });
    return { status: response.status, colour: response.headers.get("x-colour"), body: await response.text() };
  };
  const countPages = async () => {
    const superuser = await connectAsSuperuser(clone);
    const { rows } = await superuser.query<{ n: number }>("SELECT count(*)::int AS n FROM pages");
    await superuser.end();
    return rows[0]?.n ?? 0;
  };

  it("says where it runs and what to type next", () => {
    for (const text of [outputs.url, "npx pulumi config set greenWeight 25", "npx pulumi destroy"])
      assert.ok(firstStart.includes(text), `${text} is missing in:\n${firstStart}`);
  });

  it("gives url, preview listener, weights, releases and schema version as outputs", () => {
    assert.deepEqual(outputs.weights, { blue: 100, green: 0 });
    assert.deepEqual([outputs.releases.blue?.version, outputs.releases.green?.version], ["1.0.0", "1.1.0"]);
    assert.equal(outputs.schemaVersion, "0007");
  });

  it("serves through blue, and through green only by the preview listener", async () => {
    const seen = await Promise.all([ask("/health"), ask("/health", "blue"), ask("/health", "green")]);
    assert.deepEqual(
      seen.map(({ status, colour }) => [status, colour]),
      [
        [200, "blue"],
        [200, "blue"],
        [200, "green"],
      ],
    );
  });

  it("is unchanged by an up with no change", async () => {
    const output = await clone.up();
    assert.match(output, /Resources:\s+\d+ unchanged/);
  });

  it("answers 20,000 requests without a failure while weights go 0, 25, 100, 0 by config", async () => {
    const url = `${outputs.url}/pages?limit=5`;
    const shares: Record<number, Record<string, number>> = {};
    for (const weight of [25, 100, 0]) {
      // One half of the load runs while the weight changes; the other is counted while it holds.
      const during = load({ url, requests: 3_400, rate: 600 });
      await clone.setGreenWeight(weight);
      const [changing, steady] = [await during, await load({ url, requests: 3_400 })];
      for (const { byStatus, failures } of [changing, steady])
        assert.deepEqual([byStatus, failures], [{ 200: 3_400 }, {}]);
      shares[weight] = steady.byColour;
    }
    assert.deepEqual([shares[100], shares[0]], [{ green: 3_400 }, { blue: 3_400 }]);
    // ±1 in any 100 consecutive requests: at most 34 in 3,400.
    assert.ok(Math.abs((shares[25]?.green ?? 0) - 850) <= 34, JSON.stringify(shares));
  });

  it("shows at preview, and puts right, live weights that somebody moved", async () => {
    const balancer = await connectBalancer(clone);
    await balancer.setWeights({ blue: 60, green: 40 });
    assert.match(await clone.must("preview"), /LocalListener listener update/);
    await clone.up();
    assert.deepEqual((await balancer.state()).production?.weights, { blue: 100, green: 0 });
  });

  it("keeps the pool's promises: five connections after start, never over 20, a statement ends after 10 s", async () => {
    const superuser = await connectAsSuperuser(clone);
    try {
      const count = async () =>
        (
          await superuser.query<{ n: number }>(
            "SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'pages-blue'",
          )
        ).rows[0]?.n;
      await waitUntil("blue's five idle connections", async () => ((await count()) === 5 ? true : undefined), {
        timeoutMs: 60_000,
      });
      const busy = load({ url: `${outputs.url}/pages?limit=100`, requests: 4_000, concurrency: 60 });
      const over = busy.then(() => true);
      let most = 0;
      while ((await Promise.race([over, count()])) !== true) most = Math.max(most, (await count()) ?? 0);
      await busy;
      const asleep = performance.now();
      const { status, body } = await ask("/debug/sleep?seconds=11");
      assert.deepEqual([status, /57014/.test(body)], [504, true], body);
      assert.ok(performance.now() - asleep < 11_000, "it slept to its end");
      assert.ok(most > 5 && most <= 20, `${most} connections under load`);
    } finally {
      await superuser.end();
    }
  });

  it("refuses at preview a migration that the running release would not survive, with file, line and caret", async () => {
    const file = join(clone.folder, "migrations/0099_drop.sql");
    writeFileSync(
      file,
      "-- switchyard: phase=expand\n-- migrate:up\nALTER TABLE pages DROP COLUMN title;\n-- migrate:down\nSELECT 1;\n",
    );
    try {
      const { code, output } = await clone.pulumi("preview");
      assert.notEqual(code, 0, output);
      for (const each of [/0099_drop\.sql:3/, /DROP COLUMN title/, /\^/, /contract/]) assert.match(output, each);
    } finally {
      rmSync(file);
    }
  });

  it("holds no password in exported state, in any file of the project, or in ps", async () => {
    const passwords = passwordsIn(await exportSecrets(clone));
    assert.ok(passwords.length >= 6, `only ${passwords.length} passwords found`);
    const plain = await clone.must("stack", "export");
    const ps = execFileSync("ps", ["auxeww"], { encoding: "utf8", maxBuffer: 1 << 26 });
    const places: [string, string][] = [
      ["pulumi stack export", plain],
      ...ps.split("\n").map((line): [string, string] => [`ps: ${line.slice(0, 160)}`, line]),
      ...filesOf(join(clone.folder, ".switchyard")).map((file): [string, string] => [
        file,
        readFileSync(file, "latin1"),
      ]),
    ];
    const found = places.flatMap(([name, text]) => passwords.filter((each) => text.includes(each)).map(() => name));
    assert.deepEqual(found, []);
  });

  it("keeps every row, and comes back with the next start, when all its processes are killed", async () => {
    const before = await countPages();
    assert.ok(before > 1_000, `${before} pages`);
    const created = await fetch(`${outputs.url}/pages`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ slug: "last-words", title: "Last words" }),
    });
    assert.equal(created.status, 201, await created.text());
    for (const pid of clone.processes()) process.kill(pid, "SIGKILL");
    await assert.rejects(ask("/health"));
    const { code, output } = await clone.npmStart();
    assert.equal(code, 0, output);
    assert.equal(await countPages(), before + 1);
  });

  it("runs beside a second clone, and leaves nothing behind when destroyed", async () => {
    const other = new Clone();
    try {
      const started = await other.npmStart();
      assert.equal(started.code, 0, started.output);
      const theirs = await other.outputs();
      assert.notEqual(theirs.url, outputs.url);
      assert.deepEqual([(await ask("/health")).status, (await fetch(`${theirs.url}/health`)).status], [200, 200]);
      await other.must("destroy", "--yes", "--skip-preview");
      assert.deepEqual(other.processes(), []);
      const ports = [theirs.url, theirs.previewUrl].map((url) => Number(new URL(url).port));
      assert.deepEqual(await Promise.all(ports.map(isFree)), [true, true]);
      assert.equal((await ask("/health")).status, 200);
    } finally {
      await other.dispose();
    }
  });

  it("keeps its data through a destroy when config does not say otherwise, for the next start", async () => {
    const { clone: other, slug } = await startKeeper();
    try {
      await other.must("destroy", "--yes", "--skip-preview");
      assert.deepEqual(other.processes(), []);
      const { code, output } = await other.npmStart();
      assert.equal(code, 0, output);
      const page = await fetch(`${(await other.outputs()).url}/pages/by-slug/${slug}`);
      assert.equal(page.status, 200, await page.text());
      assert.match(await other.up(), /Resources:\s+\d+ unchanged/);
      other.edit("Pulumi.local.yaml", (text) =>
        text.replace("deleteDataOnDestroy: false", "deleteDataOnDestroy: true"),
      );
      await other.up();
    } finally {
      await other.dispose();
    }
  });

  it("tells the second of two ups who holds the lock", async () => {
    const first = clone.start([
      "tools/pulumi.cjs",
      "up",
      "--yes",
      "--skip-preview",
      "--stack",
      "local",
      "--non-interactive",
    ]);
    const locks = join(clone.folder, ".switchyard/backend/.pulumi/locks");
    await waitUntil("the first up's lock", () => (filesOf(locks).length > 0 ? true : undefined), { timeoutMs: 30_000 });
    const second = await clone.pulumi("up", "--yes", "--skip-preview");
    const { code, output } = await first.ended;
    assert.equal(code, 0, output);
    assert.notEqual(second.code, 0);
    assert.match(second.output, /the stack is currently locked by 1 lock.*created by .+@.+ \(pid \d+\)/s);
  });
});

/** A second stack that keeps its data, with a page of its own in it. */
async function startKeeper(): Promise<{ clone: Clone; slug: string }> {
  const clone = new Clone();
  clone.edit("Pulumi.local.yaml", (text) => text.replace("deleteDataOnDestroy: true", "deleteDataOnDestroy: false"));
  const { code, output } = await clone.npmStart();
  assert.equal(code, 0, output);
  const response = await fetch(`${(await clone.outputs()).url}/pages`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ slug: "kept-page", title: "Kept" }),
  });
  assert.equal(response.status, 201, await response.text());
  return { clone, slug: "kept-page" };
}

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile() === true);
}
