import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { listBackups } from "../../infra/providers/backup/archive";
import { applyRetention } from "../../infra/providers/backup/retain";
import { archiveStack, findArchives } from "../../infra/providers/backup/stack-archive";
import { takeBackup } from "../../infra/providers/backup/take";
import { drillBackup, verifyBackup } from "../../infra/providers/backup/verify";
import { storeOfSchema, within } from "../../infra/providers/backup/within";
import { storeAt, type ObjectStore } from "../../infra/providers/store/store";
import { Account } from "../plugins/aws/account";
import { AwsApi } from "../plugins/aws/api/server";
import { fill } from "../support/backup";
import { withCredentials } from "../support/moto-stage";
import { startPostgres, type TestPostgres } from "../support/postgres";
import { createRealDatabase, type RealDatabase } from "../support/rehearsal";

const root = resolve(__dirname, "../..");

interface Said {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** `npm run backups -- …` as a person runs it, where there is no stack. */
async function backups(args: string[], env: NodeJS.ProcessEnv = {}): Promise<Said> {
  const command = ["--import", "tsx", "infra/commands/backups/main.ts", ...args];
  const child = spawn(process.execPath, command, { cwd: root, env: { ...process.env, ...env } });
  const [out, err, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close") as Promise<[number | null]>,
  ]);
  assert.doesNotMatch(out + err, /undefined|\n {4}at /);
  return { code, out, err };
}

describe("npm run backups, where there is no stack any more", function () {
  this.timeout(300_000);
  let postgres: TestPostgres;
  let database: RealDatabase;
  let folder: string;
  let store: ObjectStore;
  const say = () => undefined;
  const take = (into = store) => takeBackup(database.target, into, { before: "asked", release: "blue 1.0.0", say });

  before(async () => {
    postgres = await startPostgres(15);
  });
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "switchyard-backups-"));
    store = storeAt({ kind: "local", folder });
    database = await createRealDatabase(postgres);
    await database.owner.query("CREATE TABLE notes (id int); INSERT INTO notes VALUES (1), (2)");
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  after(() => postgres.stop());

  it("lists and verifies a store's folder, and its exit codes tell how things stand", async () => {
    const none = await backups(["list", "--store", folder]);
    assert.deepEqual([none.code, none.out.includes("no backup in")], [3, true]);
    const manifest = await take();
    const unverified = await backups(["list", "--store", folder, "--json"]);
    assert.equal(unverified.code, 3);
    const listed = JSON.parse(unverified.out) as { backups: { id: string; verifiedAt: string | null }[] };
    assert.deepEqual(
      listed.backups.map(({ id, verifiedAt }) => [id, verifiedAt]),
      [[manifest.id, null]],
    );
    const verified = await backups(["verify", "--store", folder, "--json"]);
    assert.equal(verified.code, 0, verified.err);
    assert.equal((JSON.parse(verified.out) as { id: string }).id, manifest.id);
    const fine = await backups(["list", "--store", folder]);
    assert.equal(fine.code, 0);
    assert.match(fine.out, new RegExp(`^${manifest.id} +${database.name} `, "m"));
    const file = join(folder, manifest.dump.key);
    const bytes = readFileSync(file);
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 9) ^ 1, bytes.length - 9);
    writeFileSync(file, bytes);
    const damaged = await backups(["verify", manifest.id, "--store", folder]);
    assert.equal(damaged.code, 1);
    assert.match(damaged.err, /failed at the step "read back": .* is not what was written/);
  });

  it("says what is wrong with what it was asked", async () => {
    const asked: [string[], RegExp][] = [
      [["verify", "--store", folder], /has no backup; npm run backups -- list shows them/],
      [["verify", "newest", "--store", folder], /"newest" is no id of a backup/],
      [["list", "--store", folder, "--stack", "local"], /give one of the two/],
      [["list", "--store", folder, "--schema", "a/b"], /--schema is "a\/b", expected a name/],
      [["list", "--store", folder, "--archive", "last"], /--archive is "last", expected the id/],
      [["list", "--store", "s3://UPPER"], /expected a folder, or s3:\/\/bucket/],
    ];
    for (const [args, says] of asked) {
      const { code, err } = await backups(args);
      assert.equal(code, 1, args.join(" "));
      assert.match(err, says);
    }
  });

  it("reads a bucket by its address", async () => {
    const account = new Account(join(folder, "account.db"));
    account.change((rows) => rows.put({ token: "aws:s3/bucket:Bucket", id: "old-store", outs: {} }));
    const api = await AwsApi.start(account);
    const undo = withCredentials();
    const env = { AWS_ENDPOINT_URL: api.url, AWS_REGION: "eu-west-1" };
    try {
      const connection = { region: "eu-west-1", endpoints: { s3: api.url } };
      const manifest = await take(storeAt({ kind: "s3", connection, bucket: "old-store", prefix: "production" }));
      const verified = await backups(["verify", "--store", "s3://old-store/production"], env);
      assert.equal(verified.code, 0, verified.err);
      assert.match(verified.out, new RegExp(`^${manifest.id} is what was written`));
      const gone = await backups(["list", "--store", "s3://no-store"], env);
      assert.deepEqual([gone.code, /NoSuchBucket/.test(gone.err)], [1, true], gone.err);
    } finally {
      undo();
      await api.stop();
      account.close();
    }
  });

  it("reads an archive whole, which no retention deletes, and whose backup is one like any other", async () => {
    await store.put("records/2026-01-31T08-00-00.000Z-advance.json", '{"outcome":"arrived"}');
    const manifest = await take();
    const verification = await verifyBackup(store, { manifest });
    const of = { stack: "production", backup: { manifest, verification }, folder: root, say };
    const { id, files } = await archiveStack(store, { ...of, documents: { "config.json": { greenWeight: 100 } } });
    assert.deepEqual(
      files.map(({ key }) => key.split("/").at(-1)),
      ["database.dump", "manifest.json", "2026-01-31T08-00-00.000Z-advance.json", "config.json"],
    );
    const facts = { applied: [], half: null, scars: [] };
    const newer = await take();
    await verifyBackup(store, { manifest: newer });
    await applyRetention(store, database.name, { facts, keep: { last: 1, days: 0 }, say });
    assert.equal((await listBackups(store)).backups.length, 1);
    const whole = await backups(["verify", "--archive", id, "--store", folder]);
    assert.deepEqual([whole.code, /4 objects, and its backup/.test(whole.out)], [0, true], whole.err);
    const listed = await backups(["list", "--store", folder]);
    assert.match(listed.out, new RegExp(`^Archives .*${id}$`, "m"));
    const own = await backups(["verify", "--store", join(folder, "archive", id)]);
    assert.match(own.out, new RegExp(`^${manifest.id} is what was written`));
    const [backup] = (await listBackups(within(store, `archive/${id}`))).backups;
    assert.ok(backup);
    assert.ok((await drillBackup(database.target, within(store, `archive/${id}`), backup, { say })).drill);
    await store.put(`archive/${id}/config.json`, "{}");
    const changed = await backups(["verify", "--archive", id, "--store", folder]);
    assert.equal(changed.code, 1);
    assert.match(changed.err, /the archive .* is not what was written:\n {2}config\.json has 2 bytes, expected/);
    await store.delete(`archive/${id}/archive.json`);
    assert.deepEqual(await findArchives(store), { whole: [], broken: [id] });
    assert.equal((await backups(["verify", "--archive", id, "--store", folder])).code, 1);
  });

  it("has backups of one schema apart: they hold that schema, show that it restores, and stand in for nothing", async () => {
    await database.owner.query("DROP TABLE notes");
    await fill(database);
    await database.owner.query(
      `CREATE SCHEMA tied; CREATE TABLE tied.refs (i int, mood mood);
       CREATE SCHEMA "Odd"; CREATE TABLE "Odd"."t ""1" (id int); INSERT INTO "Odd"."t ""1" VALUES (1)`,
    );
    const of = (schema: string) =>
      takeBackup(database.target, storeOfSchema(store, schema), { before: "asked", release: "", schema, say });
    const other = await of("other");
    assert.deepEqual(Object.keys(other.contents.tables), ["other.notes"]);
    assert.equal(other.contents.largeObjects.count, 0);
    const restored = await drillBackup(database.target, storeOfSchema(store, "other"), { manifest: other }, { say });
    assert.ok(restored.drill);
    const odd = await of("Odd");
    assert.deepEqual(Object.keys(odd.contents.tables), ['"Odd"."t ""1"']);
    assert.ok((await drillBackup(database.target, storeOfSchema(store, "Odd"), { manifest: odd }, { say })).drill);
    const everyday = await of("public");
    assert.ok(Object.keys(everyday.contents.tables).includes("public.notes"));
    assert.ok(
      (await drillBackup(database.target, storeOfSchema(store, "public"), { manifest: everyday }, { say })).drill,
    );
    const tied = await of("tied");
    await assert.rejects(
      drillBackup(database.target, storeOfSchema(store, "tied"), { manifest: tied }, { say }),
      /could not be restored.*type "public\.mood" does not exist/s,
    );
    await assert.rejects(of("missing"), /no matching schemas were found/);
    assert.deepEqual((await listBackups(store)).backups, []);
    const listed = await backups(["list", "--store", folder]);
    assert.match(listed.out, /^Schemas alone .*Odd, other, public, tied/m);
    assert.equal((await backups(["list", "--store", folder, "--schema", "other"])).code, 0);
  });
});
