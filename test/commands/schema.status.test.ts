import assert from "node:assert/strict";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { runStage } from "../../infra/providers/schema/stage";
import { readMigrations, summarise } from "../../infra/schema";
import { Checkout, migrationText } from "../support/commands";
import { startPostgres, type TestPostgres } from "../support/postgres";

interface Report {
  stack: string | null;
  database: { answered: boolean; error: string | null; port: number } | null;
  migrations: { version: string; standing: string; why?: string; at?: string; durationMs?: number; by?: string }[];
  pending: { version: string; direction: string; locks: string[]; takes: { of: string; count: number }[] | string }[];
  problems: { rule: string }[];
  next: string;
  exitCode: number;
}

const password = "migrate-me-secretly";
const outside = (up: string, down: string): string =>
  migrationText(up, down).replace("-- migrate:up", "-- migrate:up transaction:false");

describe("npm run schema -- status, of a database named by hand", function () {
  this.timeout(300_000);
  let postgres: TestPostgres;
  let checkout: Checkout;
  let count = 0;
  let name = "";

  before(async () => {
    postgres = await startPostgres(15);
    await postgres.asSuperuser(async (client) => {
      await client.query("CREATE ROLE app_owner NOLOGIN");
      await client.query(`CREATE ROLE app_migrator LOGIN PASSWORD '${password}'`);
      await client.query("GRANT app_owner TO app_migrator");
    });
    checkout = new Checkout();
  });
  after(async () => {
    checkout.remove();
    await postgres.stop();
  });

  const folder = () => join(checkout.folder, "migrations");
  const address = (secret: string, port = postgres.port) =>
    `postgres://app_migrator:${secret}@127.0.0.1:${port}/${name}`;
  const env = () => ({ DATABASE_URL: address(password) });
  const drop = (file: string) => rmSync(join(folder(), file));

  /** A new database, and these files alone. */
  beforeEach(async () => {
    name = `app_${count++}`;
    await postgres.asSuperuser((client) => client.query(`CREATE DATABASE ${name} OWNER app_owner`));
    for (const file of readdirSync(folder())) drop(file);
    checkout.write(
      "migrations/0001_notes.sql",
      migrationText("CREATE TABLE notes (id bigint, old text);", "DROP TABLE notes;"),
    );
    checkout.write(
      "migrations/0002_text.sql",
      migrationText("ALTER TABLE notes ADD COLUMN text text;", "ALTER TABLE notes DROP COLUMN text;"),
    );
  });

  /** What an `up` does to the schema. */
  async function migrate(migrateTo = "latest"): Promise<void> {
    const files = readMigrations(folder());
    const migrations = files.map((file) => summarise(file, files));
    const early = migrations.flatMap(({ version }) => [`${version} up`, `${version} down`]);
    const connection = {
      host: "127.0.0.1",
      port: postgres.port,
      database: name,
      user: "app_migrator",
      sslmode: "disable",
    } as const;
    await runStage(
      { connection, password, owner: "app_owner" },
      {
        stage: "widen",
        folder: folder(),
        migrateTo,
        migrations,
        plan: { early, waits: [] },
        acceptEdited: [],
        acceptLoss: [],
        release: "1.0.0",
      },
      { say: () => undefined },
    );
  }

  async function report(): Promise<Report> {
    const { code, value } = await checkout.json(["status"], env());
    const found = value as Report;
    assert.equal(found.exitCode, code);
    return found;
  }
  const standing = ({ migrations }: Report) => migrations.map(({ version, standing: how }) => `${version} ${how}`);
  const why = ({ migrations }: Report, version: string) => migrations.find((one) => one.version === version)?.why ?? "";

  it("shows what is pending with its locks, then what was applied, when and by whom", async () => {
    const empty = await report();
    assert.deepEqual(standing(empty), ["0001 pending", "0002 pending"]);
    assert.deepEqual(
      empty.pending.map(({ version, direction, locks }) => [version, direction, locks]),
      [
        ["0001", "up", []],
        ["0002", "up", ["ACCESS EXCLUSIVE on notes"]],
      ],
    );
    assert.deepEqual([empty.exitCode, empty.stack, empty.database?.answered], [3, null, true]);
    const schemas = await postgres.asSuperuser(
      (client) => client.query("SELECT FROM pg_namespace WHERE nspname = 'switchyard'"),
      name,
    );
    assert.equal(schemas.rowCount, 0, "asking made nothing");

    await migrate();
    const done = await report();
    assert.deepEqual(standing(done), ["0001 applied", "0002 applied"]);
    assert.deepEqual([done.exitCode, done.pending, done.next], [0, [], "Nothing is pending."]);
    for (const { at, durationMs, by } of done.migrations) {
      assert.match(at ?? "", /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
      assert.ok(durationMs !== undefined && durationMs >= 0);
      assert.equal(by, "app_migrator");
    }
    const { code, output } = await checkout.schema(["status"], env());
    assert.equal(code, 0);
    assert.match(output, new RegExp(`^DATABASE_URL: ${name} at 127\\.0\\.0\\.1:${postgres.port} as app_migrator\\n`));
    assert.match(
      output,
      /\nversion {2}name {3}phase {3}state {4}when \(UTC\) {11}took +by\n0001 {5}notes {2}expand {2}applied {2}\d{4}-/,
    );
    assert.match(output, /\n\nNothing is pending\.\n$/);
    assert.doesNotMatch(output, /[^\n\P{Cc}]/u, "no colours or other control characters");
  });

  it("says of what failed whether anything of it is there, and why", async () => {
    checkout.write(
      "migrations/0003_wrong.sql",
      migrationText("CREATE TABLE more (id bigint);\nALTER TABLE absent ADD COLUMN a int;", "DROP TABLE more;"),
    );
    await assert.rejects(migrate(), /absent/);
    const failed = await report();
    assert.deepEqual(standing(failed), ["0001 applied", "0002 applied", "0003 pending"]);
    assert.match(why(failed, "0003"), /^it failed and was rolled back: .*relation "absent" does not exist/);
    assert.equal(failed.exitCode, 3);

    checkout.write(
      "migrations/0003_wrong.sql",
      outside(
        "CREATE INDEX CONCURRENTLY i ON notes (id);\nCREATE INDEX CONCURRENTLY j ON absent (id);",
        "DROP INDEX i;",
      ),
    );
    await assert.rejects(migrate(), /absent/);
    const half = await report();
    assert.deepEqual(standing(half), ["0001 applied", "0002 applied", "0003 half"]);
    assert.match(
      why(half, "0003"),
      /^its up began and did not end, after 1 statement: .*absent.* \(at CREATE INDEX CONCURRENTLY j/,
    );
    assert.equal(half.exitCode, 3);
    assert.match(half.next, /^Next: npx pulumi up, which goes on with what broke off\.$/);
  });

  it("tells what was taken back, with its file and without it", async () => {
    await migrate();
    await migrate("0001");
    const back = await report();
    assert.deepEqual(standing(back), ["0001 applied", "0002 pending"]);
    assert.equal(why(back, "0002"), "it was taken back before");
    drop("0002_text.sql");
    const gone = await report();
    assert.deepEqual(standing(gone), ["0001 applied", "0002 taken back"]);
    assert.deepEqual([gone.exitCode, gone.migrations[1]?.by], [0, "app_migrator"]);
    assert.ok(gone.migrations[1]?.at !== undefined);
  });

  it("refuses an edited and a deleted file, and says how to accept it", async () => {
    await migrate();
    checkout.write(
      "migrations/0002_text.sql",
      migrationText("ALTER TABLE notes ADD COLUMN text varchar;", "ALTER TABLE notes DROP COLUMN text;"),
    );
    const edited = await report();
    assert.deepEqual(standing(edited), ["0001 applied", "0002 edited"]);
    assert.deepEqual([edited.exitCode, edited.problems.map(({ rule }) => rule)], [1, ["checksum-changed"]]);
    drop("0001_notes.sql");
    const gone = await report();
    assert.deepEqual(standing(gone), ["0001 file gone", "0002 edited"]);
    const { code, output } = await checkout.schema(["status"], env());
    assert.equal(code, 1);
    assert.match(
      output,
      /\nRefused:\n.*0001_notes\.sql: applied-stays: it is applied, and its file is gone\n.*npm run schema -- accept 0001/s,
    );
    assert.match(output, /\nNext: mend what is refused, then ask again\.\n$/);
  });

  it("takes back what the newest deleted file had made: its recorded down is what runs", async () => {
    await migrate();
    await postgres.asSuperuser((client) => client.query("INSERT INTO notes (text) VALUES ('a'), ('b'), (NULL)"), name);
    drop("0002_text.sql");
    const leaving = await report();
    assert.deepEqual(leaving.pending[0]?.takes, [{ of: "column notes.text", count: 2 }]);
    const { output } = await checkout.schema(["status"], env());
    assert.match(output, /\nData that goes, and that nothing brings back:\n0002 down: column notes\.text \(2\)\n/);
    await postgres.asSuperuser((client) => client.query("ALTER TABLE notes OWNER TO CURRENT_USER"), name);
    assert.equal((await report()).pending[0]?.takes, "permission denied for table notes");
    assert.deepEqual(standing(leaving), ["0001 applied", "0002 file gone"]);
    assert.deepEqual(
      leaving.pending.map(({ version, direction }) => `${version} ${direction}`),
      ["0002 down"],
    );
    assert.deepEqual([leaving.exitCode, why(leaving, "0002")], [3, "its down runs in the next up"]);
  });

  it("reads the history of an older checkout, which had fewer columns", async () => {
    const [file] = readMigrations(folder());
    await postgres.asSuperuser(async (client) => {
      await client.query("CREATE SCHEMA switchyard; GRANT USAGE ON SCHEMA switchyard TO app_migrator");
      await client.query(
        "CREATE TABLE switchyard.migrations (version text, name text, phase text, checksum text, finished_at timestamptz)",
      );
      await client.query("GRANT SELECT ON switchyard.migrations TO app_migrator");
      await client.query("INSERT INTO switchyard.migrations VALUES ('0001', 'notes', 'expand', $1, now())", [
        file?.checksum,
      ]);
    }, name);
    assert.deepEqual(standing(await report()), ["0001 applied", "0002 pending"]);
  });

  it("says so when the database can't be asked, with code 1 and without the password", async () => {
    const { code, output } = await checkout.schema(["status"], { DATABASE_URL: address(password, 1) });
    assert.equal(code, 1);
    assert.match(
      output,
      /\nThe database can't be asked: can't connect as app_migrator .*127\.0\.0\.1:1.*\.\n\nNext: mend that, then ask again\.\n$/,
    );
    const wrong = await checkout.json(["status"], { DATABASE_URL: address("wrong-secret") });
    const { database, migrations } = wrong.value as Report;
    assert.deepEqual([wrong.code, database?.answered, migrations], [1, false, []]);
    assert.match(database?.error ?? "", /password authentication failed/);
    const byHand = await checkout.schema(["status", "--database-url", address("").replace(":@", "@")], {
      PGPASSWORD: password,
    });
    assert.equal(byHand.code, 3, byHand.output);
    const argument = await checkout.schema(["status", "--database-url", address(password)]);
    assert.equal(argument.code, 1);
    assert.match(argument.output, /^--database-url holds a password, which every listing of processes shows: /);
    for (const text of [output, JSON.stringify(wrong.value), byHand.output, argument.output])
      assert.doesNotMatch(text, /secret/);
  });
});
