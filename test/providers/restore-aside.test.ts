import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { Client } from "pg";
import type { Manifest } from "../../infra/backup/manifest";
import { takeBackup } from "../../infra/providers/backup/take";
import { storeOfSchema } from "../../infra/providers/backup/within";
import { dropAside, findAside, restoreAside, type AsideOptions } from "../../infra/providers/restore/aside";
import { sizeOf } from "../../infra/providers/restore/look";
import { restore } from "../../infra/providers/restore/restore";
import { storeAt, type ObjectStore } from "../../infra/providers/store/store";
import { startPostgres, type TestPostgres } from "../support/postgres";
import { createRealDatabase, type RealDatabase } from "../support/rehearsal";

describe("a database that is made from a backup to look at", function () {
  this.timeout(300_000);
  let postgres: TestPostgres;
  let folder: string;
  let store: ObjectStore;
  let database: RealDatabase;
  let backup: Manifest;
  const say = () => undefined;

  before(async () => {
    postgres = await startPostgres(15);
    folder = mkdtempSync(join(tmpdir(), "switchyard-asides-"));
    store = storeAt({ kind: "local", folder });
    database = await createRealDatabase(postgres);
    await database.owner.query(
      `CREATE TABLE notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, text text);
       INSERT INTO notes (text) SELECT 'note ' || i FROM generate_series(1, 50) AS i;
       CREATE SCHEMA "Audit";
       CREATE TABLE "Audit".events (id uuid PRIMARY KEY DEFAULT uuid_generate_v4(), what text);
       CREATE INDEX ON "Audit".events USING gin (what gin_trgm_ops);
       INSERT INTO "Audit".events (what) SELECT 'event ' || i FROM generate_series(1, 20) AS i;
       CREATE SCHEMA "Audit.old";
       CREATE TABLE "Audit.old".events (id int);
       CREATE SCHEMA comments;
       CREATE TABLE comments.of_notes (note bigint REFERENCES notes);`,
    );
    backup = await takeBackup(database.target, store, { before: "asked", release: "blue 1.0.0", say });
  });
  after(async () => {
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const make = (options: Pick<AsideOptions, "into" | "schema">, from = backup, where = store) =>
    restoreAside(database.target, where, { manifest: from }, { say, ...options });
  const inside = <T>(name: string, sql: string): Promise<T[]> =>
    postgres.asSuperuser(async (client) => (await client.query(sql)).rows as T[], name);
  const databases = async (): Promise<string[]> =>
    (await inside<{ datname: string }>("postgres", "SELECT datname FROM pg_database ORDER BY oid")).map(
      ({ datname }) => datname,
    );
  const tables = async (name: string): Promise<string[]> => {
    const found = await inside<{ name: string }>(
      name,
      `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
        WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1`,
    );
    return found.map((row) => row.name);
  };
  async function refused(work: () => Promise<unknown>, says: RegExp): Promise<void> {
    const before = await databases();
    await assert.rejects(work, (error) => {
      assert.match((error as Error).message, says);
      assert.doesNotMatch((error as Error).message, /undefined/);
      return true;
    });
    assert.deepEqual(await databases(), before);
  }

  it("holds every row, lets only the administrator in, and what serves goes on", async () => {
    const { user = "", password = "" } = database.target.service ?? {};
    const service = await postgres.connect({ user, password, database: database.name });
    await make({ into: "whole" });
    assert.deepEqual(await inside("whole", "TABLE notes"), await inside(database.name, "TABLE notes"));
    assert.deepEqual(
      await inside("whole", 'TABLE "Audit".events ORDER BY id'),
      await inside(database.name, 'TABLE "Audit".events ORDER BY id'),
    );
    await assert.rejects(postgres.connect({ user, password, database: "whole" }), /permission denied for database/);
    await (await postgres.connect({ ...postgres.administrator, database: "whole" })).end();
    assert.equal((await service.query("INSERT INTO notes (text) VALUES ('later')")).rowCount, 1);
    await service.end();
  });

  it("can be one schema of the whole: with the extensions that it needs, and nothing of any other schema", async () => {
    await make({ into: "part", schema: "Audit" });
    assert.deepEqual(await tables("part"), ['"Audit".events']);
    assert.deepEqual(
      await inside("part", 'TABLE "Audit".events ORDER BY id'),
      await inside(database.name, 'TABLE "Audit".events ORDER BY id'),
    );
    await inside("part", `INSERT INTO "Audit".events (what) VALUES ('new')`);
    const [owned] = await inside<{ owner: string }>("part", "SELECT tableowner AS owner FROM pg_tables WHERE tablename = 'events'"); // prettier-ignore
    assert.equal(owned?.owner, database.target.owner);
  });

  it("can be the backup of one schema alone", async () => {
    const alone = storeOfSchema(store, "Audit");
    const options = { before: "asked" as const, release: "", schema: "Audit", say };
    const manifest = await takeBackup(database.target, alone, options);
    await make({ into: "alone" }, manifest, alone);
    assert.deepEqual(await tables("alone"), ['"Audit".events']);
  });

  it("is not there where pg_restore met an error: a schema that needs another one is told so", async () => {
    await refused(
      () => make({ into: "broken", schema: "comments" }),
      /could not be restored.*public\.notes.*does not exist/s,
    );
    await refused(
      () => make({ into: "broken", schema: "audit" }),
      /there is no schema audit in the dump, only public, .*Audit, Audit\.old/,
    );
  });

  it("is never made over another database, and one schema is never taken for the whole", async () => {
    await refused(() => make({ into: database.name }), /is the database that serves; name another one: --into <name>/);
    await refused(() => make({ into: "part" }), /there is a database part .* was not restored from .*--into <name>$/);
    await refused(() => make({ into: "whole", schema: "Audit" }), /was not restored from the schema Audit of /);
    const { target } = database;
    const options = { from: backup.id, into: "part", acceptLossSince: backup.id, release: "", say };
    await refused(() => restore(target, store, options), /there is a database part .*restore\.into <name>/);
    // The same once more is the same, and made only once.
    assert.equal((await make({ into: "whole" })).restoreMs, undefined);
  });

  it("gives rows back by two psql in a pipe, as docs/backups.md has it", async () => {
    await database.owner.query("DELETE FROM notes WHERE id IN (7, 8); UPDATE notes SET text = 'new' WHERE id = 9");
    const psql = (name: string, ...commands: string[]) => {
      const { user, password } = postgres.administrator;
      const where = ["-h", "127.0.0.1", "-p", String(postgres.port), "-U", user, "-d", name];
      return spawn("psql", [...where, "-v", "ON_ERROR_STOP=1", ...commands.flatMap((each) => ["-c", each])], {
        env: { PATH: process.env.PATH, PGPASSWORD: password },
      });
    };
    const from = psql("whole", "COPY (SELECT * FROM public.notes WHERE id IN (7, 8, 9)) TO STDOUT");
    const to = psql(
      database.name,
      "CREATE TEMP TABLE found (LIKE public.notes)",
      "COPY found FROM STDIN",
      "INSERT INTO public.notes OVERRIDING SYSTEM VALUE SELECT * FROM found ON CONFLICT DO NOTHING",
    );
    from.stdout.pipe(to.stdin);
    const [said, [code]] = await Promise.all([text(to.stderr), once(to, "close") as Promise<[number]>]);
    assert.equal(code, 0, said);
    assert.deepEqual(await inside(database.name, "SELECT id::int, text FROM notes WHERE id IN (7, 8, 9) ORDER BY id"), [
      { id: 7, text: "note 7" },
      { id: 8, text: "note 8" },
      { id: 9, text: "new" },
    ]);
  });

  it("is made with room for as much as serves; of a database that is not there nobody says how much that was", async () => {
    const { connection, password } = database.target;
    assert.ok(((await sizeOf(connection, password)) ?? 0) > 1_000_000);
    assert.equal(await sizeOf({ ...connection, database: "nowhere" }, password), undefined);
  });

  it("is dropped by its name, while nobody is in it; no other database is", async () => {
    const drop = (name: string) => dropAside(database.target, name);
    const { administrator, port } = postgres;
    const looking = new Client({ host: "127.0.0.1", port, ...administrator, database: "part" });
    await looking.connect();
    await refused(() => drop("part"), /part is not dropped: .*being accessed by other users/);
    await looking.end();
    await postgres.asSuperuser((client) => client.query("CREATE DATABASE somebodys"));
    await refused(() => drop("somebodys"), /does not carry the mark/);
    await refused(() => drop("nothing"), /there is no such database/);
    await refused(() => drop(database.name), /is the database that serves/);
    await database.owner.end();
    const options = { from: backup.id, into: "serves_soon", acceptLossSince: backup.id, release: "", say };
    const replaced = await restore(database.target, store, options);
    assert.ok(replaced);
    // What serves carries the mark now, and what it has replaced carries another one.
    await refused(() => drop(database.name), /is the database that serves/);
    await refused(() => drop(replaced.kept), new RegExp(`kept for the way back.*restore\\.retire ${replaced.kept}`));
    const names = async () => (await findAside(database.target)).map(({ name }) => name);
    assert.deepEqual(await names(), ["alone", "part", "whole"]);
    for (const name of await names()) await drop(name);
    assert.deepEqual(await names(), []);
    assert.ok((await databases()).includes(replaced.kept));
  });
});
