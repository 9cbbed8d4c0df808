import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { keptOf, type KeptDatabase } from "../../infra/backup/restore-choice";
import { removeBackup } from "../../infra/providers/backup/archive";
import { takeBackup } from "../../infra/providers/backup/take";
import { assertMayGoBack, goBack, type BackOptions } from "../../infra/providers/restore/back";
import { beside, findDatabases, findKept } from "../../infra/providers/restore/look";
import { restore } from "../../infra/providers/restore/restore";
import { retire } from "../../infra/providers/restore/retire";
import { storeAt, type ObjectStore } from "../../infra/providers/store/store";
import { startPostgres, type TestPostgres } from "../support/postgres";
import { createRealDatabase, type RealDatabase } from "../support/rehearsal";

describe("a restore that is taken back", function () {
  this.timeout(300_000);
  let postgres: TestPostgres;
  let folder: string;
  let store: ObjectStore;
  let database: RealDatabase;
  /** What was restored, and what that has replaced. */
  let origin: string;
  let to: KeptDatabase;
  const say = () => undefined;

  before(async () => {
    postgres = await startPostgres(15);
    folder = mkdtempSync(join(tmpdir(), "switchyard-restores-"));
    store = storeAt({ kind: "local", folder });
    database = await createRealDatabase(postgres);
    await database.owner.query(
      "CREATE TABLE notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, text text); INSERT INTO notes (text) VALUES ('one')",
    );
    origin = (await takeBackup(database.target, store, { before: "asked", release: "", say })).id;
    await database.owner.query("INSERT INTO notes (text) VALUES ('two')");
    await database.owner.end();
    await again();
  });
  after(async () => {
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function again(): Promise<void> {
    const { target, name } = database;
    const options = { from: origin, into: `${name}_new`, acceptLossSince: origin, release: "", say };
    assert.ok(await restore(target, store, options));
    const found = (await keptNow()).at(-1);
    assert.ok(found);
    to = found;
  }
  const keptNow = () =>
    beside(database.target.connection, database.target.password, (client) => findKept(client, database.name));
  const orders = (more: Partial<BackOptions> = {}): BackOptions => ({ to, origin, release: "", say, ...more });
  const inside = <T>(sql: string, name = database.name): Promise<T[]> =>
    postgres.asSuperuser(async (client) => (await client.query(sql)).rows as T[], name);
  const texts = async (name?: string) =>
    (await inside<{ text: string }>("SELECT text FROM notes ORDER BY id", name)).map(({ text }) => text);

  it("brings back what was replaced, with its own comment, where nothing was written", async () => {
    assert.deepEqual(await texts(), ["one"]);
    await assertMayGoBack(database.target, store, orders());
    const back = await goBack(database.target, store, orders());
    assert.deepEqual(await texts(), ["one", "two"]);
    assert.deepEqual([back.from, back.written], ["", []]);
    assert.deepEqual(await texts(back.kept), ["one"]);
    const { connection, password } = database.target;
    const found = await beside(connection, password, (client) => findDatabases(client, [database.name, back.kept]));
    assert.equal(found.get(database.name)?.comment, null);
    assert.equal(keptOf(database.name, [...found.values()])[0]?.kept.by, "");
    await retire(database.target, [back.kept], say);
    assert.deepEqual(await keptNow(), []);
    await again();
  });

  it("is refused where a row came after the look, with nobody able to write between the last look and the switch", async () => {
    const assertWanted = async () => {
      await inside("INSERT INTO notes (text) VALUES ('late')");
    };
    await assert.rejects(
      goBack(database.target, store, orders({ assertWanted })),
      /table public\.notes: 1 in the backup, 2 now.*everything serves as before/s,
    );
    assert.deepEqual(await texts(), ["one", "late"]);
    await inside("INSERT INTO notes (text) VALUES ('still may write')");
  });

  it("is refused with what was written, and three ways out; also where nobody can say what that was", async () => {
    const other = to.kept.backup.replace(/.{8}$/, "00000000");
    for (const acceptLossSince of [undefined, other, origin])
      await assert.rejects(
        assertMayGoBack(database.target, store, orders(acceptLossSince === undefined ? {} : { acceptLossSince })),
        (error) => {
          const { message } = error as Error;
          assert.match(message, /table public\.notes: 1 in the backup, 3 now/);
          assert.match(
            message,
            new RegExp(`restore\\.from ${origin}.*acceptLossSince ${to.kept.backup}.*restore\\.retire ${to.name}`, "s"),
          );
          assert.doesNotMatch(message, /undefined/);
          return true;
        },
      );
    await assert.rejects(
      assertMayGoBack(
        database.target,
        store,
        orders({ judge: () => ["a release can't run on it"], acceptLossSince: to.kept.backup }),
      ),
      /must not take the place.*a release can't run on it/s,
    );
    await removeBackup(store, database.name, origin);
    await assert.rejects(assertMayGoBack(database.target, store, orders()), /nobody can say what: the backup/);
  });

  it("is done where that loss is accepted, and what was written stays beside it", async () => {
    const back = await goBack(database.target, store, orders({ acceptLossSince: to.kept.backup }));
    assert.deepEqual(await texts(), ["one", "two"]);
    assert.deepEqual(await texts(back.kept), ["one", "late", "still may write"]);
  });

  it("drops nothing that doesn't carry the mark of a restore", async () => {
    await assert.rejects(retire(database.target, [database.name], say), /does not carry the mark/);
    assert.deepEqual(await texts(), ["one", "two"]);
  });
});
