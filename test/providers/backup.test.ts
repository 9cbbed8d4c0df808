import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BackupStep } from "../../infra/backup/failure";
import { backupKey, type Manifest } from "../../infra/backup/manifest";
import { seal } from "../../infra/backup/seal";
import { listBackups, openBackup, storeManifest } from "../../infra/providers/backup/archive";
import { readBack } from "../../infra/providers/backup/read-back";
import { whyNoDump } from "../../infra/providers/backup/programs";
import { provider } from "../../infra/providers/backup/provider";
import type { BackupInputs } from "../../infra/providers/backup/resource";
import { takeBackup } from "../../infra/providers/backup/take";
import { drillBackup, verifyBackup } from "../../infra/providers/backup/verify";
import { storeAt, type ObjectStore } from "../../infra/providers/store/store";
import { fill } from "../support/backup";
import { startPostgres, type TestPostgres } from "../support/postgres";
import { createRealDatabase, type RealDatabase } from "../support/rehearsal";

/** The manifest that somebody would have written who found other figures. */
function resealed(manifest: Manifest, changes: Partial<Manifest>): Manifest {
  const content: Partial<Manifest> = { ...manifest, ...changes };
  delete (content as { digest?: string }).digest;
  return seal(content) as Manifest;
}

/** Each damage is done to the files of a store, after which everything is put back. */
describe("a backup", function () {
  this.timeout(300_000);
  let postgres: TestPostgres;
  let database: RealDatabase;
  let folder: string;
  let store: ObjectStore;
  let manifest: Manifest;
  const said: string[] = [];
  const say = (line: string) => said.push(line);
  const take = () => takeBackup(database.target, store, { before: "asked", release: "blue 1.0.0", say });

  before(async () => {
    postgres = await startPostgres(15);
    folder = mkdtempSync(join(tmpdir(), "switchyard-backups-"));
    store = storeAt({ kind: "local", folder });
    database = await createRealDatabase(postgres);
    await fill(database);
    manifest = await take();
  });
  after(async () => {
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const fileOf = (part: "dump" | "manifest" | "verified", of = manifest) =>
    join(folder, backupKey(of.database, of.id, part));
  const failsAt = (step: BackupStep, says: RegExp) => (error: unknown) => {
    const { step: found, message } = error as { step?: BackupStep; message: string };
    assert.equal(found, step, message);
    assert.match(message, says);
    assert.doesNotMatch(message, /undefined/);
    return true;
  };
  const backup = () => openBackup(store, manifest.database, manifest.id);
  const drill = async () => drillBackup(database.target, store, await backup(), { say });
  const drills = async () => {
    const { rows } = await database.owner.query<{ name: string }>(
      "SELECT datname AS name FROM pg_database WHERE starts_with(datname, $1)",
      [`${database.name}_drill_`],
    );
    return rows;
  };

  it("says what its snapshot holds: tables, partitions once, sequences, views, large objects", () => {
    const { tables, sequences, views, largeObjects } = manifest.contents;
    const rows = Object.fromEntries(Object.entries(tables).map(([name, each]) => [name, each.rows]));
    assert.deepEqual(rows, {
      "switchyard.migrations": 0,
      "switchyard.migration_runs": 0,
      "public.notes": 503,
      'public."Odd ""name"': 2,
      "public.nothing": 0,
      "public.quick": 1,
      "public.parts_a": 10,
      "public.parts_rest": 20,
      "public.parent": 1,
      "public.child": 1,
      "public.moods": 1,
      "public.bulk": 30_000,
      "other.notes": 1,
    });
    assert.deepEqual(sequences["public.free_standing"]?.after, { last: "-4", called: true });
    assert.deepEqual(Object.keys(views), ["public.counted"]);
    assert.equal(largeObjects.count, 2);
  });

  it("is verified, restores to what was dumped, whatever the database's own settings are, and leaves no copy", async () => {
    await verifyBackup(store, await backup());
    const { drill: done } = await drill();
    assert.ok(done);
    assert.deepEqual((await backup()).verification?.drill, done);
    assert.deepEqual(await drills(), []);
  });

  it("has one snapshot: what is written meanwhile is in neither its figures nor its rows", async () => {
    const over = new AbortController();
    const writer = (async () => {
      while (!over.signal.aborted)
        await database.owner.query(
          "INSERT INTO notes (text) VALUES ('meanwhile'); SELECT nextval('free_standing'); UPDATE bulk SET text = 'x' WHERE i < 9",
        );
    })();
    const taken = await take();
    over.abort();
    await writer;
    await drillBackup(database.target, store, { manifest: taken }, { say });
  });

  it("shows each of 200 flips of a bit", async () => {
    const whole = readFileSync(fileOf("dump"));
    for (let flip = 0; flip < 200; flip += 1) {
      const damaged = Buffer.from(whole);
      const at = Math.floor((flip * (whole.length - 1)) / 199);
      damaged.writeUInt8(damaged.readUInt8(at) ^ (1 << (flip % 8)), at);
      writeFileSync(fileOf("dump"), damaged);
      await assert.rejects(readBack(store, manifest, { decode: false }), failsAt("read back", /SHA-256 .* expected/));
    }
    await assert.rejects(
      backup().then((each) => verifyBackup(store, each)),
      failsAt("read back", /SHA-256/),
    );
    writeFileSync(fileOf("dump"), whole);
    await readBack(store, manifest);
  });

  it("shows each of 50 truncations, and is listed as broken", async () => {
    const whole = readFileSync(fileOf("dump"));
    for (let cut = 0; cut < 50; cut += 1) {
      truncateSync(fileOf("dump"), Math.floor((cut * whole.length) / 50));
      await assert.rejects(readBack(store, manifest, { decode: false }), failsAt("read back", /bytes, expected/));
      writeFileSync(fileOf("dump"), whole);
    }
    truncateSync(fileOf("dump"), whole.length - 1);
    const { backups, faults } = await listBackups(store);
    assert.ok(!backups.some(({ manifest: { id } }) => id === manifest.id));
    assert.match(faults.join("\n"), new RegExp(`${manifest.id} is not whole`));
    writeFileSync(fileOf("dump"), whole);
  });

  it("is not mistaken for an older one that lies under its keys, in part or as a whole", async () => {
    const newer = await take();
    for (const part of ["dump", "manifest"] as const) {
      const [mine, own] = [fileOf(part, newer), readFileSync(fileOf(part, newer))];
      copyFileSync(fileOf(part), mine);
      const opened = openBackup(store, newer.database, newer.id).then((each) => verifyBackup(store, each));
      await assert.rejects(
        opened,
        part === "dump" ? failsAt("read back", /bytes|SHA/) : failsAt("manifest", /another backup/),
      );
      if (part === "manifest") {
        copyFileSync(fileOf("dump"), fileOf("dump", newer));
        await assert.rejects(openBackup(store, newer.database, newer.id), failsAt("manifest", /another backup/));
      } else writeFileSync(mine, own);
    }
    rmSync(join(fileOf("dump", newer), ".."), { recursive: true });
  });

  it("shows any edit of its manifest", async () => {
    const text = readFileSync(fileOf("manifest"), "utf8");
    const edits: [RegExp, string][] = [
      [/"rows": 503/, '"rows": 504'],
      [/"release": "[^"]*"/, '"release": "green 2.0.0"'],
      [/"takenAt": "2/, '"takenAt": "3'],
      [/"digest": "./, '"digest": "_'],
      [/^\{/, ""],
      [/[^]*/, "null"],
    ];
    for (const [from, to] of edits) {
      const edited = text.replace(from, to);
      assert.notEqual(edited, text);
      writeFileSync(fileOf("manifest"), edited);
      await assert.rejects(backup(), failsAt("manifest", /is not to be trusted/));
    }
    writeFileSync(fileOf("manifest"), text);
    assert.ok((await backup()).verification, "its verification is of this manifest");
  });

  it("is decoded to its end: one that is as it was written and no dump is refused", async () => {
    const broken = await take();
    const half = readFileSync(fileOf("dump", broken)).subarray(0, broken.dump.size >> 1);
    const sha256 = createHash("sha256").update(half).digest("hex");
    writeFileSync(fileOf("dump", broken), half);
    const manifest = resealed(broken, { dump: { ...broken.dump, size: half.length, sha256 } });
    await assert.rejects(verifyBackup(store, { manifest }), failsAt("decode", /pg_restore can't read it: ./));
  });

  it("that restores to something else fails its drill, by the name of what differs", async () => {
    const tables = { ...manifest.contents.tables, "other.notes": { rows: 2, checksum: "1" } };
    const id = manifest.id.replace(/.{8}$/, "00000000");
    const dump = { ...manifest.dump, key: backupKey(manifest.database, id, "dump") };
    const other = resealed(manifest, { id, dump, contents: { ...manifest.contents, tables } });
    await store.put(dump.key, await store.get(manifest.dump.key));
    await storeManifest(store, other);
    await verifyBackup(store, { manifest: other });
    await assert.rejects(
      drillBackup(database.target, store, { manifest: other }, { say }),
      failsAt("drill", /table other\.notes: 1 rows, expected 2/),
    );
    assert.equal((await openBackup(store, other.database, id)).verification?.drill, undefined);
    assert.deepEqual(await drills(), []);
  });

  it("that decodes and doesn't restore fails its drill, with what PostgreSQL said", async () => {
    const untidy = await createRealDatabase(postgres);
    await untidy.owner.query(`
      CREATE TABLE apes (id int CHECK (current_database() = '${untidy.name}')); INSERT INTO apes VALUES (1)`);
    const { target } = untidy;
    const taken = await takeBackup(target, store, { before: "asked", release: "", say });
    await verifyBackup(store, { manifest: taken });
    await assert.rejects(
      drillBackup(target, store, { manifest: taken }, { say }),
      failsAt("drill", /could not be restored.*violates check constraint "apes_check"/s),
    );
  });

  it("is not restored for a drill where there is no room, and says how much is needed", async () => {
    const room = { freeBytes: manifest.server.databaseBytes };
    await assert.rejects(
      drillBackup(database.target, store, { manifest }, { say, room }),
      failsAt("space", /bytes are free on the server, expected \d+/),
    );
  });

  it("names what its role may not read", async () => {
    const closed = await createRealDatabase(postgres);
    await closed.owner.query(
      `CREATE TABLE hidden (id int); ALTER TABLE hidden ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY`,
    );
    await assert.rejects(
      takeBackup(closed.target, store, { before: "asked", release: "", say }),
      failsAt("dump", /row-level security policy for table "hidden".*no backup would be whole/s),
    );
    assert.deepEqual((await listBackups(store, closed.name)).backups, []);
    assert.deepEqual(await store.list(`backups/${closed.name}/`), []);
  });
});

describe("a backup of PostgreSQL 18", function () {
  this.timeout(300_000);

  it("restores to what was dumped", async function () {
    const why = await whyNoDump(18);
    if (why !== undefined) {
      console.error(`\nSKIPPED, no PostgreSQL 18 is backed up: ${why}\n`);
      return this.skip();
    }
    const postgres = await startPostgres(18);
    const folder = mkdtempSync(join(tmpdir(), "switchyard-backups-"));
    const say = () => undefined;
    try {
      const { target, owner } = await createRealDatabase(postgres);
      await fill({ owner, name: target.connection.database } as RealDatabase);
      await owner.query(
        "CREATE TABLE computed (a int, b int GENERATED ALWAYS AS (a * 2) VIRTUAL); INSERT INTO computed VALUES (1)",
      );
      const store = storeAt({ kind: "local", folder });
      const manifest = await takeBackup(target, store, { before: "asked", release: "", say });
      assert.equal(manifest.server.major, 18);
      assert.ok((await drillBackup(target, store, { manifest }, { say })).drill);
    } finally {
      await postgres.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe("the resource Backup", function () {
  this.timeout(300_000);
  let postgres: TestPostgres;
  let folder: string;
  let inputs: BackupInputs;
  const hour = 3_600_000;

  before(async () => {
    postgres = await startPostgres(15);
    folder = mkdtempSync(join(tmpdir(), "switchyard-backups-"));
    const { target, owner } = await createRealDatabase(postgres);
    await owner.query("CREATE TABLE notes (id int)");
    const { connection, password, owner: owns, migrator, template = "template1" } = target;
    inputs = {
      ...{ stage: "widen", platform: "local", majorVersion: 15, migrateTo: "latest", migrations: [], hold: [] },
      ...{ plan: { early: [], waits: [] }, release: "blue 1.0.0", store: { kind: "local", folder } },
      ...{ connection, password, owner: owns, migrator: migrator.user, migratorPassword: migrator.password, template },
      ...{ mode: "dump", dumpUpTo: 2 ** 40, drill: "never", maxAge: hour, every: hour, keep: { last: 2, days: 0 } },
    };
  });
  after(async () => {
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const ids = async () =>
    (await listBackups(storeAt({ kind: "local", folder }))).backups.map(({ manifest }) => manifest.id);

  it("takes one by the clock once `every` has passed, and keeps as many as config says", async () => {
    const { outs: first } = await provider.create(inputs);
    assert.ok(first.latest);
    assert.deepEqual(await ids(), [first.latest.id]);
    assert.deepEqual(await provider.diff(first, inputs, ""), { changes: false });
    assert.equal((await provider.update(first, inputs, "")).latest?.id, first.latest.id);
    let state = first;
    const taken = [first.latest.id];
    while (taken.length < 3) {
      const { latest } = state;
      assert.ok(latest);
      const old = { ...state, latest: { ...latest, takenAt: new Date(Date.now() - hour).toISOString() } };
      assert.deepEqual(await provider.diff(old, inputs, ""), { changes: true });
      state = await provider.update(old, inputs, "");
      taken.push(state.latest?.id ?? "");
    }
    assert.equal(new Set(taken).size, 3);
    assert.deepEqual(await ids(), taken.slice(1));
  });

  it("asks for no pg_dump where snapshots are asked for, and names what brings one where it is", async () => {
    const news = { ...inputs, majorVersion: 99 };
    assert.deepEqual(await provider.check?.({ ...news, mode: "snapshot" }, undefined), []);
    const [problem = ""] = (await provider.check?.(news, undefined)) ?? [];
    assert.match(problem, /no pg_dump on this machine can dump PostgreSQL 99.*postgresql-client-99/s);
  });
});
