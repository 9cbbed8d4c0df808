import assert from "node:assert/strict";
import type { Client } from "pg";
import { waitUntil } from "../../infra/platform/local/process/lifecycle";
import { prepareHistory, readHistory } from "../../infra/providers/schema/history";
import { runStep, stepFromFile } from "../../infra/providers/schema/run-step";
import { withRun, type RunTarget } from "../../infra/providers/schema/session";
import { StageFailure, runStage, workOf } from "../../infra/providers/schema/stage";
import { parseMigration } from "../../infra/schema";
import { World } from "../support/schema-runner/world";

const file = (up: string, down: string, { head = "phase=expand", alone = false } = {}): string =>
  `-- switchyard: ${head}\n-- migrate:up${alone ? " transaction:false" : ""}\n${up}\n-- migrate:down${alone ? " transaction:false" : ""}\n${down}\n`;

const table = {
  "0001_t.sql": file(
    "CREATE TABLE t (id int PRIMARY KEY, n int);\nINSERT INTO t SELECT i, i FROM generate_series(1, 100) AS i;",
    "DROP TABLE t;",
  ),
};
const index = file("CREATE INDEX CONCURRENTLY t_n_idx ON t (n);", "DROP INDEX CONCURRENTLY t_n_idx;", { alone: true });
const indexed = { ...table, "0002_index.sql": index };

for (const major of [15, 18] as const) {
  describe(`schema runner on PostgreSQL ${major}`, function () {
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
    });
    afterEach(() => client.end());

    const failure = async (work: Promise<unknown>): Promise<StageFailure> => {
      const error: unknown = await work.then(
        () => assert.fail("nothing was thrown"),
        (thrown: unknown) => thrown,
      );
      if (error instanceof StageFailure) return error;
      throw error;
    };
    const valid = async (name: string): Promise<boolean | undefined> =>
      (
        await client.query<{ valid: boolean }>(
          "SELECT indisvalid AS valid FROM pg_index WHERE indexrelid = to_regclass($1)",
          [name],
        )
      ).rows[0]?.valid;
    const exists = async (name: string): Promise<boolean> =>
      (await client.query<{ there: boolean }>("SELECT to_regclass($1) IS NOT NULL AS there", [name])).rows[0]?.there ===
      true;
    const columns = async (): Promise<string[]> =>
      (
        await client.query<{ name: string }>(
          "SELECT attname AS name FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY 1",
        )
      ).rows.map(({ name }) => name);
    const states = async (): Promise<string> =>
      (await readHistory(client)).map(({ version, state }) => `${version} ${state}`).join(", ");
    const runs = async (): Promise<{ version: string; direction: string; error: string | null; figures: object }[]> =>
      (
        await client.query<{ version: string; direction: string; error: string | null; figures: object }>(
          "SELECT version, direction, error, figures FROM switchyard.migration_runs ORDER BY id",
        )
      ).rows;
    const atWork = (query: string): Promise<unknown> =>
      waitUntil(
        query,
        async () => {
          const { rowCount } = await client.query(
            "SELECT FROM pg_stat_activity WHERE application_name = 'switchyard-migrate' AND query LIKE $1 AND state = 'active' AND datname = current_database()",
            [`${query}%`],
          );
          return rowCount === 1 ? true : undefined;
        },
        { timeoutMs: 20_000 },
      );

    it("lets one of two runs over CREATE INDEX CONCURRENTLY wait, which says for whom, and both end well", async () => {
      const orders = world.orders(indexed);
      const snapshot = await world.superuser(target);
      await world.run(target, world.orders(table));
      // The index build of the first run can't end before the second has begun to wait.
      await snapshot.query("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM t");
      const first = world.run(target, orders);
      await atWork("CREATE INDEX CONCURRENTLY");
      const said: string[] = [];
      const second = runStage(target, orders, { say: (line) => said.push(line) });
      await waitUntil("the wait", () => Promise.resolve(said.length > 0 ? true : undefined), { timeoutMs: 20_000 });
      await snapshot.query("COMMIT");
      assert.deepEqual((await first).facts, await second);
      assert.match(said[0] ?? "", /^waiting for the schema lock, held by pid \d+ \(switchyard-lock\) since \d{4}-/);
      assert.equal(await valid("t_n_idx"), true);
      assert.equal((await runs()).length, 2);
    });

    /** A build that waits for a transaction on `reads` is ended. */
    async function endedBuild(reads: string): Promise<{ error: StageFailure; said: string[]; snapshot: Client }> {
      await world.run(target, world.orders(table));
      const snapshot = await world.superuser(target);
      await snapshot.query(
        `SET application_name = 'a long report'; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM ${reads}`,
      );
      const said: string[] = [];
      const run = failure(runStage(target, world.orders(indexed), { say: (line) => said.push(line) }));
      const waits = (line: string) =>
        /0002_index up, line 3 waits for pid \d+ \(a long report\), at work since .*: SET application_name/.test(line);
      await waitUntil("the blocker's name", () => Promise.resolve(said.some(waits) ? true : undefined), {
        timeoutMs: 20_000,
      });
      assert.equal(await valid("t_n_idx"), false);
      await client.query(
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'switchyard-migrate' AND datname = current_database()",
      );
      return { error: await run, said, snapshot };
    }

    it("says which long transaction an index build waits for, and leaves no INVALID index where it is ended", async () => {
      const { error, snapshot } = await endedBuild("pg_class");
      assert.match(error.message, /0002_index\.sql:3: canceling statement due to user request \(57014\)/);
      assert.equal(await exists("t_n_idx"), false);
      assert.deepEqual([error.facts?.half, await states()], [null, "0001 applied, 0002 taken back"]);
      await snapshot.query("COMMIT");
      await world.run(target, world.orders(indexed));
      assert.equal(await valid("t_n_idx"), true);
    });

    it("says that it leaves an INVALID index where the long transaction reads the table, and builds it anew next time", async () => {
      const { error, said, snapshot } = await endedBuild("t");
      assert.ok(
        said.some((line) => /has left an INVALID index that could not be dropped/.test(line)),
        said.join("\n"),
      );
      assert.deepEqual([error.facts?.half?.version, await valid("t_n_idx")], ["0002", false]);
      await snapshot.query("COMMIT");
      await world.run(target, world.orders(indexed));
      assert.equal(await valid("t_n_idx"), true);
    });

    it("drops the INVALID unique index of a build that fails, which would still refuse rows", async () => {
      const unique = file("CREATE UNIQUE INDEX CONCURRENTLY t_n_key ON t (n);", "DROP INDEX CONCURRENTLY t_n_key;", {
        alone: true,
      });
      await world.run(target, world.orders(table));
      await client.query("UPDATE t SET n = 1 WHERE id < 3");
      const orders = world.orders({ ...table, "0002_unique.sql": unique });
      const error = await failure(world.run(target, orders));
      assert.match(
        error.message,
        /0002_unique\.sql:3: could not create unique index .*\(23505\)\n.*statement: .*\n.*detail: Key \(n\)=\(1\)/,
      );
      assert.equal(await exists("t_n_key"), false);
      await client.query("INSERT INTO t VALUES (1000, 1); UPDATE t SET n = id");
      await world.run(target, orders);
      assert.equal(await valid("t_n_key"), true);
    });

    it("leaves an INVALID index alone while somebody may be building it", async () => {
      await world.run(target, world.orders(table));
      const [holder, builder] = [await world.superuser(target), await world.superuser(target)];
      await holder.query("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM t");
      await builder.query("SET application_name = 'by hand'");
      const byHand = builder.query("CREATE INDEX CONCURRENTLY t_n_idx ON t (n)");
      await waitUntil("the build", async () => ((await valid("t_n_idx")) === false ? true : undefined), {
        timeoutMs: 20_000,
      });
      const said: string[] = [];
      const run = failure(runStage(target, world.orders(indexed), { say: (line) => said.push(line) }));
      const waits = (line: string) => /t_n_idx is INVALID, and pid \d+ \(by hand\) may be building it/.test(line);
      await waitUntil("the wait", () => Promise.resolve(said.some(waits) ? true : undefined), { timeoutMs: 20_000 });
      await holder.query("COMMIT");
      await byHand;
      assert.match((await run).message, /relation "t_n_idx" already exists \(42P07\)/);
      assert.equal(await valid("t_n_idx"), true);
    });

    it("runs no further statement when the lock session is ended, and goes on in the next run", async () => {
      const slow = file("SELECT pg_sleep(600);\nCREATE TABLE after_the_end (id int);", "DROP TABLE after_the_end;");
      const run = failure(world.run(target, world.orders({ ...table, "0002_slow.sql": slow })));
      await atWork("SELECT pg_sleep");
      await client.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'switchyard-lock' AND datname = current_database()",
      );
      assert.match((await run).message, /session that holds the schema lock was ended .*nothing further was run/);
      assert.deepEqual([await exists("after_the_end"), await states()], [false, "0001 applied, 0002 taken back"]);
      await world.run(target, world.orders({ ...table, "0002_slow.sql": slow.replace("600", "0") }));
      assert.equal(await exists("after_the_end"), true);
    });

    it("tries again for a lock within its budget, says who holds it, and gives up cleanly", async () => {
      await world.run(target, world.orders(table));
      const add = parseMigration(
        "0002_add.sql",
        file("SET LOCAL lock_timeout = '1500ms';\nALTER TABLE t ADD COLUMN m int;", "ALTER TABLE t DROP COLUMN m;"),
      );
      const holder = await world.superuser(target);
      await holder.query("SET application_name = 'the holder'; BEGIN; LOCK TABLE t IN ACCESS SHARE MODE");
      const said: string[] = [];
      const once = (lockBudgetMs: number) =>
        withRun(target, { say: (line) => said.push(line) }, (run) =>
          runStep(run, stepFromFile(add, "up"), { lockBudgetMs }),
        );
      await assert.rejects(
        once(0),
        /0002_add\.sql:4: canceling statement due to lock timeout; it waited for pid \d+ \(the holder\).*, tried once within 0 s \(55P03\)/,
      );
      const patient = once(60_000);
      await waitUntil(
        "another try",
        () => Promise.resolve(said.some((line) => line.includes("tries again in")) ? true : undefined),
        { timeoutMs: 20_000 },
      );
      await holder.query("COMMIT");
      await patient;
      assert.deepEqual(await columns(), ["id", "m", "n"]);
      assert.ok(Number(((await runs()).at(-1)?.figures as { tries?: number } | undefined)?.tries) >= 1);
    });

    it("runs the recorded down where a revert removed the file together with migrateTo, and not what the file says now", async () => {
      const drops = {
        ...table,
        "0002_add.sql": file("ALTER TABLE t ADD COLUMN m int;", "ALTER TABLE t DROP COLUMN m;"),
      };
      const narrow = { stage: "narrow" as const };
      await world.run(target, world.orders(drops));
      const { facts } = await world.run(target, world.orders(table, { ...narrow, migrateTo: "0001" }));
      assert.deepEqual([facts.applied.map(({ version }) => version), await columns()], [["0001"], ["id", "n"]]);
      assert.deepEqual(await states(), "0001 applied, 0002 taken back");
      await world.run(target, world.orders(drops));
      const edited = { ...table, "0002_add.sql": file("ALTER TABLE t ADD COLUMN m int;", "DROP TABLE t;") };
      await world.run(target, world.orders({ ...table }, { ...narrow, migrateTo: "0001" }));
      assert.deepEqual(await columns(), ["id", "n"]);
      await world.run(target, world.orders(drops));
      const refused = await failure(world.run(target, world.orders(edited)));
      assert.match(refused.message, /other contents on record for 0002_add; .*acceptEdited \(0002\)/);
      const directions = (await runs()).map(({ version, direction }) => `${version} ${direction}`).slice(1);
      assert.deepEqual(directions, ["0002 up", "0002 down", "0002 up", "0002 down", "0002 up"]);
    });

    it("takes over an edited file that is accepted, keeps what it said before, and takes it back by its new down", async () => {
      const before = { ...table, "0002_add.sql": file("ALTER TABLE t ADD COLUMN m int;", "SELECT 1;") };
      const after = {
        ...table,
        "0002_add.sql": file("ALTER TABLE t ADD COLUMN m int;", "ALTER TABLE t DROP COLUMN m;"),
      };
      await world.run(target, world.orders(before));
      await world.run(target, world.orders(after, { acceptEdited: ["0002"] }));
      const accepted = (await runs()).at(-1);
      assert.equal(accepted?.direction, "accept");
      assert.match(JSON.stringify(accepted.figures), /"down":"-- migrate:down\\nSELECT 1;"/);
      await world.run(target, world.orders(after));
      await world.run(target, world.orders(table, { stage: "narrow", migrateTo: "0001" }));
      assert.deepEqual(await columns(), ["id", "n"]);
    });

    it("records once that a deleted file is accepted, and takes the migration back by its recorded down", async () => {
      const add = file("ALTER TABLE t ADD COLUMN m int;", "ALTER TABLE t DROP COLUMN m;");
      const later = { "0003_k.sql": file("ALTER TABLE t ADD COLUMN k int;", "ALTER TABLE t DROP COLUMN k;") };
      await world.run(target, world.orders({ ...table, "0002_add.sql": add, ...later }));
      const without = world.orders({ ...table, ...later }, { acceptEdited: ["0002"], release: "blue 1.1.0" });
      const workOn = async () => workOf(without, await readHistory(client)).deleted.map(({ version }) => version);
      assert.deepEqual(await workOn(), ["0002"]);
      const { said } = await world.run(target, without);
      assert.deepEqual(said, ["0002_add: that its file is gone is accepted and on record; what it did stays"]);
      assert.deepEqual(await workOn(), []);
      assert.deepEqual((await world.run(target, without)).said, []);
      const { rows } = await client.query<{ by: string; release: string; at: Date; figures: object }>(
        `SELECT applied_by AS by, release, finished_at AS at, figures->'acceptedDeletion' AS figures
           FROM switchyard.migration_runs WHERE direction = 'accept'`,
      );
      assert.equal(rows.length, 1);
      assert.deepEqual(
        [rows[0]?.by, rows[0]?.release, rows[0]?.at instanceof Date],
        ["app_migrator", "blue 1.1.0", true],
      );
      assert.match(JSON.stringify(rows[0]?.figures), /"down":"-- migrate:down\\nALTER TABLE t DROP COLUMN m;"/);
      const first = world.orders(table, { stage: "narrow", migrateTo: "0001", acceptEdited: ["0002"] });
      await world.run(target, first);
      assert.deepEqual(await columns(), ["id", "n"]);
      await world.run(target, world.orders({ ...table, "0002_add.sql": add, ...later }));
      assert.deepEqual(await workOn(), ["0002"], "a file that came back and goes again is another deletion");
    });

    it("counts after a backfill how many rows still differ under its sync, and keeps the number", async () => {
      const text = file(
        "ALTER TABLE t ADD COLUMN m int;\n-- switchyard: backfill=id\nUPDATE t SET m = n WHERE id <= 60;",
        "ALTER TABLE t DROP COLUMN m;",
        { head: "phase=expand\n-- switchyard: sync=rename table=t old=n new=m", alone: true },
      );
      const says = async (sql: string) => {
        await world.run(target, world.orders({ ...table, "0002_m.sql": sql }));
        return (await runs()).at(-1)?.figures as { differing?: unknown };
      };
      await world.run(target, world.orders(table));
      const { said } = await world.run(target, world.orders({ ...table, "0002_m.sql": text }));
      const line = said.find((each) => each.includes("after the backfill"));
      assert.match(
        line ?? "",
        /^the sync 0002\/1 of t \(n and m\): after the backfill 40 rows differ \(id \d+; \d+; \d+; \d+; \d+; …\); .* contract/,
      );
      const figures = (await runs()).at(-1)?.figures as { differing?: unknown };
      assert.deepEqual(figures.differing, [{ sync: "0002/1", table: "t", rows: 40 }]);
      await world.run(target, world.orders(table, { stage: "narrow", migrateTo: "0001" }));
      const { differing } = await says(text.replace(" WHERE id <= 60", ""));
      assert.deepEqual(differing, [{ sync: "0002/1", table: "t", rows: 0 }]);
    });

    it("takes a migration back that broke off half way, and leaves alone what it never did", async () => {
      const broken = file(
        "CREATE INDEX CONCURRENTLY t_n_idx ON t (n);\nALTER TABLE t ADD COLUMN m int;\nALTER TABLE t ADD COLUMN o int DEFAULT 1/0;",
        "ALTER TABLE t DROP COLUMN o;\nALTER TABLE t DROP COLUMN m;\nDROP INDEX CONCURRENTLY t_n_idx;",
        { alone: true },
      );
      const error = await failure(world.run(target, world.orders({ ...table, "0002_broken.sql": broken })));
      assert.equal(error.facts?.half?.version, "0002");
      assert.match(error.message, /0002_broken\.sql:5: division by zero/);
      const { facts } = await world.run(target, world.orders(table, { stage: "narrow", migrateTo: "0001" }));
      assert.deepEqual([facts.half, await columns(), await exists("t_n_idx")], [null, ["id", "n"], false]);
      assert.match(JSON.stringify((await runs()).at(-1)?.figures), /column \\"o\\" of relation \\"t\\" does not exist/);
    });

    it("refuses to go on where statements that are done were edited, and goes on where later ones were mended", async () => {
      const text = (first: string, second: string) =>
        file(`ALTER TABLE t ADD COLUMN ${first};\nALTER TABLE t ADD COLUMN ${second};`, "SELECT 1;", { alone: true });
      await failure(world.run(target, world.orders({ ...table, "0002_two.sql": text("a int", "b int DEFAULT 1/0") })));
      const edited = await failure(
        world.run(target, world.orders({ ...table, "0002_two.sql": text("z int", "b int") })),
      );
      assert.match(
        edited.message,
        /1 of its statements are done, and the file says others now; put back as it was: ALTER TABLE t ADD COLUMN a int/,
      );
      await world.run(target, world.orders({ ...table, "0002_two.sql": text("a int", "b int") }));
      assert.deepEqual(await columns(), ["a", "b", "id", "n"]);
    });

    it("rolls back a migration whose verify does not hold, and says what was found", async () => {
      const add = file("ALTER TABLE t ADD COLUMN m int;", "ALTER TABLE t DROP COLUMN m;", {
        head: 'phase=expand verify="SELECT count(*) FROM t WHERE m IS NULL" expect=0',
      });
      const error = await failure(world.run(target, world.orders({ ...table, "0002_add.sql": add })));
      assert.match(error.message, /verify found "100", expected "0": SELECT count\(\*\) FROM t WHERE m IS NULL/);
      assert.deepEqual(await columns(), ["id", "n"]);
    });

    it("asks once more for what an impact promised before the next begins, and keeps what statements cost", async () => {
      const low = file("CREATE INDEX t_low ON t (n);", "DROP INDEX t_low;", {
        head: 'phase=expand verify="SELECT count(*) = 100 FROM t"',
      });
      const high = file("CREATE INDEX t_high ON t (n, id);", "DROP INDEX t_high;", {
        head: "phase=expand impact=high",
      });
      await world.run(target, world.orders({ ...table, "0002_low.sql": low }));
      await client.query("DELETE FROM t WHERE id = 1");
      const all = { ...table, "0002_low.sql": low, "0003_high.sql": high };
      const error = await failure(world.run(target, world.orders(all)));
      assert.match(
        error.message,
        /0002_low \(impact=low\) no longer keeps what it promised, so 0003_high \(impact=high\) does not begin: verify found "false"/,
      );
      assert.equal(await exists("t_high"), false);
      await client.query("INSERT INTO t VALUES (1, 1)");
      await client.query("SELECT n FROM t WHERE id = 7");
      const { said } = await world.run(target, world.orders(all));
      assert.ok(said.includes("impact=low is done, one verify held; impact=high begins"), said.join("\n"));
      const figures = (await runs()).at(-1)?.figures as {
        impact?: string;
        statements?: { query: string; before?: { calls: number; meanMs: number } }[];
      };
      const read = figures.statements?.find(({ query }) => query === "SELECT n FROM t WHERE id = $1")?.before;
      assert.deepEqual([figures.impact, read?.calls, Number(read?.meanMs) > 0], ["high", 1, true]);
    });

    it("counts what an accepted loss takes, and remembers the scar of a lossy contract that is taken back", async () => {
      const drop = file("ALTER TABLE t DROP COLUMN n;", "ALTER TABLE t ADD COLUMN n int;", { head: "phase=contract" });
      await world.run(target, world.orders(table));
      await client.query("UPDATE t SET n = NULL WHERE id <= 40");
      const all = { ...table, "0002_drop.sql": drop };
      const { said } = await world.run(target, world.orders(all, { stage: "narrow", acceptLoss: ["0002"] }));
      assert.ok(said.includes("0002_drop up takes 60 values of column t.n, as accepted"), said.join("\n"));
      const { acceptedLoss } = (await runs()).at(-1)?.figures as { acceptedLoss?: unknown };
      assert.deepEqual(acceptedLoss, [{ of: "column t.n", count: 60 }]);
      const back = await world.run(target, world.orders(all, { migrateTo: "0001" }));
      assert.deepEqual(
        back.facts.scars.map(({ version }) => version),
        ["0002"],
      );
      assert.deepEqual((await world.run(target, world.orders(all, { stage: "narrow" }))).facts.scars, []);
    });

    it("brings the table of an older version up to date, once, and knows what of it was under way", async () => {
      await client.query(
        `CREATE SCHEMA switchyard; CREATE TABLE switchyard.migrations (version text PRIMARY KEY, name text NOT NULL,
           phase text NOT NULL CHECK (phase IN ('expand', 'contract')), checksum text NOT NULL, up text NOT NULL, down text NOT NULL,
           statements_applied integer NOT NULL DEFAULT 0, started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
           finished_at timestamptz, duration_ms bigint, applied_by text NOT NULL DEFAULT session_user, release text,
           backup text, error text, failed_statement text);
         INSERT INTO switchyard.migrations (version, name, phase, checksum, up, down, statements_applied, finished_at) VALUES
           ('0001', 't', 'expand', 'aa', E'-- migrate:up\\nCREATE TABLE t (id int);', E'-- migrate:down\\nDROP TABLE t;', 1, now()),
           ('0002', 'i', 'expand', 'bb', E'-- migrate:up transaction:false\\nCREATE INDEX CONCURRENTLY i ON t (id);', E'-- migrate:down\\nDROP INDEX i;', 0, NULL),
           ('0003', 'u', 'expand', 'cc', E'-- migrate:up\\nCREATE TABLE u (id int);', E'-- migrate:down\\nDROP TABLE u;', 0, NULL)`,
      );
      const before = await world.facts(target);
      await prepareHistory(client);
      await prepareHistory(client);
      assert.equal(await states(), "0001 applied, 0002 applying, 0003 taken back");
      const facts = await world.facts(target);
      assert.deepEqual([facts.applied, facts.half?.version], [before.applied, "0002"]);
      assert.deepEqual(facts.applied[0]?.lossy, { up: false, down: true });
    });
  });
}
