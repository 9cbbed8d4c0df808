import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { BackupStep } from "../../infra/backup/failure";
import { listBackups } from "../../infra/providers/backup/archive";
import { withSpool } from "../../infra/providers/backup/spool";
import { takeBackup } from "../../infra/providers/backup/take";
import { drillBackup, verifyBackup } from "../../infra/providers/backup/verify";
import { storeAt, StoreFailed, type ObjectStore } from "../../infra/providers/store/store";
import { fill, held } from "../support/backup";
import { eventually } from "../support/pages";
import { startPostgres, type TestPostgres } from "../support/postgres";
import { createRealDatabase, type RealDatabase } from "../support/rehearsal";

/** Each test has a database and a store of its own; what it breaks off must leave nothing that passes for a backup. */
describe("a backup that is broken off", function () {
  this.timeout(300_000);
  let postgres: TestPostgres;
  let database: RealDatabase;
  let folder: string;
  let store: ObjectStore;
  const said: string[] = [];
  const say = (line: string) => said.push(line);
  const take = (into = store) => takeBackup(database.target, into, { before: "asked", release: "", say });

  before(async () => {
    postgres = await startPostgres(15);
  });
  beforeEach(async () => {
    said.length = 0;
    folder = mkdtempSync(join(tmpdir(), "switchyard-broken-"));
    store = storeAt({ kind: "local", folder });
    database = await createRealDatabase(postgres);
    await fill(database);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  after(() => postgres.stop());

  const failsAt = (step: BackupStep, says: RegExp) => (error: unknown) => {
    const { step: found, message } = error as { step?: BackupStep; message: string };
    assert.equal(found, step, message);
    assert.match(message, says);
    return true;
  };

  /** A process at work on `what`, killed once it is in the middle. */
  async function killAt(what: "take" | "upload" | "verify" | "drill", middle?: () => Promise<unknown>): Promise<void> {
    const script = join(__dirname, "../support/backup-until-killed.ts");
    const child = spawn(process.execPath, ["--import", "tsx", script], { stdio: ["pipe", "pipe", "inherit"] });
    try {
      child.stdin.end(JSON.stringify({ target: database.target, folder, what }));
      await (middle?.() ?? once(createInterface({ input: child.stdout }), "line"));
    } finally {
      child.kill("SIGKILL");
      await once(child, "close");
    }
  }

  /** As the superuser, to whom the server shows what other roles wait for. */
  const one = <T>(text: string, values: unknown[] = []) =>
    postgres.asSuperuser(async (client) => (await client.query<{ one: T }>(text, values)).rows[0]?.one, database.name);
  const drills = () =>
    one<number>("SELECT count(*)::int AS one FROM pg_database WHERE starts_with(datname, $1)", [
      `${database.name}_drill_`,
    ]);

  /** What the next run finds, and leaves. */
  async function nextWorks(): Promise<void> {
    const manifest = await take();
    const { backups, faults } = await listBackups(store);
    assert.deepEqual(faults, []);
    assert.equal(backups.at(-1)?.manifest.id, manifest.id);
    await drillBackup(database.target, store, { manifest }, { say });
    assert.equal(await drills(), 0);
    const keys = (await store.list("backups/")).map(({ key }) => key);
    for (const { manifest: each } of backups) assert.ok(keys.includes(each.dump.key));
    assert.equal(keys.filter((key) => key.endsWith("database.dump")).length, backups.length, keys.join("\n"));
  }

  it("by kill -9 while pg_dump waits for a table leaves no backup, and the next one works", async () => {
    const locker = await postgres.connect({
      ...{ user: "postgres", password: postgres.superuserPassword, database: database.name },
    });
    await locker.query("BEGIN; LOCK TABLE bulk IN ACCESS EXCLUSIVE MODE");
    await killAt("take", () =>
      eventually("pg_dump waits", async () => {
        const waiting = "application_name = 'pg_dump' AND wait_event_type = 'Lock' AND datname = current_database()";
        return (await one(`SELECT count(*)::int AS one FROM pg_stat_activity WHERE ${waiting}`)) === 1;
      }),
    );
    await locker.query("ROLLBACK");
    await locker.end();
    assert.deepEqual((await listBackups(store)).backups, []);
    await nextWorks();
  });

  it("by kill -9 while it is uploaded leaves no object that passes for one, and the next one works", async () => {
    await killAt("upload");
    assert.deepEqual(await store.list("backups/"), []);
    assert.equal(readdirSync(join(folder, ".incoming")).length, 1);
    await nextWorks();
    assert.deepEqual(readdirSync(join(folder, ".incoming")), []);
  });

  it("by kill -9 between dump and manifest is cleared away by the next one", async () => {
    const left = `backups/${database.name}/2026-01-31T08-00-00.000Z-0123abcd`;
    await store.put(`${left}/database.dump`, "a dump without a manifest");
    assert.deepEqual(await listBackups(store), { backups: [], snapshots: [], faults: [] });
    await nextWorks();
    assert.deepEqual(await store.list(left), []);
    assert.match(said.join("\n"), /cleared away 2026-01-31T08-00-00\.000Z-0123abcd/);
  });

  it("by kill -9 while it is verified leaves it unverified, and whole", async () => {
    await take();
    await killAt("verify");
    const [backup] = (await listBackups(store)).backups;
    assert.ok(backup);
    assert.equal(backup.verification, undefined);
    await verifyBackup(store, backup);
    await nextWorks();
  });

  it("by kill -9 in the middle of a drill leaves a copy that the next one drops", async () => {
    // The index can't be built again while the lock is held that its expression asks for.
    await database.owner.query(`
      CREATE FUNCTION patient(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1';
      CREATE INDEX ON public.quick (public.patient(id));
      CREATE OR REPLACE FUNCTION patient(int) RETURNS int IMMUTABLE LANGUAGE plpgsql
        AS 'BEGIN PERFORM pg_sleep(CASE WHEN current_database() LIKE ''%_drill_%'' THEN 600 ELSE 0 END); RETURN $1; END'`);
    await take();
    await killAt("drill", () =>
      eventually("the index is being built", async () => {
        const at = "query LIKE 'CREATE INDEX%patient%' AND starts_with(datname, $1)";
        const count = `SELECT count(*)::int AS one FROM pg_stat_activity WHERE ${at}`;
        return (await one(count, [`${database.name}_drill_`])) === 1;
      }),
    );
    assert.equal(await drills(), 1);
    const spooled = () => readdirSync(tmpdir()).filter((name) => name.startsWith("switchyard-backup-"));
    const left = spooled();
    assert.ok(left.length > 0);
    await database.owner.query(
      "DROP INDEX quick_patient_idx; CREATE OR REPLACE FUNCTION patient(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1'",
    );
    await eventually("the copy belongs to nobody", async () => {
      await nextWorks().catch((error: unknown) => {
        if (!/^0 !== |1 !== 0/.test((error as Error).message)) throw error;
      });
      return (await drills()) === 0;
    });
    await withSpool(() => Promise.resolve());
    assert.ok(left.some((name) => !existsSync(join(tmpdir(), name))));
  });

  it("by a store that is full, refuses, or goes away in the middle says so, and leaves nothing", async () => {
    const full: ObjectStore = {
      ...store,
      put: async (key, content) => {
        const pieces = content instanceof Readable ? content : [content];
        await pipeline(pieces, createWriteStream("/dev/full")).catch((error: unknown) => {
          throw new StoreFailed(`${key}: ${(error as Error).message}`);
        });
      },
    };
    if (existsSync("/dev/full"))
      await assert.rejects(take(full), failsAt("store", /the dump could not be stored: .*ENOSPC/));
    const blocked = join(folder, "backups");
    writeFileSync(blocked, "");
    await assert.rejects(take(), failsAt("store", /can't be stored in .*(ENOTDIR|EEXIST)|stored already/));
    rmSync(blocked);
    const slow = held(store, "put");
    const taking = assert.rejects(take(slow.store), failsAt("store", /can't be stored|there is no object/));
    await slow.middle;
    rmSync(folder, { recursive: true, force: true });
    slow.release();
    await taking;
    assert.deepEqual(await store.list("backups/"), []);
    await nextWorks();
  });

  it("by a database that restarts in the middle says so, and leaves nothing", async () => {
    const slow = held(store, "put");
    const taking = assert.rejects(
      take(slow.store),
      failsAt("dump", /pg_dump could not dump|counting what .* holds failed/),
    );
    await slow.middle;
    const { rows } = await database.owner.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
    const pid = rows[0]?.pid;
    assert.ok(pid);
    // To the server a backend that is killed is a reason to end all others, and to start again.
    process.kill(pid, "SIGKILL");
    await eventually("its sessions have ended", () =>
      database.owner.query("SELECT 1").then(
        () => false,
        () => true,
      ),
    );
    slow.release();
    await taking;
    assert.deepEqual(await store.list("backups/"), []);
    await eventually("the server is back", async () => {
      const client = await postgres
        .connect({ user: "postgres", password: postgres.superuserPassword, database: database.name })
        .catch(() => undefined);
      if (client !== undefined) database = { ...database, owner: client };
      return client !== undefined;
    });
    await nextWorks();
  });

  it("by the loss of the schema lock is none, though its dump is stored already", async () => {
    const slow = held(store, "put");
    const taking = assert.rejects(take(slow.store), /the session that holds the schema lock was ended/);
    await slow.middle;
    await postgres.asSuperuser((client) =>
      client.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'switchyard-lock' AND datname = $1",
        [database.name],
      ),
    );
    slow.release();
    await taking;
    assert.deepEqual((await listBackups(store)).backups, []);
    await nextWorks();
  });
});
