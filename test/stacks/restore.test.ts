import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Client, type ClientConfig } from "pg";
import { listBackups } from "../../infra/providers/backup/archive";
import { storeAt } from "../../infra/providers/store/store";
import { connectAsSuperuser } from "../support/exported";
import { load } from "../support/load";
import { eventually } from "../support/pages";
import { RevertingClone } from "../support/reverting";

const pages = "examples/pages/server.ts";
const migration = (up: string, down: string, head: string): string =>
  `-- switchyard: ${head}\n-- migrate:up\n${up}\n-- migrate:down\n${down}\n`;

/** Both releases survive the contract: nothing waits. */
const notes = {
  "0008_notes.sql": migration(
    "CREATE TABLE notes (id bigint PRIMARY KEY, text text);",
    "DROP TABLE notes;",
    "phase=expand",
  ),
};
const destructive = {
  "0009_notes_text.sql": migration(
    "ALTER TABLE notes DROP COLUMN text;",
    "ALTER TABLE notes ADD COLUMN text text;",
    "phase=contract breaks-below=0006",
  ),
};
const atFirst = {
  platform: "local",
  greenWeight: "0",
  migrateTo: "0008",
  watchAfter: "0s",
  bake: { steps: [100], bake: "100ms", maxBake: "100ms", onInsufficient: "advance" },
  blue: { version: "1.0.0", schema: "0006", entry: pages, count: 1 },
  green: { version: "1.1.0", schema: "0007", entry: pages, count: 1 },
  local: { deleteDataOnDestroy: true },
};

type Rows = Record<string, string[]>;

/** What an operator does and sees at three in the morning: one stack, each test goes on from where the one before left it. */
describe("a restore of a stack", function () {
  this.timeout(600_000);
  let clone: RevertingClone;
  let url: string;
  /** All that was there before the destructive migration, and the backup that has it. */
  let good: Rows;
  let backup: string;

  before(async () => {
    clone = new RevertingClone();
    for (const [name, text] of Object.entries(notes)) writeFileSync(join(clone.folder, "migrations", name), text);
    await clone.begin(atFirst);
    ({ url } = await clone.outputs());
    await sql("INSERT INTO notes SELECT i, 'note ' || i FROM generate_series(1, 2000) AS i");
    for (let each = 1; each <= 5; each += 1) assert.ok(await write(`before-${each}`));
    good = await everyRow();
    clone.commit({ config: { migrateTo: "0009" }, migrations: destructive });
    await clone.up();
    backup = await newest();
    assert.deepEqual(await sql("SELECT 1 FROM pg_attribute WHERE attname = 'text' AND attrelid = 'notes'::regclass"), []); // prettier-ignore
  });
  after(() => clone.dispose());

  const storeOf = (folder: string) => join(folder, ".switchyard/local/store");
  async function newest(): Promise<string> {
    const { backups } = await listBackups(storeAt({ kind: "local", folder: storeOf(clone.folder) }), "pages");
    return backups.at(-1)?.manifest.id ?? "";
  }

  /** Makes a page through the production listener. @returns whether that was acknowledged */
  async function write(slug: string): Promise<boolean> {
    try {
      const answer = await fetch(`${url}/pages`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ slug, title: slug }),
      });
      await answer.arrayBuffer();
      return answer.status === 201;
    } catch {
      return false;
    }
  }

  const addresses = new Map<RevertingClone, ClientConfig>();
  /** A superuser's session, which nobody but a superuser may end, would be in the way of the next restore: none stays. */
  async function connected<T>(of: RevertingClone, database: string, work: (client: Client) => Promise<T>): Promise<T> {
    const known = addresses.get(of);
    const client = known === undefined ? await connectAsSuperuser(of, database) : new Client({ ...known, database });
    if (known !== undefined) await client.connect();
    const { host, port, user, password } = client;
    addresses.set(of, { host, port, ...(user !== undefined && { user }), password: password ?? "" });
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  }
  const sql = <T extends object>(text: string, database = "pages"): Promise<T[]> =>
    connected(clone, database, async (client) => (await client.query<T>(text)).rows);

  /** Every row of every table but our own history's. */
  const everyRow = (database = "pages", of = clone): Promise<Rows> =>
    connected(of, database, async (client) => {
      const tables = await client.query<{ name: string }>(
        `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
          WHERE schemaname NOT IN ('pg_catalog', 'information_schema', 'switchyard') ORDER BY 1`,
      );
      const rows: Rows = {};
      for (const { name } of tables.rows) {
        const found = await client.query<{ row: string }>(`SELECT t::text AS row FROM ${name} AS t ORDER BY 1`);
        rows[name] = found.rows.map(({ row }) => row);
      }
      return rows;
    });

  const slugs = async (database: string) =>
    new Set((await sql<{ slug: string }>("SELECT slug FROM pages", database)).map(({ slug }) => slug));

  const databases = async () => {
    const rows = await sql<{ name: string }>(
      "SELECT datname AS name FROM pg_database WHERE datname LIKE 'pages%' ORDER BY oid",
      "postgres",
    );
    return rows.map(({ name }) => name);
  };

  /** What has replaced what, as state says. */
  async function done() {
    const state = JSON.parse(await clone.must("stack", "export")) as {
      deployment: { resources: { type: string; outputs?: { done?: { at: number; kept: string; backup: string } } }[] };
    };
    const found = state.deployment.resources.find(({ type }) => type.endsWith(":Restore"))?.outputs?.done;
    assert.ok(found);
    return found;
  }

  const [preview, up] = [["preview"], ["up", "--yes", "--skip-preview"]];
  async function refused(says: RegExp, ...commands: string[][]): Promise<void> {
    for (const command of commands) {
      const { code, output } = await clone.pulumi(...command);
      assert.notEqual(code, 0, output);
      assert.match(output, says);
      assert.doesNotMatch(output, /\bat .+\.(ts|js|cjs):\d+|undefined/);
    }
  }

  const restoring = (more: object = { acceptLossSince: backup }) => ({
    migrateTo: "0008",
    restore: { from: backup, ...more },
  });

  it("is refused, at preview too, while the loss since is not accepted; and everything serves", async () => {
    assert.ok(await write("since"));
    clone.commit({ config: restoring({}) });
    await refused(
      /table public\.notes: 2000 as in the backup, with other values.*table public\.pages: \d+ in the backup, \d+ now.*acceptLossSince/s,
      preview,
      up,
    );
    assert.deepEqual(await databases(), ["pages"]);
    assert.ok(await write("after-the-refusal"));
    clone.revert();
  });

  it("is refused where the same up would run the destructive migration again", async () => {
    clone.commit({ config: { restore: restoring().restore } });
    await refused(/migrateTo: found 0009, which would run contract 0009.*set migrateTo to "0008"/s, preview);
    clone.revert();
  });

  it("brings back every row, under load, and keeps what was written since beside it: not one acknowledged write is gone", async () => {
    const over = new AbortController();
    const acknowledged: { slug: string; at: number }[] = [];
    const writers = [1, 2, 3].map(async (writer) => {
      for (let each = 0; !over.signal.aborted; each += 1) {
        const [slug, at] = [`under-load-${writer}-${each}`, Date.now()];
        if (await write(slug)) acknowledged.push({ slug, at });
        // Who is refused at once would keep the machine from everything else.
        else await delay(20);
      }
    });
    const read = load({ url: `${url}/pages`, rate: 100, durationMs: 200_000, signal: over.signal });
    clone.commit({ config: restoring() });
    const servesAgain = async (): Promise<string> => {
      const output = await clone.up();
      const thawedAt = (await done()).at;
      await eventually("it serves again", () => acknowledged.filter((each) => each.at > thawedAt).length > 50);
      return output;
    };
    const output = await servesAgain().finally(() => {
      over.abort();
    });
    await Promise.all(writers);
    assert.ok((await read).good > 0);
    const { at, kept, backup: last } = await done();
    const [now, before] = [await slugs("pages"), await slugs(kept)];
    const lost = acknowledged.filter(({ slug }) => !now.has(slug) && !before.has(slug));
    assert.deepEqual(lost, [], output);
    const astray = acknowledged.filter((write) => write.at > at && !now.has(write.slug));
    assert.deepEqual(astray, [], output);
    assert.ok(before.has("since") && before.has("after-the-refusal"));
    const rows = await everyRow();
    assert.deepEqual(rows["public.notes"], good["public.notes"]);
    for (const [table, there] of Object.entries(good))
      assert.deepEqual(there.filter((row) => !rows[table]?.includes(row)), [], table); // prettier-ignore
    assert.match(last, /^\d{4}-/);
    assert.match(await clone.must("preview", "--expect-no-changes"), /unchanged/);
  });

  it("is not taken back over what was written since: that is listed, with three ways out", async () => {
    clone.revert();
    const { kept, backup: last } = await done();
    await refused(
      new RegExp(
        `${kept}, which it has replaced.*table public\\.pages: \\d+ in the backup, \\d+ now.*restore\\.from ${backup}.*` +
          `restore\\.acceptLossSince ${last}.*restore\\.retire ${kept}`,
        "s",
      ),
      preview,
      up,
    );
    assert.ok(await write("still-there"));
  });

  it("is taken back where that loss is accepted: what was replaced serves again, with all that it had", async () => {
    const { kept, backup: last } = await done();
    const [was, is] = [await everyRow(kept), await everyRow()];
    clone.commit({ config: { restore: { acceptLossSince: last } } });
    await clone.up();
    assert.deepEqual(await everyRow(), was);
    assert.deepEqual(await everyRow((await done()).kept), is);
    assert.ok(await write("back-again"));
    await clone.must("preview", "--expect-no-changes");
    // Left in config, it means that database and no other: what the next restore replaces comes back when that is reverted.
    clone.commit({ config: { restore: { retire: (await done()).kept } } });
    await clone.up();
    assert.deepEqual(await databases(), ["pages"]);
    await clone.must("preview", "--expect-no-changes");
  });

  it("that is killed with its engine in the middle is ended by the next up", async () => {
    clone.commit({ config: { ...restoring(), greenWeight: "100" } });
    const up = clone.startUp();
    await eventually("a copy is restored", async () => (await databases()).length > 1, 60_000);
    const { pid } = up.child;
    assert.ok(pid !== undefined);
    const ended = once(up.child, "exit");
    for (const each of [...childrenOf(pid), pid]) process.kill(each, "SIGKILL");
    await ended;
    assert.ok(await write("after-the-kill"));
    await clone.must("cancel", "--yes");
    await clone.up();
    assert.deepEqual((await everyRow())["public.notes"], good["public.notes"]);
    assert.equal((await databases()).length, 2);
    await clone.must("preview", "--expect-no-changes");
  });

  it("is reverted at night with PostgreSQL stopped: traffic first, one clear line, and the rest when it is back", async () => {
    const { kept } = await done();
    const was = await everyRow(kept);
    clone.killPostgres();
    const [control, aside] = [clone.postgresFile("global/pg_control"), clone.postgresFile("pg_control")];
    renameSync(control, aside);
    clone.revert();
    const { code, output } = await clone.tryUp();
    assert.notEqual(code, 0, output);
    assert.equal((await clone.production()).weights.green, 0, output);
    assert.match(
      output,
      /returned from greenWeight 100 to 0[^]*error: \S+ ended (before it was ready|as soon as it was started)[^]*pg_control/,
    );
    renameSync(aside, control);
    await clone.up();
    assert.deepEqual(await everyRow(), was);
    await clone.must("preview", "--expect-no-changes");
  });

  it("brings up a new stack from nothing but the store of one that is gone", async () => {
    const rows = await everyRow();
    // Taking back is a change of the schema, and so there is a backup of all that is there now.
    clone.commit({ config: { migrateTo: "0007", acceptLoss: ["0008"] } });
    await clone.up();
    const last = await newest();
    const saved = mkdtempSync(join(tmpdir(), "switchyard-saved-store-"));
    cpSync(storeOf(clone.folder), saved, { recursive: true });
    const other = new RevertingClone();
    try {
      mkdirSync(join(other.folder, ".switchyard/local"), { recursive: true, mode: 0o700 });
      cpSync(saved, storeOf(other.folder), { recursive: true });
      await other.begin({ ...atFirst, migrateTo: "0007", restore: { from: last } });
      assert.deepEqual((await everyRow("pages", other))["public.pages"], rows["public.pages"]);
      const answer = await fetch(`${(await other.outputs()).url}/pages/by-slug/before-1`);
      assert.equal(answer.status, 200);
      await other.must("preview", "--expect-no-changes");
      other.commit({ config: { restore: {} } });
      await other.must("preview", "--expect-no-changes");
    } finally {
      await other.dispose();
      rmSync(saved, { recursive: true, force: true });
    }
  });
});

/** Every process below one, deepest first. */
function childrenOf(parent: number): number[] {
  const rows = execFileSync("ps", ["-eo", "pid=,ppid="], { encoding: "utf8" })
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number));
  const below = (pid: number): number[] =>
    rows.flatMap(([child = 0, of]) => (of === pid ? [...below(child), child] : []));
  return below(parent);
}
