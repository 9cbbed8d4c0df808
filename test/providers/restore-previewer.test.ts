import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { takeBackup } from "../../infra/providers/backup/take";
import { assertMayGoBack, goBack } from "../../infra/providers/restore/back";
import { beside, findKept } from "../../infra/providers/restore/look";
import { provider } from "../../infra/providers/restore/provider";
import type { RestoreInputs } from "../../infra/providers/restore/resource";
import { restore } from "../../infra/providers/restore/restore";
import { storeAt, type S3StoreAddress } from "../../infra/providers/store/store";
import { Account } from "../plugins/aws/account";
import { AwsApi } from "../plugins/aws/api/server";
import { connectionTo, withCredentials } from "../support/moto-stage";
import { startPostgres, type TestPostgres } from "../support/postgres";
import { createRealDatabase, type RealDatabase } from "../support/rehearsal";

/** A pipeline's previewer may list the store, and read nothing of it (infra/platform/aws/ci-policies.ts). */
describe("a restore, as whoever may not read the store previews it", function () {
  this.timeout(180_000);
  let postgres: TestPostgres;
  let folder: string;
  let account: Account;
  let api: AwsApi;
  let database: RealDatabase;
  let address: S3StoreAddress;
  let taken: string;
  let undo: () => void;
  const say = () => undefined;

  before(async () => {
    postgres = await startPostgres(15);
    folder = mkdtempSync(join(tmpdir(), "switchyard-previewer-"));
    account = new Account(join(folder, "account.db"));
    account.change((rows) => rows.put({ token: "aws:s3/bucket:Bucket", id: "store", outs: {} }));
    api = await AwsApi.start(account);
    undo = withCredentials();
    address = { kind: "s3", connection: connectionTo(api.url), bucket: "store", prefix: "" };
    database = await createRealDatabase(postgres);
    await database.owner.query("CREATE TABLE notes (id int PRIMARY KEY); INSERT INTO notes VALUES (1)");
    taken = (await takeBackup(database.target, storeAt(address), { before: "asked", release: "", say })).id;
    await database.owner.query("INSERT INTO notes VALUES (2)");
    await database.owner.end();
  });
  afterEach(() => account.clearFaults());
  after(async () => {
    undo();
    await api.stop();
    account.close();
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const denied = (...actions: string[]): void => {
    account.inject(...actions.map((of) => ({ of, on: "api" as const, code: "AccessDenied", times: null })));
  };
  /** What preview says against a restore from that backup. */
  async function previewed(from: string): Promise<readonly string[]> {
    const { connection, password } = database.target;
    const needed = { connection, password, from, store: address, expected: { database: database.name } };
    const nothing = { declared: {}, attempts: [], plan: { early: [], waits: [] }, hold: [] };
    return provider.check?.({ ...needed, ...nothing } as unknown as RestoreInputs, undefined) ?? [];
  }
  const absent = "2026-01-31T08-00-00.000Z-1a2b3c4d";

  it("is refused where there is no such backup", async () => {
    denied("GetObject");
    const refused = `there is no backup ${absent} of ${database.name} in s3://store/backups/`;
    assert.deepEqual(await previewed(absent), [refused]);
    assert.deepEqual([...new Set(api.asked.slice(-2))], ["s3:GetObject", "s3:ListBucket"]);
  });

  it("is left to the `up` where there is one, or the store can't even be listed", async () => {
    denied("GetObject");
    assert.deepEqual(await previewed(taken), []);
    denied("ListBucket");
    assert.deepEqual(await previewed(absent), []);
  });

  it("is taken back as far as a preview can say, and the `up` still refuses what nobody can judge", async () => {
    const { target, name } = database;
    const store = storeAt(address);
    const options = { from: taken, into: `${name}_new`, acceptLossSince: taken, release: "", say };
    assert.ok(await restore(target, store, options));
    const [to] = await beside(target.connection, target.password, (client) => findKept(client, name));
    assert.ok(to);
    const back = { to, origin: taken, release: "", say };
    denied("GetObject");
    await assertMayGoBack(target, store, back);
    await assert.rejects(goBack(target, store, back), /nobody can say what: the backup .* can't be read any more/);
  });
});
