import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Client } from "pg";
import { smokeRelease } from "../../infra/providers/schema-rehearsal/local-release";
import { rehearse } from "../../infra/providers/schema/rehearse";
import type { RehearsalOptions } from "../../infra/providers/schema/rehearsal-types";
import { findPgRestores, restoreDump } from "../../infra/providers/schema/rehearsal-restore";
import { readMigrations, type Migration } from "../../infra/schema";
import { eventually } from "../support/pages";
import { startPostgres, type TestPostgres } from "../support/postgres";
import { createRealDatabase, migration, type RealDatabase } from "../support/rehearsal";

const example = readMigrations(join(__dirname, "../../migrations"));
const notes = migration(
  "0001_notes.sql",
  "CREATE TABLE notes (id bigint PRIMARY KEY, text text);\nCOMMENT ON TABLE notes IS 'notes';",
  "DROP TABLE notes;",
);
const upper = migration("0002_upper.sql", "UPDATE notes SET text = upper(text);", "SELECT 1;");

describe("scratch copies of a rehearsal", function () {
  this.timeout(180_000);
  let postgres: TestPostgres;
  let folder: string;
  let workingFolder: string;
  before(async () => {
    postgres = await startPostgres(15);
    folder = mkdtempSync(join(tmpdir(), "switchyard-rehearsal-"));
    // Where providers run: the folder of main.
    workingFolder = process.cwd();
    process.chdir(join(__dirname, "../../infra"));
  });
  after(async () => {
    process.chdir(workingFolder);
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function run({ target }: RealDatabase, migrations: readonly Migration[], more: Partial<RehearsalOptions> = {}) {
    const said: string[] = [];
    const report = await rehearse(target, { migrations, ...more }, (line) => said.push(line));
    return { report, said };
  }

  /** A rehearsal in a process of its own, once it is at work in a copy. */
  async function startForKilling({ target }: RealDatabase) {
    const script = join(__dirname, "../support/rehearse-until-killed.ts");
    const child = spawn(process.execPath, ["--import", "tsx", script], { stdio: ["pipe", "pipe", "inherit"] });
    child.stdin.end(JSON.stringify({ target, file: { name: notes.fileName, text: notes.text } }));
    const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
    const kill = async () => {
      child.kill("SIGKILL");
      await once(child, "close");
    };
    return { copy: line.replace("at work in ", ""), kill };
  }

  /** Everything of a database in a file, as a backup has it. */
  function dump({ name, target }: RealDatabase): string {
    const file = join(folder, `${name}.dump`);
    const { host, port } = target.connection;
    const args = ["-Fc", "-h", host, "-p", String(port), "-U", "postgres", "-f", file, name];
    execFileSync("pg_dump", args, { env: { ...process.env, PGPASSWORD: postgres.superuserPassword } });
    return file;
  }

  it("are left alone while their run lives, and dropped by the next run once it was killed", async () => {
    const database = await createRealDatabase(postgres);
    const { copy, kill } = await startForKilling(database);
    try {
      assert.deepEqual(await database.copies(), [copy]);
      const { said } = await run(database, [notes]);
      assert.deepEqual(await database.copies(), [copy], said.join("\n"));
    } finally {
      await kill();
    }
    await eventually("the server has noticed", async () => {
      const { rowCount } = await database.owner.query(
        "SELECT FROM pg_stat_activity WHERE application_name = 'switchyard-rehearsal'",
      );
      return rowCount === 0;
    });
    const { said } = await run(database, [notes]);
    assert.deepEqual(await database.copies(), []);
    assert.ok(said.includes(`dropped ${copy}, the scratch copy of a rehearsal that was killed`), said.join("\n"));
  });

  it("are made side by side by two runs at once", async () => {
    const database = await createRealDatabase(postgres);
    const both = await Promise.all([run(database, [notes]), run(database, [notes])]);
    assert.deepEqual(
      both.map(({ report }) => report.rehearsed.length),
      [1, 1],
    );
    assert.deepEqual(await database.copies(), []);
  });

  it("are dropped at once by the next run while a statement of the killed one still works in them", async () => {
    const database = await createRealDatabase(postgres);
    const { copy, kill } = await startForKilling(database);
    const { host, port } = database.target.connection;
    const left = new Client({ host, port, database: copy, ...database.target.migrator });
    await left.connect();
    const ended = assert.rejects(left.query("SELECT pg_sleep(50)"), { code: "57P01" });
    left.on("error", () => undefined);
    await kill();
    await eventually("the copy is dropped", async () => {
      await run(database, [notes]);
      return (await database.copies()).length === 0;
    });
    await ended;
  });

  it("are given up, and dropped, when the session that keeps them is ended", async () => {
    const database = await createRealDatabase(postgres);
    await database.apply(notes);
    const smoke = () =>
      postgres.asSuperuser(async (client) => {
        await client.query(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND application_name = 'switchyard-rehearsal'",
          [database.name],
        );
      });
    await assert.rejects(run(database, [notes, upper], { smoke }), {
      message: /session that keeps the scratch copy app_\w+ has ended \(.+\); run pulumi up again/,
    });
    assert.deepEqual(await database.copies(), []);
  });

  it("are dropped too where a run was killed before it had marked its copy, and nothing else that is named like one", async () => {
    const database = await createRealDatabase(postgres);
    const half = `${database.name}_rehearsal_0000000a`;
    const others = [`${database.name}_rehearsal_0000000b`, `${database.name}_rehearsal_mine`];
    await postgres.asSuperuser(async (client) => {
      await client.query(`CREATE DATABASE ${half} OWNER ${database.name}_owner ALLOW_CONNECTIONS false`);
      for (const name of others) await client.query(`CREATE DATABASE ${name} OWNER ${database.name}_owner`);
    });
    await run(database, [notes]);
    assert.deepEqual(await database.copies(), others);
  });

  it("let in who may connect to the database, and nobody else", async () => {
    const database = await createRealDatabase(postgres);
    await database.apply(notes);
    await postgres.asSuperuser((client) => client.query(`CREATE ROLE ${database.name}_other LOGIN PASSWORD 'other'`));
    const seen: string[] = [];
    const smoke: RehearsalOptions["smoke"] = async ({ connection: { host, port, database: name, user }, password }) => {
      const service = new Client({ host, port, database: name, user, password });
      await service.connect();
      await service.query("INSERT INTO notes VALUES (1, 'by the service')");
      await service.query("DELETE FROM notes");
      await service.end();
      const other = new Client({ host, port, database: name, user: `${database.name}_other`, password: "other" });
      await other.connect().catch((error: unknown) => seen.push((error as { code: string }).code));
    };
    await run(database, [notes, migration("0002_a.sql", "CREATE TABLE a (id int);", "DROP TABLE a;")], { smoke });
    assert.deepEqual(seen, ["42501", "42501", "42501"]);
  });

  it("get a name that fits, however long the database's is", async () => {
    const database = await createRealDatabase(postgres);
    const name = "d".repeat(52);
    await database.owner.end();
    await postgres.asSuperuser((client) => client.query(`ALTER DATABASE ${database.name} RENAME TO ${name}`));
    const target = { ...database.target, connection: { ...database.target.connection, database: name } };
    const names: string[] = [];
    const smoke: RehearsalOptions["smoke"] = ({ connection }) => Promise.resolve(void names.push(connection.database));
    await rehearse(target, { migrations: [notes], smoke }, () => undefined);
    assert.match(names[0] ?? "", /^d{44}_rehearsal_[0-9a-f]{8}$/);
  });

  it("are restored from a dump, so that a migration that changes rows for good is found", async () => {
    const database = await createRealDatabase(postgres);
    await database.apply(notes);
    await database.owner.query("INSERT INTO notes SELECT n, 'note ' || n FROM generate_series(1, 100) AS n");
    const from = dump(database);
    await assert.rejects(run(database, [notes, upper], { from }), {
      message:
        /0002_upper\.sql fails its rehearsal on restored data: [^]*table notes: 100 rows before and after, but with other values in text/,
    });
    const add = migration("0002_add.sql", "ALTER TABLE notes ADD COLUMN n int;", "ALTER TABLE notes DROP COLUMN n;");
    const { report } = await run(database, [notes, add], { from });
    assert.deepEqual(
      report.rehearsed.map(({ version, on }) => [version, on]),
      [["0002", "restored"]],
    );
    assert.deepEqual(await database.copies(), []);
  });

  it("are brought from an older dump to where the database is, and take what a newer one has applied as it is", async () => {
    const database = await createRealDatabase(postgres);
    await database.apply(...example.slice(0, 2));
    const older = dump(database);
    await database.apply(example[2] as Migration);
    const { report, said } = await run(database, example.slice(0, 4), { from: older });
    assert.deepEqual(
      report.rehearsed.map(({ version, on }) => [version, on]),
      [["0004", "restored"]],
    );
    assert.ok(said.includes("brought the copy to where the database is: 1 migration"), said.join("\n"));
    const fresh = await createRealDatabase(postgres);
    const ahead = await run(fresh, example.slice(0, 3), { from: older });
    assert.deepEqual(
      ahead.report.rehearsed.map(({ version, on }) => [version, on]),
      [["0001", "dump"], ["0002", "dump"], ["0003", "restored"]], // prettier-ignore
    );
  });

  it("are refused from a dump of something else, from no dump at all, and where nothing can restore", async () => {
    const database = await createRealDatabase(postgres);
    await database.apply(notes);
    const from = dump(database);
    const other = await createRealDatabase(postgres);
    await assert.rejects(run(other, [upper], { from }), {
      message: /has 0001_notes applied, which is neither declared nor applied here/,
    });
    const edited = migration("0001_notes.sql", "CREATE TABLE notes (id int);", "DROP TABLE notes;");
    await assert.rejects(run(other, [edited], { from }), {
      message: /has 0001_notes applied, which is another text here/,
    });
    const missing = join(folder, "missing.dump");
    await assert.rejects(run(other, [upper], { from: missing }), {
      message: /there is no such file; make one with pg_dump -Fc/,
    });
    const text = join(folder, "text.dump");
    writeFileSync(text, "not a dump");
    await assert.rejects(run(other, [upper], { from: text }), {
      message: /no pg_restore on this machine can read [^]*in custom format/,
    });
    assert.deepEqual(await other.copies(), []);
    const found = await findPgRestores("/nowhere");
    const nothing = restoreDump(other.owner, { file: from, ...other.target }, "/nowhere");
    if (found.length === 0) await assert.rejects(nothing, { message: /no pg_restore [^]*postgresql-client-15/ });
    else await assert.rejects(nothing);
  });

  it("run the current release, as a process, before and after each migration that it survives", async () => {
    const database = await createRealDatabase(postgres);
    await database.apply(...example);
    const breaks = migration(
      "0008_no_title.sql",
      "ALTER TABLE pages RENAME COLUMN title TO name;",
      "ALTER TABLE pages RENAME COLUMN name TO title;",
      "phase=contract",
    );
    const pool = { max: 2, min: 0, idle: 1_000, connect: 2_000, statement: 10_000 };
    const release = {
      folder: join(folder, "stack"),
      colour: "blue" as const,
      copy: {
        ...{ version: "1.0.0", schema: "0006", needs: "0006", entry: "examples/pages/server.ts", env: {}, pool },
        database: { host: "", port: 0, name: "", user: "" },
      },
      requests: JSON.stringify([
        { method: "GET", path: "/pages?limit=1", headers: {}, expect: { status: 200 }, requests: 1, concurrency: 1 },
      ]),
      healthWait: 30_000,
    };
    let times = 0;
    const smoke: RehearsalOptions["smoke"] = async (copy) => {
      times++;
      await smokeRelease(release, copy, () => undefined);
    };
    const { report } = await run(database, [...example, breaks], { smoke, releaseSchema: "0006" });
    // At the beginning, and after the down; not after the up, which this release does not survive.
    assert.deepEqual([report.rehearsed.length, times], [1, 2]);
    await assert.rejects(
      run(database, [...example, { ...breaks, phase: "expand" }], { smoke, releaseSchema: "0006" }),
      {
        message:
          /0008_no_title\.sql fails [^]*: the smoke of the current release fails after its up\n {2}GET \/pages\?limit=1: found status 500/,
      },
    );
    assert.deepEqual(await database.copies(), []);
    assert.deepEqual(readdirSync(join(release.folder, "rehearsal/run")), []);
  });

  it("do without a smoke that fails on a copy of the structure from the beginning, and not on restored data", async () => {
    const database = await createRealDatabase(postgres);
    await database.apply(notes);
    const smoke = () => Promise.reject(new Error("GET /notes/1 answers 404"));
    const next = migration("0002_next.sql", "CREATE TABLE next (id int);", "DROP TABLE next;");
    const { report, said } = await run(database, [notes, next], { smoke });
    assert.equal(report.rehearsed.length, 1);
    assert.match(
      said.join("\n"),
      /smoke of the current release fails [^]* before any pending migration ran: GET \/notes\/1 answers 404; it is left out/,
    );
    await assert.rejects(run(database, [notes, next], { smoke, from: dump(database) }), {
      message: /fails on the scratch copy before any pending migration ran: GET \/notes\/1 answers 404$/,
    });
  });

  it("take back first what had broken off when the dump was taken", async () => {
    const database = await createRealDatabase(postgres);
    await database.apply(notes);
    await database.owner.query("INSERT INTO notes VALUES (1, 'twice'), (2, 'twice')");
    const half = migration(
      "0002_half.sql",
      "ALTER TABLE notes ADD COLUMN more text;\nCREATE UNIQUE INDEX CONCURRENTLY notes_text_idx ON notes (text);",
      "DROP INDEX CONCURRENTLY notes_text_idx;\nALTER TABLE notes DROP COLUMN more;",
      "phase=expand",
      " transaction:false",
    );
    await assert.rejects(database.apply(half), { message: /could not create unique index/ });
    const from = dump(database);
    await assert.rejects(run(database, [notes, half], { from }), {
      message: /its up fails\n[^]*could not create unique index/,
    });
    const mended = migration(
      "0002_half.sql",
      "ALTER TABLE notes ADD COLUMN more text;\nCREATE INDEX CONCURRENTLY notes_text_idx ON notes (text);",
      "DROP INDEX CONCURRENTLY notes_text_idx;\nALTER TABLE notes DROP COLUMN more;",
      "phase=expand",
      " transaction:false",
    );
    assert.equal((await run(database, [notes, mended], { drift: "refuse" })).report.rehearsed.length, 1);
  });
});
