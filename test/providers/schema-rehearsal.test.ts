import assert from "node:assert/strict";
import { join } from "node:path";
import { rehearse } from "../../infra/providers/schema/rehearse";
import { RehearsalFailure, type RehearsalOptions } from "../../infra/providers/schema/rehearsal-types";
import { readMigrations, type Migration } from "../../infra/schema";
import { startPostgres, type TestPostgres } from "../support/postgres";
import { createRealDatabase, migration, type RealDatabase } from "../support/rehearsal";

const example = readMigrations(join(__dirname, "../../migrations"));

const notes = migration(
  "0001_notes.sql",
  "CREATE TABLE notes (id bigint PRIMARY KEY, text text DEFAULT 'a');\nINSERT INTO notes SELECT n, 'note ' || n FROM generate_series(1, 10) AS n;",
  "DROP TABLE notes;",
);

for (const major of [15, 18] as const)
  describe(`a rehearsal on PostgreSQL ${major}`, function () {
    this.timeout(180_000);
    let postgres: TestPostgres;
    before(async () => {
      postgres = await startPostgres(major);
    });
    after(() => postgres.stop());
    /** What no version of PostgreSQL has a say in. */
    const onlyOnce = (name: string, test: () => Promise<void>) => {
      if (major === 18) it(name, test);
    };

    /** Rehearses, and sees to it that the database is as it was and no copy is left. */
    async function run(database: RealDatabase, migrations: readonly Migration[], more: Partial<RehearsalOptions> = {}) {
      const before = await database.everything();
      const said: string[] = [];
      try {
        const report = await rehearse(database.target, { migrations, ...more }, (line) => said.push(line));
        return { report, said };
      } finally {
        assert.deepEqual(await database.everything(), before);
        assert.deepEqual(await database.copies(), []);
      }
    }

    async function failure(...args: Parameters<typeof run>): Promise<RehearsalFailure> {
      try {
        await run(...args);
      } catch (error) {
        assert.ok(error instanceof RehearsalFailure, (error as Error).stack);
        return error;
      }
      assert.fail("the rehearsal went well");
    }

    it("runs the example's own migrations up, down and up, beginning with an empty database", async () => {
      const { report, said } = await run(await createRealDatabase(postgres), example);
      assert.equal(report.on, "structure");
      assert.deepEqual(
        report.rehearsed.map(({ version, checksum, on }) => [version, checksum, on]),
        example.map(({ version, checksum }) => [version, checksum, "structure"]),
      );
      assert.deepEqual([report.applied, report.drift], [[], []]);
      assert.ok(
        said.includes("rehearsing 0005_title_search on a copy of the structure: up, down and up"),
        said.join("\n"),
      );
    });

    it("rehearses what is pending alone, on a copy that the recorded migrations made, and finds no drift", async () => {
      const database = await createRealDatabase(postgres);
      await database.apply(...example.slice(0, 5));
      const { report } = await run(database, example);
      assert.deepEqual(
        report.rehearsed.map(({ version }) => version),
        ["0006", "0007"],
      );
      assert.deepEqual([report.applied.length, report.drift], [5, []]);
    });

    onlyOnce("replays what was recorded where the file is gone or was edited", async () => {
      const database = await createRealDatabase(postgres);
      await database.apply(notes);
      const more = migration(
        "0002_more.sql",
        "ALTER TABLE notes ADD COLUMN more text;",
        "ALTER TABLE notes DROP COLUMN more;",
      );
      const { report } = await run(database, [more]);
      assert.deepEqual([report.rehearsed.length, report.drift], [1, []]);
    });

    onlyOnce("makes no copy where nothing is pending, or all of it was rehearsed before", async () => {
      const database = await createRealDatabase(postgres);
      await database.apply(notes);
      const next = migration("0002_next.sql", "CREATE TABLE next (id int);", "DROP TABLE next;");
      const rest = { ...database.target, template: "no such template" };
      const options = { migrations: [notes, next], known: [next.checksum] };
      const report = await rehearse(rest, options, () => undefined);
      assert.deepEqual([report.rehearsed, report.applied], [[], [notes.checksum]]);
    });

    it("makes the copy in the database's own locale; and says what it takes where it can't be made", async () => {
      const database = await createRealDatabase(postgres);
      const name = `${database.name}_local`;
      const locale =
        major === 18 ? "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'" : "LOCALE_PROVIDER icu ICU_LOCALE 'und'";
      const superuser = { user: "postgres", password: postgres.superuserPassword };
      await postgres.asSuperuser((client) =>
        client.query(`CREATE DATABASE ${name} OWNER ${database.name}_owner TEMPLATE template0 ${locale}`),
      );
      const connection = { ...database.target.connection, database: name };
      const upper = migration(
        "0001_upper.sql",
        "CREATE TABLE u (t text CHECK (upper(t) = 'É'));\nINSERT INTO u VALUES ('é');",
        "DROP TABLE u;",
      );
      const target = { ...database.target, connection, template: undefined };
      const asSuperuser = {
        ...target,
        connection: { ...connection, user: superuser.user },
        password: superuser.password,
      };
      await rehearse(asSuperuser, { migrations: [upper] }, () => undefined);
      const asMigrator = { ...target.connection, user: target.migrator.user };
      await assert.rejects(
        rehearse(
          { ...target, connection: asMigrator, password: target.migrator.password },
          { migrations: [upper] },
          () => undefined,
        ),
        {
          message:
            /can't be made from template0 by app_\w+_migrator: permission denied to create database\. Expected: an administrator/,
        },
      );
    });

    onlyOnce("names the index that a down forgets", async () => {
      const database = await createRealDatabase(postgres);
      await database.apply(notes);
      const forgets = migration(
        "0002_column.sql",
        "ALTER TABLE notes ADD COLUMN code text;\nCREATE INDEX notes_text_idx ON notes (text);",
        "ALTER TABLE notes DROP COLUMN code;",
      );
      const { message } = await failure(database, [notes, forgets]);
      for (const part of [
        /^migrations\/0002_column\.sql fails its rehearsal on a copy of the structure: what is there after its down is not what/,
        /\n {2}index notes_text_idx: only after the down: CREATE INDEX notes_text_idx ON public\.notes USING btree \(text\)/,
        /\n {2}and so its second up fails:\n.*"notes_text_idx" already exists/,
        /mend its down so that it undoes all of its up/,
      ])
        assert.match(message, part);
    });

    onlyOnce("names the default that a down changes", async () => {
      const database = await createRealDatabase(postgres);
      await database.apply(notes);
      const changes = migration(
        "0002_default.sql",
        "ALTER TABLE notes ALTER COLUMN text SET DEFAULT 'b';",
        "ALTER TABLE notes ALTER COLUMN text DROP DEFAULT;",
      );
      const { message } = await failure(database, [notes, changes]);
      assert.match(message, /column notes\.text: default: 'a'::text before the up, none after the down/);
    });

    it("names the type that a down leaves, and how the second up fails on it", async () => {
      const database = await createRealDatabase(postgres);
      const leaves = migration(
        "0001_mood.sql",
        "CREATE TYPE mood AS ENUM ('sad', 'ok');\nCREATE TABLE moods (mood mood);",
        "DROP TABLE moods;",
      );
      const { message } = await failure(database, [leaves]);
      assert.match(message, /enum mood: only after the down: labels 'sad', 'ok'/);
      assert.match(message, /second up fails:\n[^]*type "mood" already exists/);
    });

    onlyOnce("goes no further than the migration that fails, and reports those before it", async () => {
      const database = await createRealDatabase(postgres);
      const wrong = migration("0002_wrong.sql", "CREATE TABLE notes (id int);", "DROP TABLE notes;");
      const last = migration("0003_last.sql", "CREATE TABLE last (id int);", "DROP TABLE last;");
      const { message, report } = await failure(database, [notes, wrong, last]);
      assert.match(
        message,
        /^migrations\/0002_wrong\.sql fails its rehearsal[^]*its up fails[^]*relation "notes" already exists/,
      );
      assert.deepEqual(
        report.rehearsed.map(({ version }) => version),
        ["0001"],
      );
    });

    onlyOnce("says which rows and columns an expand's down does not bring back", async () => {
      const database = await createRealDatabase(postgres);
      await database.apply(notes);
      const lower = migration(
        "0002_upper.sql",
        "UPDATE notes SET text = upper(text);",
        "UPDATE notes SET text = initcap(text);",
      );
      const changed = await failure(database, [notes, lower]);
      assert.match(changed.message, /table notes: 10 rows before and after, but with other values in text/);
      const fewer = migration("0002_fewer.sql", "DELETE FROM notes WHERE id = 1;", "SELECT 1;");
      assert.match(
        (await failure(database, [notes, fewer])).message,
        /table notes: 10 rows before the up, 9 after the down/,
      );
    });

    onlyOnce("asks of a contract's down the shape, not the rows", async () => {
      const database = await createRealDatabase(postgres);
      await database.apply(notes);
      const drop = migration(
        "0002_drop.sql",
        "ALTER TABLE notes DROP COLUMN text;",
        "ALTER TABLE notes ADD COLUMN text text DEFAULT 'a';",
        "phase=contract",
      );
      assert.equal((await run(database, [notes, drop])).report.rehearsed.length, 1);
      const shape = migration(
        "0002_drop.sql",
        "ALTER TABLE notes DROP COLUMN text;",
        "ALTER TABLE notes ADD COLUMN text text;",
        "phase=contract",
      );
      assert.match(
        (await failure(database, [notes, shape])).message,
        /column notes\.text: default: 'a'::text before the up, none/,
      );
    });

    it("runs syncs and backfills as an up does, and takes them back", async () => {
      const database = await createRealDatabase(postgres);
      await database.apply(notes);
      const rename = migration(
        "0002_body.sql",
        "ALTER TABLE notes ADD COLUMN IF NOT EXISTS body text;\n-- switchyard: backfill=id\nUPDATE notes SET body = text WHERE body IS NULL;",
        "ALTER TABLE notes DROP COLUMN IF EXISTS body;",
        "phase=expand sync=rename table=notes old=text new=body",
        " transaction:false",
      );
      const drop = migration(
        "0003_no_text.sql",
        "ALTER TABLE notes DROP COLUMN text;",
        "ALTER TABLE notes ADD COLUMN text text DEFAULT 'a';",
        "phase=contract",
      );
      const { report } = await run(database, [notes, rename, drop]);
      assert.equal(report.rehearsed.length, 2);
    });

    onlyOnce("runs an irreversible migration up alone", async () => {
      const database = await createRealDatabase(postgres);
      const once = migration("0001_once.sql", "CREATE TABLE once (id int);", '-- switchyard: irreversible="a trial"');
      const { said, report } = await run(database, [once]);
      assert.equal(report.rehearsed.length, 1);
      assert.ok(said.includes("rehearsing 0001_once on a copy of the structure: up alone, since it is irreversible"));
    });

    it("says how the database has drifted from its recorded migrations, or refuses to go on", async () => {
      const database = await createRealDatabase(postgres);
      await database.apply(notes);
      await database.owner.query("ALTER TABLE notes ADD COLUMN by_hand text");
      const next = migration("0002_next.sql", "CREATE TABLE next (id int);", "DROP TABLE next;");
      const line = "column notes.by_hand: only in the database: text";
      const { report, said } = await run(database, [notes, next]);
      assert.deepEqual([report.drift, report.rehearsed.length], [[line], 1]);
      assert.ok(said.includes(`  ${line}`));
      const { message } = await failure(database, [notes, next], { drift: "refuse" });
      assert.match(
        message,
        /the database is not as its recorded migrations made it:\n {2}column notes\.by_hand: only in/,
      );
    });

    onlyOnce("says that a copy can't be made where the recorded migrations don't make the database", async () => {
      const database = await createRealDatabase(postgres);
      await database.owner.query("CREATE TABLE by_hand (id int)");
      await database.apply(migration("0001_more.sql", "ALTER TABLE by_hand ADD COLUMN more int;", "SELECT 1;"));
      const next = migration("0002_next.sql", "CREATE TABLE next (id int);", "DROP TABLE next;");
      assert.match(
        (await failure(database, [next])).message,
        /0001_more, as it was recorded, fails on it:[^]*"by_hand" does not exist/,
      );
    });
  });
