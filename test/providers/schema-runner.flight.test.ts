import assert from "node:assert/strict";
import type { Client } from "pg";
import { waitUntil } from "../../infra/platform/local/process/lifecycle";
import { prepareHistory, readHistory } from "../../infra/providers/schema/history";
import { runStep, stepFromFile } from "../../infra/providers/schema/run-step";
import type { Run } from "../../infra/providers/schema/run";
import { withRun, type RunTarget } from "../../infra/providers/schema/session";
import { parseMigration } from "../../infra/schema";
import { World } from "../support/schema-runner/world";

/** The file of a migration with these statements, judged by no rule: the runner must keep its promises for any. */
const migration = (up: string, options = "", version = "0001") =>
  parseMigration(
    `${version}_m.sql`,
    `-- switchyard: phase=expand\n-- migrate:up${options}\n${up}\n-- migrate:down\nSELECT 1;\n`,
  );

for (const major of [15, 18] as const) {
  describe(`schema runner, whose statements don't wait for answers, on PostgreSQL ${major}`, function () {
    this.timeout(180_000);
    let world: World;
    let target: RunTarget;
    let client: Client;

    before(async () => {
      world = await World.start(major);
    });
    after(() => world.stop());
    beforeEach(async () => {
      target = await world.createDatabase();
      client = await world.superuser(target);
      await client.query(
        "CREATE TABLE t (id int PRIMARY KEY); ALTER TABLE t OWNER TO app_owner; CREATE SEQUENCE s; ALTER SEQUENCE s OWNER TO app_owner",
      );
    });
    afterEach(() => client.end());

    const run = <T>(work: (run: Run) => Promise<T>): Promise<T> =>
      withRun(target, { say: () => undefined }, async (one) => {
        await prepareHistory(one.client);
        return work(one);
      });
    const up = (one: Run, file: ReturnType<typeof migration>) => runStep(one, stepFromFile(file, "up"));
    const rows = async (): Promise<number[]> =>
      (await client.query<{ id: number }>("SELECT id FROM t ORDER BY 1")).rows.map(({ id }) => id);
    /** Whether nextval was called: no rollback takes that back. */
    const counted = async (): Promise<boolean | undefined> =>
      (await client.query<{ is_called: boolean }>("SELECT is_called FROM s")).rows[0]?.is_called;
    const states = async (): Promise<string> =>
      (await readHistory(client)).map(({ version, state }) => `${version} ${state}`).join(", ");
    const failures = async () =>
      (
        await client.query<{ error: string; failed_statement: string | null }>(
          "SELECT error, failed_statement FROM switchyard.migration_runs WHERE error IS NOT NULL ORDER BY id",
        )
      ).rows;
    const endLockSession = async (): Promise<void> => {
      const locks = "application_name = 'switchyard-lock' AND datname = current_database()";
      await client.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${locks}`);
      await waitUntil(
        "the end of the lock's session",
        async () =>
          (await client.query(`SELECT FROM pg_stat_activity WHERE ${locks}`)).rowCount === 0 ? true : undefined,
        { timeoutMs: 20_000 },
      );
    };

    it("names the statement that failed, runs none behind it, and keeps its text and error on record", async () => {
      const file = migration("INSERT INTO t VALUES (1);\nINSERT INTO t VALUES (1);\nINSERT INTO t VALUES (2);");
      await assert.rejects(
        run((one) => up(one, file)),
        /0001_m\.sql:4: duplicate key .*\(23505\)\n {2}statement: INSERT INTO t VALUES \(1\)\n {2}detail: Key/,
      );
      assert.deepEqual([await rows(), await states()], [[], "0001 taken back"]);
      const [failure, ...others] = await failures();
      assert.match(failure?.error ?? "", /duplicate key/);
      assert.deepEqual([failure?.failed_statement, others], ["INSERT INTO t VALUES (1)", []]);
    });

    it("keeps nothing where only the COMMIT fails, and says so without blaming a statement", async () => {
      const file = migration(
        "CREATE TABLE u (id int REFERENCES t DEFERRABLE INITIALLY DEFERRED);\nINSERT INTO u VALUES (7);",
      );
      await assert.rejects(
        run((one) => up(one, file)),
        /migrations\/0001_m\.sql: insert or update on table "u" violates foreign key constraint/,
      );
      assert.equal(await states(), "0001 taken back");
      assert.deepEqual(
        (await failures()).map((each) => each.failed_statement),
        [null],
      );
    });

    it("runs nothing behind a failure either where a migration ends its transaction itself", async () => {
      const file = migration("INSERT INTO t VALUES (1);\nCOMMIT;\nSELECT 1 / 0;\nINSERT INTO t VALUES (2);");
      await assert.rejects(
        run((one) => up(one, file)),
        /0001_m\.sql:5: division by zero/,
      );
      assert.deepEqual(await rows(), [1]);
    });

    for (const options of ["", " transaction:false"])
      it(`runs no statement${options === "" ? "" : " of its own transaction"} once the lock's session has ended, though nobody asked that session`, async () => {
        await run(async (one) => {
          await endLockSession();
          const blind = { ...one, assertHeld: () => Promise.resolve() };
          await assert.rejects(
            up(blind, migration("SELECT nextval('s');", options)),
            /the session that holds the schema lock was ended \(.*\); nothing further was run/,
          );
        });
        assert.deepEqual([await counted(), await states()], [false, "0001 taken back"]);
      });

    for (const more of ["", "\nSELECT nextval('s');"])
      it(`${more === "" ? "commits nothing" : "runs nothing more"} where the lock's session ends while ${more === "" ? "the last" : "a"} statement is at work`, async () => {
        const holder = await world.superuser(target);
        await holder.query("BEGIN; LOCK TABLE t");
        const failed = assert.rejects(
          run((one) =>
            up({ ...one, assertHeld: () => Promise.resolve() }, migration(`INSERT INTO t VALUES (1);${more}`)),
          ),
          /the session that holds the schema lock was ended \(.*\); nothing further was run/,
        );
        const waits = "SELECT FROM pg_stat_activity WHERE query LIKE 'INSERT INTO t%' AND wait_event_type = 'Lock'";
        await waitUntil("the statement", async () => ((await client.query(waits)).rowCount === 1 ? true : undefined), {
          timeoutMs: 20_000,
        });
        await endLockSession();
        await holder.query("COMMIT");
        await failed;
        assert.deepEqual([await rows(), await counted()], [[], false]);
        await holder.end();
      });

    it("tells the loss of its lock from an error that looks alike", async () => {
      await assert.rejects(
        run((one) => up(one, migration("SELECT 'the schema lock'::text::int;"))),
        /0001_m\.sql:3: invalid input syntax for type integer: "the schema lock" \(22P02\)/,
      );
    });

    it("puts migrations on record that throw away what the session had prepared, once each", async () => {
      await run(async (one) => {
        await up(one, migration("INSERT INTO t VALUES (1);"));
        await up(one, migration("DEALLOCATE ALL;\nINSERT INTO t VALUES (2);", "", "0002"));
        await up(one, migration("INSERT INTO t VALUES (3);", "", "0003"));
        await up(one, migration("INSERT INTO t VALUES (4);", " transaction:false", "0004"));
      });
      assert.deepEqual(await rows(), [1, 2, 3, 4]);
      assert.equal(await states(), "0001 applied, 0002 applied, 0003 applied, 0004 applied");
      const { rows: logged } = await client.query("SELECT version FROM switchyard.migration_runs ORDER BY 1");
      assert.equal(logged.length, 4);
    });

    it("gives each migration the session's own limits again after one that changed them", async () => {
      await run(async (one) => {
        await up(one, migration("SET lock_timeout = 0;\nSET statement_timeout = '1h';"));
        await up(
          one,
          migration(
            "CREATE TABLE seen AS SELECT current_setting('lock_timeout') AS locks, current_setting('statement_timeout') AS statements;",
            "",
            "0002",
          ),
        );
      });
      const { rows: seen } = await client.query("SELECT * FROM seen");
      assert.deepEqual(seen, [{ locks: "5s", statements: "1h" }]);
    });

    it("runs a migration of a thousand statements, and says which of them failed", async () => {
      const many = Array.from({ length: 1_000 }, (_, index) => `INSERT INTO t VALUES (${index % 999});`).join("\n");
      await assert.rejects(
        run((one) => up(one, migration(many))),
        /0001_m\.sql:1002: duplicate key/,
      );
      await run((one) => up(one, migration(many.replace(/\n.*$/, ""))));
      assert.equal((await rows()).length, 999);
    });
  });
}
