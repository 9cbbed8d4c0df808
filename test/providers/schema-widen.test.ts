import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client } from "pg";
import { unknownValue } from "../../infra/providers/contract";
import { declareMigrations, readProjectMigrations } from "../../infra/providers/schema-widen/declare";
import { provider as narrow } from "../../infra/providers/schema-narrow/provider";
import { provider } from "../../infra/providers/schema-widen/provider";
import type { SchemaWidenInputs } from "../../infra/providers/schema-widen/resource";
import type { StageState } from "../../infra/providers/schema/stage-inputs";
import { withSchemaLock } from "../../infra/providers/schema/lock";
import { waitUntil } from "../../infra/platform/local/process/lifecycle";
import { startPostgres, type TestPostgres } from "../support/postgres";

const files: Record<string, string> = {
  "0001_notes.sql": `-- switchyard: phase=expand
-- migrate:up
CREATE TABLE notes (id bigint PRIMARY KEY, text text);
INSERT INTO notes SELECT n, 'note; number ' || n FROM generate_series(1, 10) AS n;
-- migrate:down
DROP TABLE notes;
`,
  "0002_index.sql": `-- switchyard: phase=expand
-- migrate:up transaction:false
CREATE INDEX CONCURRENTLY notes_text_idx ON notes (text);
CREATE INDEX CONCURRENTLY notes_text_id_idx ON notes (text, id);
-- migrate:down transaction:false
DROP INDEX CONCURRENTLY notes_text_id_idx;
DROP INDEX CONCURRENTLY notes_text_idx;
`,
};

describe("SchemaWiden", function () {
  this.timeout(180_000);
  let postgres: TestPostgres;
  let folder: string;
  let workingFolder: string;
  let database = 0;

  before(async () => {
    postgres = await startPostgres(15);
    await postgres.asSuperuser(async (client) => {
      await client.query("CREATE ROLE app_owner NOLOGIN");
      await client.query("CREATE ROLE app_migrator LOGIN PASSWORD 'migrate-me'");
      await client.query("GRANT app_owner TO app_migrator");
    });
    folder = mkdtempSync(join(tmpdir(), "switchyard-widen-"));
    mkdirSync(join(folder, "infra"));
    mkdirSync(join(folder, "migrations"));
    // Where providers run: the folder of main, one below the project.
    workingFolder = process.cwd();
    process.chdir(join(folder, "infra"));
  });
  after(async () => {
    process.chdir(workingFolder);
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Inputs over a database of their own; `all` are the files of its folder. */
  async function declare(all: Record<string, string> = files): Promise<SchemaWidenInputs> {
    const name = `app_${database++}`;
    await postgres.asSuperuser((client) => client.query(`CREATE DATABASE ${name} OWNER app_owner`));
    return redeclare(name, all);
  }

  function redeclare(name: string, all: Record<string, string>): SchemaWidenInputs {
    rmSync(join(folder, "migrations"), { recursive: true });
    mkdirSync(join(folder, "migrations"));
    for (const [file, text] of Object.entries(all)) writeFileSync(join(folder, "migrations", file), text);
    const migrations = declareMigrations(readProjectMigrations(join(folder, "migrations")), "latest");
    const connection = {
      host: "127.0.0.1",
      port: postgres.port,
      database: name,
      user: "app_migrator",
      sslmode: "disable",
    };
    return {
      ...{
        folder: "migrations",
        migrateTo: "latest",
        migrations,
        applied: [],
        plan: { early: [], waits: [] },
        hold: [],
      },
      ...{
        acceptEdited: [],
        acceptLoss: [],
        release: "blue 1.0.0",
        connection,
        password: "migrate-me",
        owner: "app_owner",
      },
    } as SchemaWidenInputs;
  }

  const connect = ({ connection }: SchemaWidenInputs): Promise<Client> =>
    postgres.connect({ user: "postgres", password: postgres.superuserPassword, database: connection.database });
  const history = async (client: Client) =>
    (
      await client.query<{ version: string; done: boolean; applied: number }>(
        "SELECT version, finished_at IS NOT NULL AS done, statements_applied AS applied FROM switchyard.migrations ORDER BY 1",
      )
    ).rows;
  const exists = async (client: Client, table: string) =>
    (await client.query("SELECT 1 FROM pg_class WHERE relname = $1", [table])).rowCount === 1;
  const thrown = (work: Promise<unknown>): Promise<Error & { outs?: StageState }> =>
    work.then(
      () => assert.fail("nothing was thrown"),
      (error: unknown) => error as Error,
    );

  it("applies every migration once, as the owner, and says which version was reached", async () => {
    const inputs = await declare();
    const { outs } = await provider.create(inputs);
    assert.deepEqual([outs.schemaVersion, outs.facts.applied.length], ["0002", 2]);
    await provider.update(outs, inputs, "id");
    const client = await connect(inputs);
    assert.deepEqual(await history(client), [
      { version: "0001", done: true, applied: 2 },
      { version: "0002", done: true, applied: 2 },
    ]);
    const { rows } = await client.query(
      "SELECT DISTINCT tableowner FROM pg_tables WHERE tablename IN ('notes', 'migrations')",
    );
    assert.deepEqual(rows, [{ tableowner: "app_owner" }]);
    assert.deepEqual(await provider.diff(outs, inputs, "id"), { changes: false });
  });

  it("sees at preview that the database no longer has what state remembers", async () => {
    const inputs = await declare();
    const { outs } = await provider.create(inputs);
    const client = await connect(inputs);
    await client.query(
      "UPDATE switchyard.migrations SET state = 'taken back', finished_at = NULL WHERE version = '0002'",
    );
    assert.deepEqual(await provider.diff(outs, inputs, "id"), { changes: true });
  });

  it("rolls a failed migration back whole, says file, line and cause, and goes on when it is mended", async () => {
    const broken = {
      ...files,
      "0003_more.sql":
        "-- switchyard: phase=expand\n-- migrate:up\nCREATE TABLE more (id int);\nINSERT INTO more\n  VALUES (1/0);\n-- migrate:down\nDROP TABLE more;\n",
    };
    const inputs = await declare(broken);
    const error = await thrown(provider.create(inputs));
    for (const part of [/0003_more\.sql:4: division by zero \(22012\)/, /INSERT INTO more/, /rolled back/])
      assert.match(error.message, part);
    const client = await connect(inputs);
    assert.equal(await exists(client, "more"), false);
    const { rows } = await client.query<{ error: string; failed_statement: string }>(
      "SELECT error, failed_statement FROM switchyard.migrations WHERE version = '0003'",
    );
    assert.match(rows[0]?.error ?? "", /22012/);
    assert.match(rows[0]?.failed_statement ?? "", /^INSERT INTO more/);
    const mended = redeclare(inputs.connection.database, {
      ...broken,
      "0003_more.sql": broken["0003_more.sql"].replace("1/0", "1"),
    });
    const { schemaVersion } = await provider.update(error.outs as StageState, mended, "id");
    assert.equal(schemaVersion, "0003");
  });

  it("goes on after the last statement on record of a migration outside a transaction", async () => {
    const inputs = await declare();
    const client = await connect(inputs);
    await client.query(
      "CREATE SCHEMA blocker; CREATE TABLE notes_text_id_idx (x int); ALTER TABLE notes_text_id_idx OWNER TO app_owner",
    );
    const error = await thrown(provider.create(inputs));
    assert.match(error.message, /0002_index\.sql:4: .*already exists/);
    assert.deepEqual((await history(client))[1], { version: "0002", done: false, applied: 1 });
    await client.query("DROP TABLE notes_text_id_idx");
    const state = await provider.update(error.outs as StageState, inputs, "id");
    assert.equal(state.schemaVersion, "0002");
  });

  it("takes an index that a killed run has built for built, and builds an INVALID one again", async () => {
    const inputs = await declare();
    const client = await connect(inputs);
    const { outs } = await provider.create(inputs);
    const oid = async (index: string) =>
      (
        await client.query<{ oid: number; valid: boolean }>(
          "SELECT indexrelid AS oid, indisvalid AS valid FROM pg_index WHERE indexrelid = $1::regclass",
          [index],
        )
      ).rows[0];
    const cutOff = (applied: number) =>
      client.query(
        `UPDATE switchyard.migrations SET state = 'applying', finished_at = NULL, statements_applied = $1,
           statement_begun = $1 + 1 WHERE version = '0002'`,
        [applied],
      );
    const whole = await oid("notes_text_id_idx");
    await cutOff(1);
    await provider.update(outs, inputs, "id");
    assert.deepEqual(await oid("notes_text_id_idx"), whole);
    // What a build that was cut off leaves behind.
    await cutOff(0);
    const broken = await oid("notes_text_idx");
    await client.query(
      "DROP INDEX notes_text_id_idx; UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'notes_text_idx'::regclass",
    );
    await provider.update(outs, inputs, "id");
    const [rebuilt, second] = [await oid("notes_text_idx"), await oid("notes_text_id_idx")];
    assert.deepEqual([rebuilt?.valid, rebuilt?.oid === broken?.oid, second?.valid], [true, false, true]);
  });

  it("lets one of two runs wait for the other, and both end well", async () => {
    const inputs = await declare();
    const [first, second] = await Promise.all([provider.create(inputs), provider.create(inputs)]);
    assert.deepEqual([first.outs.facts.applied.length, second.outs.facts.applied.length], [2, 2]);
  });

  it("names the session that holds the lock", async () => {
    const inputs = await declare();
    const [holder, waiter] = [await connect(inputs), await connect(inputs)];
    await holder.query("SET application_name = 'somebody else'");
    const said: string[] = [];
    const waiting = await withSchemaLock(holder, { waitMs: 0, say: () => undefined }, () =>
      thrown(withSchemaLock(waiter, { waitMs: 300, say: (line) => said.push(line) }, () => Promise.resolve())),
    );
    assert.match(waiting.message, /pid \d+ \(somebody else\) since 20/);
    assert.match(said.join(), /waiting for the schema lock, held by pid \d+ \(somebody else\)/);
  });

  it("runs nothing further when its lock session is ended", async () => {
    const slow = {
      ...files,
      "0003_slow.sql":
        "-- switchyard: phase=expand\n-- migrate:up\nSELECT pg_sleep(2);\nCREATE TABLE after_the_end (id int);\n-- migrate:down\nDROP TABLE after_the_end;\n",
    };
    const inputs = await declare(slow);
    const client = await connect(inputs);
    const run = thrown(provider.create(inputs));
    await waitUntil(
      "the slow statement",
      async () => {
        const { rowCount } = await client.query(
          "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(2)%' AND datname = current_database()",
        );
        return rowCount === 1 ? true : undefined;
      },
      { timeoutMs: 20_000 },
    );
    await client.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'switchyard-lock' AND datname = current_database()",
    );
    assert.match((await run).message, /session that holds the schema lock was ended/);
    assert.equal(await exists(client, "after_the_end"), false);
  });

  it("refuses at preview a migration that old code would not survive, with file, line and the safe way", async () => {
    const inputs = await declare();
    const drop =
      "-- switchyard: phase=expand\n-- migrate:up\nALTER TABLE notes DROP COLUMN text;\n-- migrate:down\nALTER TABLE notes ADD COLUMN text text;\n";
    const news = redeclare(inputs.connection.database, { ...files, "0003_drop.sql": drop });
    const problems = (await provider.check?.({ ...news, applied: ["0001", "0002"] }, undefined))?.join() ?? "";
    for (const part of [/0003_drop\.sql:3/, /DROP COLUMN/, /contract/]) assert.match(problems, part);
    assert.deepEqual(await provider.check?.({ ...news, applied: ["0001", "0002", "0003"] }, undefined), []);
    assert.deepEqual(await provider.check?.({ ...news, migrations: unknownValue as never }, undefined), []);
    redeclare(inputs.connection.database, files);
  });

  it("does nothing while it is held, and says why", async () => {
    const inputs = { ...(await declare()), hold: ["the plan holds it", "for two reasons"] };
    assert.equal((await thrown(provider.create(inputs))).message, "the plan holds it\nfor two reasons");
    const client = await connect(inputs);
    assert.equal(await exists(client, "migrations"), false);
  });

  it("sees no change in what is only for the record, and one where the history is not what state says", async () => {
    const inputs = await declare();
    const { outs } = await provider.create(inputs);
    const other = { ...inputs, release: "blue 1.0.0, green 1.1.0", backup: unknownValue };
    assert.deepEqual(await provider.diff(outs, other, "id"), { changes: false });
    // What settles are the facts of SchemaNarrow.
    const widened = "1";
    assert.deepEqual(await narrow.diff({ ...outs, widened }, { ...other, widened }, "id"), { changes: false });
    const stale = { ...outs, widened, facts: { ...outs.facts, applied: [] } };
    assert.deepEqual(await narrow.diff(stale, { ...other, widened }, "id"), { changes: true });
    assert.deepEqual(await provider.diff(outs, { ...other, hold: ["no"] }, "id"), { changes: true });
  });

  it("takes a database that is down for no change at preview, and says so clearly when it is needed", async () => {
    const inputs = await declare();
    const { outs } = await provider.create(inputs);
    const nowhere = { ...inputs, connection: { ...inputs.connection, port: 1 } };
    assert.deepEqual(await provider.diff({ ...outs, connection: nowhere.connection }, nowhere, "id"), {
      changes: false,
    });
    assert.match(
      (await thrown(provider.create(nowhere))).message,
      /can't connect as app_migrator to app_\d+ at 127.0.0.1:1: /,
    );
  });
});
