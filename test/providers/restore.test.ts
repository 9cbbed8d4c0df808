import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import type { Manifest } from "../../infra/backup/manifest";
import { takeBackup } from "../../infra/providers/backup/take";
import { restore, type Restored, type RestoreOptions } from "../../infra/providers/restore/restore";
import { storeAt, type ObjectStore } from "../../infra/providers/store/store";
import { startPostgres, type TestPostgres } from "../support/postgres";
import { createRealDatabase, type RealDatabase } from "../support/rehearsal";

const project = join(__dirname, "../..");

describe("a restore", function () {
  this.timeout(300_000);
  let postgres: TestPostgres;
  let folder: string;
  let store: ObjectStore;
  const said: string[] = [];
  const say = (line: string) => said.push(line);

  before(async () => {
    postgres = await startPostgres(15);
    folder = mkdtempSync(join(tmpdir(), "switchyard-restores-"));
    store = storeAt({ kind: "local", folder });
  });
  after(async () => {
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const take = ({ target }: RealDatabase): Promise<Manifest> =>
    takeBackup(target, store, { before: "asked", release: "blue 1.0.0", say });

  /** A database with notes, and a backup of it. */
  async function backedUp(rows = 50): Promise<{ database: RealDatabase; manifest: Manifest }> {
    const database = await createRealDatabase(postgres);
    await database.owner.query(
      `CREATE TABLE notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, text text);
       INSERT INTO notes (text) SELECT 'note ' || i FROM generate_series(1, ${rows}) AS i;
       ALTER DATABASE ${database.name} SET search_path = public, pg_catalog;
       ALTER DATABASE ${database.name} SET DateStyle = 'German, DMY'`,
    );
    return { database, manifest: await take(database) };
  }

  /** The owner's session is a superuser's here, which nobody but a superuser may end: it goes first. */
  async function run(
    { target, name, owner }: RealDatabase,
    from: string,
    options: Partial<RestoreOptions> = {},
  ): Promise<Restored | undefined> {
    await owner.end();
    return restore(target, store, { from, into: `${name}_new`, release: "blue 1.0.0", say, ...options });
  }

  const asService = async ({ name, target }: RealDatabase): Promise<Client> => {
    const { user, password } = target.service ?? { user: "", password: "" };
    const client = new Client({ host: "127.0.0.1", port: postgres.port, database: name, user, password });
    client.on("error", () => undefined);
    await client.connect();
    return client;
  };
  const ask = async (database: RealDatabase, sql: string): Promise<unknown[]> => {
    const client = await asService(database);
    try {
      return (await client.query<Record<string, unknown>>(sql)).rows;
    } finally {
      await client.end();
    }
  };
  const databases = async (prefix: string): Promise<string[]> =>
    postgres.asSuperuser(async (client) => {
      const { rows } = await client.query<{ name: string }>(
        "SELECT datname AS name FROM pg_database WHERE starts_with(datname, $1) ORDER BY 1",
        [prefix],
      );
      return rows.map(({ name }) => name);
    });
  const inside = <T>(database: string, sql: string): Promise<T[]> =>
    postgres.asSuperuser(async (client) => (await client.query(sql)).rows as T[], database);

  it("brings back every row that a destructive migration has taken, and keeps what it replaces", async () => {
    const { database, manifest } = await backedUp();
    const rows = await ask(database, "SELECT id, text FROM notes ORDER BY id");
    await database.owner.query("ALTER TABLE notes DROP COLUMN text; INSERT INTO notes DEFAULT VALUES");
    const restored = await run(database, manifest.id, { acceptLossSince: manifest.id });
    assert.ok(restored);
    assert.deepEqual(await ask(database, "SELECT id, text FROM notes ORDER BY id"), rows);
    assert.deepEqual(restored.written, [{ what: "table public.notes", before: 50, now: 51 }]);
    assert.match(restored.kept, new RegExp(`^${database.name}_kept_[0-9a-f]{8}$`));
    assert.deepEqual(await databases(database.name), [database.name, restored.kept]);
    assert.deepEqual(await inside(restored.kept, "SELECT count(*)::int FROM notes"), [{ count: 51 }]);
  });

  it("has the settings and privileges of the database that it replaces, whose service may not get into that any more", async () => {
    const { database, manifest } = await backedUp();
    const settings = "SELECT current_setting('search_path') AS path, current_setting('DateStyle') AS style";
    const asBefore = await ask(database, settings);
    const restored = await run(database, manifest.id, { acceptLossSince: manifest.id });
    assert.ok(restored);
    assert.deepEqual(await ask(database, settings), asBefore);
    await ask(database, "INSERT INTO notes (text) VALUES ('may write')");
    await assert.rejects(ask({ ...database, name: restored.kept }, "SELECT 1"), /permission denied for database/);
  });

  it("makes nothing where there is no room for a second database, and says how to get it", async () => {
    const { database, manifest } = await backedUp();
    const room = { freeBytes: manifest.server.databaseBytes };
    await assert.rejects(
      run(database, manifest.id, { room, acceptLossSince: manifest.id }),
      /no room to restore the database: \d+ bytes are free on the server, expected \d+ .*restore\.retire/,
    );
    assert.deepEqual(await databases(database.name), [database.name]);
  });

  it("is refused where the loss since is not accepted, says how much it is, and everything serves as before", async () => {
    const { database, manifest } = await backedUp();
    const session = await asService(database);
    await session.query("INSERT INTO notes (text) VALUES ('since'), ('since')");
    for (const acceptLossSince of [undefined, manifest.id.replace(/.{8}$/, "00000000")])
      await assert.rejects(
        run(database, manifest.id, acceptLossSince === undefined ? {} : { acceptLossSince }),
        (error) => {
          const { message } = error as Error;
          assert.match(message, /table public\.notes: 50 in the backup, 52 now/);
          assert.match(message, /pulumi config set --path restore\.acceptLossSince/);
          assert.doesNotMatch(message, /undefined/);
          return true;
        },
      );
    assert.deepEqual((await session.query("SELECT count(*)::int FROM notes")).rows, [{ count: 52 }]);
    await session.end();
    await assert.rejects(ask({ ...database, name: `${database.name}_new` }, "SELECT 1"), /permission denied/);
    // What was made and verified is used once the loss is accepted, and only once.
    const done = await run(database, manifest.id, { acceptLossSince: manifest.id });
    assert.ok(done);
    const { kept, backup, written } = (await run(database, manifest.id)) ?? {};
    assert.deepEqual({ kept, backup, written }, { kept: done.kept, backup: done.backup, written: done.written });
  });

  it("goes back again the same way: to the backup that was taken right before the switch", async () => {
    const { database, manifest } = await backedUp();
    await ask(database, "INSERT INTO notes (text) VALUES ('since')");
    const first = await run(database, manifest.id, { acceptLossSince: manifest.id });
    assert.ok(first);
    const back = await run(database, first.backup, { acceptLossSince: first.backup });
    assert.ok(back);
    assert.deepEqual(await ask(database, "SELECT count(*)::int FROM notes"), [{ count: 51 }]);
    assert.equal((await databases(`${database.name}_kept_`)).length, 2);
  });

  it("needs nothing but the store: into the empty database of another server, with no loss to accept", async () => {
    const { database, manifest } = await backedUp();
    const other = await startPostgres(15);
    try {
      const fresh = await createRealDatabase(other);
      await fresh.owner.end();
      const restored = await restore(fresh.target, store, {
        ...{ from: manifest.id, of: database.name, into: `${fresh.name}_new`, release: "", say },
      });
      assert.equal(restored?.backup, "");
      const rows = await other.asSuperuser(
        async (client) => (await client.query<{ count: number }>("SELECT count(*)::int FROM notes")).rows,
        fresh.name,
      );
      assert.deepEqual(rows, [{ count: 50 }]);
    } finally {
      await other.stop();
    }
  });

  it("never restores over a database, not even over one that was restored and changed since", async () => {
    const { database, manifest } = await backedUp();
    const into = `${database.name}_new`;
    await postgres.asSuperuser((client) => client.query(`CREATE DATABASE ${into}`));
    await assert.rejects(run(database, manifest.id), /already, and it was not restored from/);
    await postgres.asSuperuser((client) => client.query(`DROP DATABASE ${into}`));
    await assert.rejects(run(database, manifest.id), /acceptLossSince/);
    await inside(into, "DELETE FROM notes WHERE id = 1");
    await assert.rejects(
      run(database, manifest.id, { acceptLossSince: manifest.id }),
      /was changed since \(table public\.notes: 50 in the backup, 49 now\)/,
    );
  });

  it("under load: each write that was acknowledged is in one of the two databases, after the thaw in the new one", async () => {
    const { database, manifest } = await backedUp();
    const over = new AbortController();
    const acknowledged: { text: string; at: number }[] = [];
    const writer = async (which: number): Promise<void> => {
      let client: Client | undefined;
      for (let each = 0; !over.signal.aborted; each += 1)
        try {
          client ??= await asService(database);
          const text = `${which} ${each}`;
          const at = Date.now();
          await client.query("INSERT INTO notes (text) VALUES ($1)", [text]);
          acknowledged.push({ text, at });
        } catch {
          // A service that loses its session asks for another one.
          await client?.end().catch(() => undefined);
          client = undefined;
        }
      await client?.end();
    };
    const writers = [1, 2, 3, 4].map(writer);
    const restored = await run(database, manifest.id, { acceptLossSince: manifest.id });
    assert.ok(restored);
    const before = acknowledged.length;
    while (acknowledged.length < before + 100) await new Promise((resolve) => setImmediate(resolve));
    over.abort();
    await Promise.all(writers);
    const texts = async (name: string) =>
      new Set((await inside<{ text: string }>(name, "SELECT text FROM notes")).map(({ text }) => text));
    const [now, kept] = [await texts(database.name), await texts(restored.kept)];
    assert.deepEqual(
      acknowledged.filter(({ text }) => now.has(text) === kept.has(text)),
      [],
    );
    assert.deepEqual(
      acknowledged.filter(({ text, at }) => at > restored.at && !now.has(text)),
      [],
    );
  });

  it("is refused while a session can't be ended; kill -9 in the middle leaves nothing frozen, and the next one finishes", async () => {
    const { database, manifest } = await backedUp();
    // A superuser's, which the administrator of a managed server may not end.
    const stubborn = await postgres.connect({
      ...{ user: "postgres", password: postgres.superuserPassword, database: database.name },
    });
    await database.owner.end();
    const accepted = { acceptLossSince: manifest.id };
    await assert.rejects(
      run(database, manifest.id, accepted),
      /could not be frozen.*pid \d+ of postgres.*everything serves as before/s,
    );
    await ask(database, "INSERT INTO notes (text) VALUES ('after the refusal')");

    const child = begin(database, manifest.id);
    const frozen = "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'ALTER DATABASE%RENAME%' AND state = 'active'";
    while ((await inside("postgres", frozen)).length === 0) assert.equal(child.exitCode, null);
    child.kill("SIGKILL");
    await once(child, "exit");
    await ask(database, "INSERT INTO notes (text) VALUES ('after the kill')");
    assert.deepEqual(await ask(database, "SELECT count(*)::int FROM notes"), [{ count: 52 }]);

    await stubborn.end();
    assert.ok(await run(database, manifest.id, accepted));
    assert.deepEqual(await ask(database, "SELECT count(*)::int FROM notes"), [{ count: 50 }]);
  });

  it("that is killed while it restores leaves the service alone, and its copy to the next one, which drops it", async () => {
    const { database, manifest } = await backedUp(400_000);
    const child = begin(database, manifest.id);
    const copies = () => databases(`${database.name}_restore_`);
    while ((await copies()).length === 0) assert.equal(child.exitCode, null);
    child.kill("SIGKILL");
    await once(child, "exit");
    assert.equal((await copies()).length, 1);
    assert.deepEqual(await ask(database, "SELECT count(*)::int FROM notes"), [{ count: 400_000 }]);
    await assert.rejects(run(database, manifest.id), /acceptLossSince/);
    assert.deepEqual(await databases(`${database.name}_`), [`${database.name}_new`]);
  });

  function begin({ target, name }: RealDatabase, from: string) {
    const script = join(project, "test/support/restore-until-killed.ts");
    const child = spawn(process.execPath, ["--import", "tsx", script], {
      cwd: project,
      stdio: ["pipe", "ignore", "inherit"],
    });
    child.stdin.end(JSON.stringify({ target, folder, from, into: `${name}_new` }));
    return child;
  }
});
