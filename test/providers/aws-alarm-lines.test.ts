import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Client, Pool } from "pg";
import { matches, poolLines } from "../../infra/collector/lines";
import { logAlarms } from "../../infra/platform/aws/alarms/log-table";
import { parametersOf } from "../../infra/platform/aws/database-parameters";
import { deadlock } from "../support/deadlock";
import { startPostgres, type TestPostgres } from "../support/postgres";

const migrator = "pages_migrator";
const password = "of-a-test";
const patterns = logAlarms(migrator, "Switchyard/test");

for (const major of [15, 18] as const)
  describe(`lines in the log of PostgreSQL ${major} that alarms count`, function () {
    this.timeout(180_000);
    let postgres: TestPostgres;
    let file: string;
    const log = () => readFileSync(file, "utf8");

    before(async () => {
      postgres = await startPostgres(major);
      await postgres.asSuperuser(async (client) => {
        // Of RDS's parameters those that say what is logged; and its line prefix, which can't be changed there.
        for (const { name, value } of parametersOf(250))
          if (/^log_/.test(name)) await client.query(`ALTER SYSTEM SET ${name} = '${value}'`);
        await client.query("ALTER SYSTEM SET log_line_prefix = '%t:%r:%u@%d:[%p]:'");
        await client.query("ALTER SYSTEM SET deadlock_timeout = '100ms'");
        await client.query("SELECT pg_reload_conf()");
        for (const role of [migrator, "pages_app_blue"])
          await client.query(`CREATE ROLE ${role} LOGIN PASSWORD '${password}'`);
        await client.query(`ALTER ROLE pages_app_blue CONNECTION LIMIT 2`);
        await client.query("CREATE TABLE pages (id integer PRIMARY KEY, n integer)");
        await client.query("CREATE TABLE secrets (id integer)");
        await client.query(`GRANT ALL ON pages TO ${migrator}, pages_app_blue`);
        await client.query("INSERT INTO pages VALUES (1, 0), (2, 0)");
        const { rows } = await client.query<{ file: string }>(
          "SELECT current_setting('data_directory') || '/' || pg_current_logfile() AS file",
        );
        file = rows[0]?.file ?? "";
      });
    });
    after(() => postgres.stop());

    const as = (user: string) => postgres.connect({ user, password, database: "postgres" });
    const both = async (work: (a: Client, b: Client) => Promise<void>, first = "pages_app_blue", second = first) => {
      const [a, b] = [await as(first), await as(second)];
      try {
        await work(a, b);
      } finally {
        await Promise.all([a.end(), b.end()]);
      }
    };

    /** What is counted of the lines that `work` makes PostgreSQL write, by metric; statements of a line follow it with a tab. */
    async function counted(work: () => Promise<void>, expected: string): Promise<string[]> {
      const before = log().length;
      await work();
      const found = (): string[] => {
        const lines = log()
          .slice(before)
          .split(/\n(?!\t)/);
        return patterns.flatMap(({ metric, pattern }) =>
          lines.some((line) => matches(pattern, line)) ? [metric] : [],
        );
      };
      // The server writes a line when it likes.
      for (let tries = 0; tries < 200 && !found().includes(expected); tries += 1)
        await postgres.asSuperuser((client) => client.query("SELECT pg_sleep(0.02)"));
      return found();
    }

    it("of a statement of a migration that failed", async () => {
      const client = await as(migrator);
      const work = () => assert.rejects(client.query("ALTER TABLE nowhere ADD COLUMN n integer"));
      assert.deepEqual(await counted(work, "FailedMigration"), ["FailedMigration"]);
      await client.end();
    });

    it("and not of a migration that gave up waiting for a lock, as it tries again", async () => {
      const work = () =>
        both(
          async (service, migration) => {
            await service.query("BEGIN; SELECT * FROM pages");
            await migration.query("SET lock_timeout = '300ms'");
            await assert.rejects(migration.query("BEGIN; LOCK TABLE pages IN ACCESS EXCLUSIVE MODE"), /lock timeout/);
            await migration.query("ROLLBACK");
            await assert.rejects(
              migration.query("BEGIN; LOCK TABLE pages IN ACCESS EXCLUSIVE MODE NOWAIT"),
              /could not obtain/,
            );
          },
          "pages_app_blue",
          migrator,
        );
      assert.deepEqual(await counted(work, "LockWaits"), ["LockWaits"]);
    });

    it("of a role that has all of its connections", async () => {
      const work = () =>
        both(async () => {
          await assert.rejects(as("pages_app_blue"), /too many connections/);
        });
      assert.deepEqual(await counted(work, "NoConnectionLeft"), ["NoConnectionLeft"]);
    });

    it("of a wrong password, and of what a role may not do", async () => {
      const wrong = { host: "127.0.0.1", port: postgres.port, user: migrator, password: "wrong", database: "postgres" };
      const login = () => assert.rejects(new Client(wrong).connect());
      assert.deepEqual(await counted(login, "Refused"), ["Refused"]);
      const denied = () =>
        both(async (client) => {
          await assert.rejects(client.query("SELECT * FROM secrets"), /permission denied/);
        });
      assert.deepEqual(await counted(denied, "Refused"), ["Refused"]);
    });

    it("of a deadlock", async () => {
      assert.ok((await counted(() => both(deadlock), "Deadlocks")).includes("Deadlocks"));
    });

    it("of a row that a constraint refuses", async () => {
      const work = () =>
        both(async (client) => {
          await assert.rejects(client.query("INSERT INTO pages VALUES (1, 0)"), /violates unique constraint/);
        });
      assert.deepEqual(await counted(work, "ConstraintViolations"), ["ConstraintViolations"]);
    });

    it("of a query that took longer than a second, and of no quicker one", async () => {
      const query = (seconds: number) => () =>
        both(async (client) => {
          await client.query("SELECT pg_sleep($1)", [seconds]);
        });
      assert.deepEqual(await counted(query(1.01), "SlowQueries"), ["SlowQueries"]);
      const durations = () => log().match(/duration:/g)?.length;
      const before = durations();
      await query(0.5)();
      // A later line of another kind shows that the log has come so far.
      const denied = () =>
        both(async (client) => {
          await assert.rejects(client.query("SELECT * FROM secrets"), /permission denied/);
        });
      assert.deepEqual(await counted(denied, "Refused"), ["Refused"]);
      assert.equal(durations(), before);
    });
  });

describe("lines in the log of a colour that an alarm counts", function () {
  this.timeout(120_000);

  it("are those of a request that waited in vain for a connection of the pool", async () => {
    const postgres = await startPostgres(15);
    const { user, password: own } = postgres.administrator;
    const to = { host: "127.0.0.1", port: postgres.port, database: "postgres", user, password: own };
    const pool = new Pool({ ...to, max: 1, connectionTimeoutMillis: 50 });
    const taken = await pool.connect();
    try {
      await assert.rejects(pool.connect(), (error: Error) => matches(poolLines("blue").pattern, JSON.stringify({ err: { message: error.message } }))); // prettier-ignore
    } finally {
      taken.release();
      await pool.end();
      await postgres.stop();
    }
  });
});
