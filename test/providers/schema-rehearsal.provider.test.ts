import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PartialFailure, unknownValue } from "../../infra/providers/contract";
import { provider } from "../../infra/providers/schema-rehearsal/provider";
import type {
  SchemaRehearsalInputs as Inputs,
  SchemaRehearsalState as State,
} from "../../infra/providers/schema-rehearsal/resource";
import type { Migration } from "../../infra/schema";
import { startPostgres, type TestPostgres } from "../support/postgres";
import { createRealDatabase, migration, type RealDatabase } from "../support/rehearsal";

const notes = migration("0001_notes.sql", "CREATE TABLE notes (id int);", "DROP TABLE notes;");
const more = migration(
  "0002_more.sql",
  "ALTER TABLE notes ADD COLUMN more text;",
  "ALTER TABLE notes DROP COLUMN more;",
);
const wrong = migration("0003_wrong.sql", "CREATE TABLE wrong (id int);", "SELECT 1;");

describe("SchemaRehearsal", function () {
  this.timeout(180_000);
  let postgres: TestPostgres;
  let folder: string;
  let workingFolder: string;
  const said: string[] = [];
  const { error: print } = console;

  before(async () => {
    postgres = await startPostgres(15);
    folder = mkdtempSync(join(tmpdir(), "switchyard-rehearsal-"));
    mkdirSync(join(folder, "infra"));
    workingFolder = process.cwd();
    // Where providers run: the folder of main, one below the project.
    process.chdir(join(folder, "infra"));
    console.error = (line: string) => said.push(line);
  });
  after(async () => {
    console.error = print;
    process.chdir(workingFolder);
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Inputs that declare these migrations, with their files as a commit has them. */
  function declare({ target }: RealDatabase, migrations: readonly Migration[], change: Partial<Inputs> = {}): Inputs {
    rmSync(join(folder, "migrations"), { recursive: true, force: true });
    mkdirSync(join(folder, "migrations"));
    for (const { fileName, text } of migrations) writeFileSync(join(folder, "migrations", fileName), text);
    return {
      folder: "migrations",
      migrations: migrations.map(({ version, name, checksum }) => ({ version, name, checksum })),
      enabled: true,
      drift: "warn",
      connection: target.connection,
      password: target.password,
      owner: target.owner,
      migrator: target.migrator.user,
      migratorPassword: target.migrator.password,
      template: "template1",
      acceptUnrehearsed: [],
      ...change,
    };
  }

  /** As the engine does it: check, complete, then create or update where diff says so. */
  async function up(news: Inputs, olds?: State): Promise<State | undefined> {
    assert.deepEqual(await provider.check?.(news, olds), []);
    const known = provider.complete?.(news, olds) ?? news;
    if (olds === undefined) return (await provider.create(known)).outs;
    if (!(await provider.diff(olds, known, "id")).changes) return undefined;
    return provider.update(olds, known, "id");
  }

  async function failed(work: Promise<unknown>): Promise<PartialFailure & { outs: State }> {
    const error: unknown = await work.then(
      () => assert.fail("nothing was thrown"),
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof PartialFailure, String(error));
    return error as PartialFailure & { outs: State };
  }

  const versions = (state: State | undefined) => state?.rehearsed.map(({ version, on }) => `${version} ${on}`);
  /** Where nobody listens. */
  const down = (inputs: Inputs): Inputs => ({ ...inputs, connection: { ...inputs.connection, port: 1 } });

  it("rehearses what is pending once, and asks no database when nothing is", async () => {
    const database = await createRealDatabase(postgres);
    const state = await up(declare(database, [notes, more]));
    assert.deepEqual(versions(state), ["0001 structure", "0002 structure"]);
    assert.ok(state);
    assert.ok(said.includes("rehearsing 0002_more on a copy of the structure: up, down and up"));
    assert.equal(await up(down(declare(database, [notes, more])), state), undefined);
    assert.equal(await up(down(declare(database, [notes])), state), undefined);
    const rest = JSON.stringify({ ...state, password: "", migratorPassword: "" });
    for (const secret of [database.target.password, database.target.migrator.password])
      assert.ok(!rest.includes(secret));
  });

  it("takes what the database has for applied, and rehearses what comes later alone", async () => {
    const database = await createRealDatabase(postgres);
    await database.apply(notes);
    const first = await up(declare(database, [notes]));
    assert.deepEqual([first?.rehearsed, first?.applied], [[], [notes.checksum]]);
    assert.equal(await up(down(declare(database, [notes])), first), undefined);
    assert.deepEqual(versions(await up(declare(database, [notes, more]), first)), ["0002 structure"]);
  });

  it("keeps what went well when one fails, goes on from there, and can be taken back with the database down", async () => {
    const database = await createRealDatabase(postgres);
    const before = await database.everything();
    const { outs, message } = await failed(up(declare(database, [notes, wrong])));
    assert.match(message, /0003_wrong\.sql fails its rehearsal on a copy of the structure/);
    assert.deepEqual(versions(outs), ["0001 structure"]);
    assert.deepEqual(await database.everything(), before);
    // The engine asks for an update after a failure, whatever diff says.
    const reverted = down(declare(database, [notes]));
    assert.deepEqual(versions(await provider.update(outs, reverted, "id")), ["0001 structure"]);
    const mended = migration("0003_wrong.sql", "CREATE TABLE wrong (id int);", "DROP TABLE wrong;");
    assert.deepEqual(versions(await up(declare(database, [notes, mended]), outs)), [
      "0001 structure",
      "0003 structure",
    ]);
  });

  it("takes a database that is down for no change, and does not run where config has it switched off", async () => {
    const database = await createRealDatabase(postgres);
    const state = await up(declare(database, [notes]));
    assert.equal(await up(down(declare(database, [notes, more])), state), undefined);
    const off = await up(down(declare(database, [notes], { enabled: false })));
    assert.deepEqual(versions(off), []);
  });

  it("rehearses anew on what config names now, and says which dump is missing", async () => {
    const database = await createRealDatabase(postgres);
    const state = await up(declare(database, [notes]));
    const news = declare(database, [notes], { from: "backups/none.dump" });
    await assert.rejects(up(news, state), {
      message: /rehearsal\.from names .*backups\/none\.dump, and there is no such file/,
    });
    const from = join(folder, "real.dump");
    execFileSync(
      "pg_dump",
      ["-Fc", "-h", "127.0.0.1", "-p", String(postgres.port), "-U", "postgres", "-f", from, database.name],
      {
        env: { ...process.env, PGPASSWORD: postgres.superuserPassword },
      },
    );
    const restored = await up(declare(database, [notes], { from }), state);
    assert.deepEqual(versions(restored), ["0001 structure", "0001 restored"]);
    assert.equal(restored?.rehearsed[1]?.from, from);
    assert.equal(await up(down(declare(database, [notes], { from })), restored), undefined);
    await database.apply(notes);
    assert.equal(await up(news, state), undefined);
  });

  it("refuses at preview what another stack has not rehearsed on restored data, and records what config accepts", async () => {
    const database = await createRealDatabase(postgres);
    await database.apply(notes);
    const requiring = (change: Partial<Inputs>) =>
      declare(database, [notes, more], {
        enabled: false,
        requiredFrom: "organization/switchyard/staging",
        settled: [notes.checksum],
        ...change,
      });
    const [refusal = ""] = (await provider.check?.(requiring({ rehearsals: [] }), undefined)) ?? [];
    assert.match(refusal, /^0002_more may not run here yet: organization\/switchyard\/staging has not rehearsed it/);
    const accepted = await up(requiring({ rehearsals: [], acceptUnrehearsed: ["0002"] }));
    assert.deepEqual(accepted?.accepted, ["0002"]);
    const rehearsals = [
      { version: "0002", checksum: more.checksum, on: "restored" as const, at: "2026-01-01T00:00:00Z" },
    ];
    const proven = await up(requiring({ rehearsals }));
    assert.deepEqual([proven?.accepted, proven?.proven], [[], [more.checksum]]);
    // The stack that has proven it may be gone when a release is returned.
    assert.deepEqual(await provider.check?.(requiring({ rehearsals: undefined }), proven), []);
    assert.deepEqual(await provider.check?.(requiring({ rehearsals: unknownValue as never }), undefined), []);
  });
});
