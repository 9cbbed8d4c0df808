import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CreateDBInstanceCommand, RDSClient } from "@aws-sdk/client-rds";
import type { BackupStep } from "../../infra/backup/failure";
import { seal } from "../../infra/backup/seal";
import { snapshotName, type SnapshotRecord } from "../../infra/backup/snapshot";
import { createSnapshot, deleteSnapshot, describeSnapshot, type RdsAddress } from "../../infra/platform/aws/snapshot";
import { listBackups, openBackup, openSnapshot } from "../../infra/providers/backup/archive";
import { backUp, look, type BackUpOrders } from "../../infra/providers/backup/back-up";
import { applyRetention } from "../../infra/providers/backup/retain";
import { storeAt, type ObjectStore } from "../../infra/providers/store/store";
import type { SchemaStep } from "../../infra/rollout/types";
import { Account } from "../plugins/aws/account";
import { instanceState, snapshotMs, snapshotQuota, snapshotToken } from "../plugins/aws/api/rds";
import { AwsApi } from "../plugins/aws/api/server";
import { connectionTo, useMoto, withCredentials } from "../support/moto-stage";
import { startPostgres, type TestPostgres } from "../support/postgres";
import { createRealDatabase, type RealDatabase } from "../support/rehearsal";

const instance = "switchyard-test";
const step = (phase: "expand" | "contract"): SchemaStep => ({
  direction: "up",
  migration: {
    ...{ version: "0001", name: "one", phase, checksum: "", hasDown: true },
    lossy: { up: false, down: false },
  },
});

describe("a snapshot of RDS", function () {
  this.timeout(300_000);
  let postgres: TestPostgres;
  let database: RealDatabase;
  let folder: string;
  let account: Account;
  let api: AwsApi;
  let store: ObjectStore;
  let rds: RdsAddress;
  const said: string[] = [];
  const undo: (() => void)[] = [];

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "switchyard-snapshots-"));
    postgres = await startPostgres(15);
    account = new Account(join(folder, "account.db"));
    account.change((rows) => {
      const outs = { identifier: instance, allocatedStorage: 100, engine: "postgres", status: "available" };
      rows.put({ token: "aws:rds/instance:Instance", id: instance, outs });
    });
    api = await AwsApi.start(account);
    rds = { connection: { region: "eu-west-1", endpoints: { rds: api.url, cloudwatch: api.url } }, instance };
    undo.push(withCredentials());
  });
  beforeEach(async () => {
    said.length = 0;
    store = storeAt({ kind: "local", folder: mkdtempSync(join(folder, "store-")) });
    database = await createRealDatabase(postgres);
    await database.owner.query("CREATE TABLE notes (id int); INSERT INTO notes VALUES (1), (2)");
  });
  afterEach(() => assert.deepEqual(account.clearFaults(), [], "every injected fault was met"));
  after(async () => {
    for (const each of undo) each();
    await api.stop();
    account.close();
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const say = (line: string): void => void said.push(line);
  const orders = (more: Partial<BackUpOrders> = {}): BackUpOrders => ({
    ...{ platform: "aws", mode: "snapshot", dumpUpTo: 2 ** 40, drill: "never", keep: { last: 10, days: 30 } },
    ...{ release: "blue 1.0.0", before: "widen", steps: [step("expand")], rds, say, ...more },
  });
  const take = async (more?: Partial<BackUpOrders>) =>
    backUp(database.target, store, await look(database.target, say), orders(more));
  const inRds = (name: string) => account.change((rows) => rows.get(snapshotToken, name))?.outs;
  const snapshots = async () => (await listBackups(store, database.name)).snapshots;
  const failsAt = (at: BackupStep, says: RegExp) => (error: unknown) => {
    const { step: found, message } = error as { step?: BackupStep; message: string };
    assert.equal(found, at, message);
    assert.match(message, says);
    assert.doesNotMatch(message, /undefined/);
    return true;
  };

  it("stands in for a dump once it is available, and before what only adds it stands in for another one", async () => {
    const taken = await take();
    const name = snapshotName(instance, taken.id);
    assert.deepEqual([taken.snapshot, taken.size, taken.reused], [name, undefined, false]);
    assert.equal(inRds(name)?.["status"], "available");
    assert.deepEqual(inRds(name)?.["tagsAll"], {
      "switchyard:backup": taken.id,
      "switchyard:database": database.name,
    });
    const [record] = await snapshots();
    assert.equal(record?.state, "available");
    assert.equal(record.takenAt, inRds(name)?.["createdAt"]);
    const again = await take({ maxAge: 3_600_000 });
    assert.deepEqual([again.id, again.snapshot, again.reused], [taken.id, name, true]);
    assert.equal((await take()).reused, false);
    await assert.rejects(
      openBackup(store, database.name, taken.id),
      failsAt("manifest", /has no dump: it is the snapshot .* rds\.seedFrom/),
    );
  });

  it("can't show that it restores: before what takes away that has to be accepted", async () => {
    const narrowing = { steps: [step("contract")], drill: "narrowing" } as const;
    await assert.rejects(
      take(narrowing),
      failsAt("mode", /backup\.mode is snapshot, and .*config set --path backup\.drill never/s),
    );
    await assert.rejects(
      take({ ...narrowing, mode: "dump", dumpUpTo: 1 }),
      failsAt("mode", /bytes, more than backup\.dumpUpTo \(1\)/),
    );
    assert.equal((await take({ ...narrowing, drill: "never" })).reused, false);
  });

  it("stands beside a dump, of the same schema, without being waited for; none where the clock asks", async () => {
    account.setOption(snapshotMs, 1e12);
    const taken = await take({ mode: "dump" });
    const { manifest, snapshot } = await openBackup(store, database.name, taken.id);
    assert.ok(taken.size !== undefined && taken.size === manifest.dump.size);
    assert.equal(snapshot?.state, "fixed");
    assert.deepEqual(snapshot.applied, manifest.applied);
    assert.equal(inRds(snapshot.snapshot.name)?.["status"], "creating");
    assert.deepEqual(await snapshots(), []);
    account.setOption(snapshotMs, 1);
    const asked = await take({ mode: "dump", steps: [], before: "asked" });
    assert.equal((await openBackup(store, database.name, asked.id)).snapshot, undefined);
  });

  it("waits for an instance that does something else, and for one that is being copied", async () => {
    account.setOption(instanceState(instance), "modifying");
    const taking = take({
      say: (line) => {
        say(line);
        if (/waiting for switchyard-test/.test(line)) account.setOption(instanceState(instance), "available");
      },
    });
    await taking;
    assert.match(said.join("\n"), /InvalidDBInstanceState.* is not currently in the available state/);
  });

  it("that can't be taken says so, and the next backup clears away what was begun", async () => {
    account.inject({ of: "CreateDBSnapshot", on: "api", code: "AccessDenied" });
    await assert.rejects(take({ mode: "dump" }), failsAt("snapshot", /the role or user needs rds:CreateDBSnapshot/));
    account.setOption(snapshotQuota, 0);
    await assert.rejects(take(), failsAt("snapshot", /SnapshotQuotaExceeded.*lower backup\.keep/s));
    account.setOption(snapshotQuota, 100);
    assert.deepEqual(await snapshots(), []);
    assert.deepEqual((await listBackups(store)).backups, []);
    await take();
    assert.equal(said.filter((line) => line.startsWith("cleared away")).length, 2);
    assert.equal((await store.list("backups/")).length, 1);
  });

  it("of a run that was killed is deleted by the next one, once RDS deletes it", async () => {
    const id = "2026-01-31T08-00-00.000Z-0123abcd";
    const name = snapshotName(instance, id);
    const { id: earlier } = await take();
    const record = await openSnapshot(store, database.name, earlier);
    assert.ok(record);
    const begun: Partial<SnapshotRecord> = { ...record, id, state: "begun" };
    begun.snapshot = { name, instance, region: "eu-west-1" };
    delete (begun as { digest?: string }).digest;
    const key = `backups/${database.name}/${id}/snapshot.json`;
    await store.put(key, JSON.stringify(seal(begun)));
    account.setOption(snapshotMs, 1e12);
    await createSnapshot(rds, name, {});
    await take({
      say: (line) => {
        say(line);
        if (/waiting for switchyard-test/.test(line)) account.setOption(snapshotMs, 1);
      },
    });
    assert.match(said.join("\n"), /stays for now: RDS deletes no snapshot that it is still making/);
    await take();
    assert.match(said.join("\n"), new RegExp(`cleared away ${id}`));
    assert.equal(inRds(name), undefined);
    assert.ok(!(await store.list("backups/")).some((object) => object.key === key));
  });

  it("goes with its backup when retention lets that go, and one of another region stays", async () => {
    const first = await take({ mode: "dump" });
    const alone = await take();
    const last = await take({ mode: "dump" });
    const { facts } = await look(database.target, say);
    const keep = { last: 1, days: 0 };
    const elsewhere = { ...rds, connection: { ...rds.connection, region: "us-east-1" } };
    await applyRetention(store, database.name, { facts, keep, rds: elsewhere, say });
    assert.match(said.join("\n"), /stays: its snapshot .* is one of RDS in eu-west-1/);
    assert.equal((await listBackups(store)).backups.length, 2);
    await applyRetention(store, database.name, { facts, keep, rds, say });
    const { backups, snapshots: left, faults } = await listBackups(store);
    assert.deepEqual([backups.map(({ manifest }) => manifest.id), left, faults], [[last.id], [], []]);
    for (const { id } of [first, alone]) assert.equal(inRds(snapshotName(instance, id)), undefined, id);
    assert.ok(inRds(snapshotName(instance, last.id)));
  });

  it("that RDS gives up is no backup", async () => {
    account.setOption(snapshotMs, 1e12);
    const taking = take({
      say: (line) => {
        say(line);
        const [, name] = /waiting for the snapshot (\S+) /.exec(line) ?? [];
        if (name === undefined) return;
        account.change((rows) => {
          const row = rows.get(snapshotToken, name);
          if (row !== undefined) rows.put({ ...row, outs: { ...row.outs, status: "failed" } });
        });
      },
    });
    await assert.rejects(taking, failsAt("snapshot", /is failed, expected: available.*describe-events/s));
    assert.deepEqual(await snapshots(), []);
    account.setOption(snapshotMs, 1);
  });

  it("is waited for also while AWS can't say how it is for a moment", async () => {
    account.inject({ of: "DescribeDBSnapshots", on: "api", code: "ServiceUnavailable", times: 5 });
    assert.ok((await take()).snapshot);
  });

  it("is waited for no longer than somebody waits for it, and is cleared away then", async () => {
    account.setOption(snapshotMs, 1e12);
    let asked = 0;
    const goOn = async () => {
      asked += 1;
      if (asked === 2) throw new Error("nobody waits any more");
      await Promise.resolve();
    };
    await assert.rejects(take({ goOn }), /nobody waits any more/);
    assert.deepEqual(await snapshots(), []);
    account.setOption(snapshotMs, 1);
    await take();
    assert.match(said.join("\n"), /cleared away/);
  });

  it("or a drill: CloudWatch says how much room there is, and where it can't, that is said", async () => {
    const drilled = { mode: "dump", drill: "always", steps: [] } as const;
    await take(drilled);
    assert.match(said.join("\n"), /no FreeStorageSpace of switchyard-test .*: nobody knows whether there is room/);
    account.setOption(`rds FreeStorageSpace ${instance}`, 1_000_000);
    await assert.rejects(take(drilled), failsAt("space", /1000000 bytes are free on the server, expected \d+/));
    account.setOption(`rds FreeStorageSpace ${instance}`, 10 * 2 ** 30);
    assert.ok((await take(drilled)).drillMs !== undefined);
  });
});

describe("snapshots as another implementation of RDS has them", function () {
  this.timeout(300_000);
  const moto = useMoto();

  it("are begun once under a name, looked at, and deleted", async () => {
    const connection = { region: "eu-west-1", endpoints: { ...connectionTo(moto().url).endpoints, rds: moto().url } };
    const client = new RDSClient({ region: "eu-west-1", endpoint: moto().url });
    await client.send(
      new CreateDBInstanceCommand({
        ...{ DBInstanceIdentifier: instance, DBInstanceClass: "db.t4g.medium", Engine: "postgres" },
        ...{ AllocatedStorage: 20, MasterUsername: "switchyard", MasterUserPassword: "not-a-real-one" },
      }),
    );
    client.destroy();
    const rds = { connection, instance };
    const name = snapshotName(instance, "2026-01-31T08-00-00.000Z-0123abcd");
    assert.equal(await describeSnapshot(rds, name), undefined);
    const made = await createSnapshot(rds, name, { "switchyard:backup": "one" });
    assert.equal(made.name, name);
    assert.equal((await createSnapshot(rds, name, {})).arn, made.arn);
    assert.equal((await describeSnapshot(rds, name))?.status, "available");
    assert.ok((await describeSnapshot(rds, name))?.of instanceof Date);
    assert.equal(await deleteSnapshot(rds, name), true);
    assert.equal(await deleteSnapshot(rds, name), true);
    await assert.rejects(createSnapshot({ connection, instance: "nobody" }, name, {}), /DBInstanceNotFound/);
  });
});
