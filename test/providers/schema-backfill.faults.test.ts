import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { lookAtLoad } from "../../infra/providers/schema/backfill-load";
import { enter, prepareHistory } from "../../infra/providers/schema/history";
import { withSchemaLock } from "../../infra/providers/schema/lock";
import { migrationOf } from "../unit/schema/build";
import type { ChildTask } from "./schema-backfill.child";
import { Shop, until } from "./schema-backfill.setup";

const update = (batch: number, value = "1"): string =>
  `-- switchyard: backfill=k batch=${batch}\nUPDATE t SET done = ${value};`;

for (const major of [15, 18] as const) {
  describe(`schema: backfills that are disturbed, on PostgreSQL ${major}`, function () {
    this.timeout(180_000);
    let shop: Shop;

    before(async () => {
      shop = await Shop.open(major);
    });
    after(() => shop.postgres.stop());
    beforeEach(() => shop.next());

    /** A table of rows with keys 10, 20, 30 …; `touched` counts how often each row was updated. */
    const makeTable = (rows: number): Promise<unknown> =>
      shop.client.query(`DROP TABLE IF EXISTS t, touched;
        CREATE TABLE t (k int PRIMARY KEY, done int);
        INSERT INTO t SELECT n * 10 FROM generate_series(1, ${rows}) n; ANALYZE t;
        CREATE TABLE touched (k int);
        CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS
          $$BEGIN INSERT INTO touched VALUES (NEW.k); RETURN NEW; END$$;
        CREATE TRIGGER touch AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION touch()`);
    const assertOnce = async (rows: number): Promise<void> => {
      assert.equal(await shop.number("SELECT count(*) FROM touched"), rows);
      assert.equal(await shop.number("SELECT count(DISTINCT k) FROM touched"), rows);
    };

    it("touches each row exactly once, however often the process is killed", async () => {
      await makeTable(2_000);
      const task: ChildTask = { connection: shop.connection, version: String(shop.version), sql: update(5) };
      const start = () =>
        spawn(
          process.execPath,
          ["--import", "tsx", join(__dirname, "schema-backfill.child.ts"), JSON.stringify(task)],
          { env: { ...process.env, BACKFILL_PASSWORD: Shop.password }, stdio: "ignore" },
        );
      for (const target of [40, 150]) {
        const child = start();
        const ended = once(child, "exit");
        await until(async () => child.exitCode !== null || (await shop.batches()) >= target);
        child.kill("SIGKILL");
        assert.deepEqual(await ended, [null, "SIGKILL"], "it was killed while it worked");
      }
      assert.ok((await shop.batches()) < 400);
      const { rows, walked, batches } = await shop.backfill(update(5));
      assert.deepEqual({ rows, walked, batches }, { rows: 2_000, walked: 2_000, batches: 400 });
      await assertOnce(2_000);
      assert.match(shop.lines[0] ?? "", /^backfill of t: goes on behind k \d+: [\d,]+ of about 2,000 rows are done$/);
    });

    it("does a batch no second time that the session of a killed run commits late", async () => {
      await makeTable(100);
      await assert.rejects(
        shop.backfill(
          update(10),
          {},
          shop.run(async () => {
            if ((await shop.batches()) === 2) throw new Error("killed");
          }),
        ),
        /killed/,
      );
      const late = await shop.connect();
      await late.query(`BEGIN; UPDATE t SET done = 1 WHERE k > 200 AND k <= 300;
        UPDATE switchyard.backfills SET last_key = '["300"]', walked = 30, rows = 30, batches = 3 WHERE version = '${shop.version}'`);
      const done = shop.backfill(update(10), { lockTimeoutMs: 50 });
      await until(() => shop.lines.some((line) => line.includes("waits")) || blocked());
      await late.query("COMMIT");
      assert.equal((await done).rows, 100);
      await assertOnce(100);
    });

    const blocked = async (): Promise<boolean> => {
      const load = await shop.postgres.asSuperuser(lookAtLoad, "shop");
      return load.waiting > 0;
    };

    it("does every row that was there when it began, while others write on both sides of it", async () => {
      await makeTable(2_000);
      let writing = true;
      const write = async (seed: number): Promise<void> => {
        const client = await shop.connect();
        for (let n = seed; writing; n += 7) {
          const k = (n * 7919) % 30_000;
          // New keys lie between, behind and beyond those that were there.
          await client.query("INSERT INTO t VALUES ($1) ON CONFLICT DO NOTHING", [k - (k % 10) + 5]);
          await client.query("UPDATE t SET k = k WHERE k = $1", [k - (k % 10)]);
        }
        await client.end();
      };
      const writers = [write(1), write(2)];
      const { walked } = await shop.backfill(update(50));
      writing = false;
      await Promise.all(writers);
      assert.equal(await shop.number("SELECT count(*) FROM t WHERE k % 10 = 0 AND done IS NULL"), 0);
      assert.equal(await shop.number("SELECT count(*) FROM t WHERE k > 20000 AND done IS NOT NULL"), 0);
      assert.ok(walked >= 2_000);
    });

    it("gives its rows back to whoever it waits for, says who that is, and does the batch again", async () => {
      await makeTable(100);
      const other = await shop.connect();
      await other.query("BEGIN; UPDATE t SET done = 0 WHERE k = 150");
      const done = shop.backfill(update(10), { lockTimeoutMs: 100, reportMs: 0 });
      await until(blocked);
      // Row 110 is held by the batch that waits for row 150: a deadlock, unless the batch gives way.
      await other.query("UPDATE t SET done = 0 WHERE k = 110");
      await until(() => shop.lines.some((line) => /waits: .*55P03.*; pid \d+ \(no application name\)/.test(line)));
      await other.query("COMMIT");
      const { rows } = await done;
      assert.equal(rows, 100);
      assert.equal(await shop.number("SELECT count(*) FROM t WHERE done = 1"), 100);
    });

    it("ends when others hold its rows all along, and goes on from there the next time", async () => {
      await makeTable(100);
      const other = await shop.connect();
      await other.query("BEGIN; UPDATE t SET done = 0 WHERE k = 500");
      await assert.rejects(
        shop.backfill(update(10), { lockTimeoutMs: 20, retryMs: 200 }),
        /55P03.*pid \d+.*batch of t behind \d+ up to \d+; the batches before it stay/,
      );
      assert.equal(await shop.number("SELECT count(*) FROM t WHERE done = 1 AND k > 500"), 0);
      assert.ok((await shop.batches()) >= 4);
      await other.query("ROLLBACK");
      await shop.backfill(update(10));
      await assertOnce(100);
    });

    it("runs no further batch once the schema lock is lost", async () => {
      await makeTable(1_000);
      const lock = await shop.connect();
      const pid = await shop.number("SELECT pg_backend_pid()", lock);
      const held = withSchemaLock(lock, { waitMs: 0, say: () => undefined }, (assertHeld) =>
        shop.backfill(
          update(10),
          {},
          shop.run(async () => {
            if ((await shop.batches()) === 7) await shop.number(`SELECT pg_terminate_backend(${pid})::int`);
            await assertHeld();
          }),
        ),
      );
      await assert.rejects(held, /the session that holds the schema lock was ended/);
      assert.equal(await shop.batches(), 7);
      assert.equal(await shop.number("SELECT count(*) FROM t WHERE done = 1"), 70);
    });

    it("names the range of keys that the server refuses, keeps what is done, and starts anew with the mended statement", async () => {
      await makeTable(100);
      await assert.rejects(
        shop.backfill(update(10, "1 / (k - 550)")),
        /division by zero \(in the batch of t behind 500 up to 600; the batches before it stay\)/,
      );
      assert.equal(await shop.batches(), 5);
      const { rows, batches } = await shop.backfill(update(20, "k"));
      assert.deepEqual({ rows, batches }, { rows: 100, batches: 5 });
      assert.equal(await shop.number("SELECT count(*) FROM t WHERE done = k"), 100);
    });

    it("does nothing when it is done already, and everything again when its migration is applied again", async () => {
      await makeTable(50);
      await prepareHistory(shop.client);
      await enter(shop.client, { ...migrationOf("SELECT 1;"), version: String(shop.version) });
      const first = await shop.backfill(update(10));
      const { rows, walked, batches, ms } = await shop.backfill(update(7));
      assert.deepEqual({ rows, walked, batches, ms }, { rows: 50, walked: 50, batches: 5, ms: first.ms });
      await assertOnce(50);
      // What the history does when a migration that was taken back begins again.
      await shop.client.query("UPDATE switchyard.migrations SET started_at = clock_timestamp()");
      await shop.backfill(update(10));
      assert.equal(await shop.number("SELECT count(*) FROM touched"), 100);
    });

    it("says where it stands, and waits a limited time for a slot that keeps too much WAL", async () => {
      await makeTable(50);
      const waits = { slotBytes: -1, lagWaitMs: 50, lookMs: 10, reportMs: 0 };
      const { pausedMs } = await shop.backfill(update(10), waits);
      assert.ok(pausedMs >= 50);
      assert.equal(shop.lines[0], "backfill of t: walks about 50 rows by k");
      assert.match(shop.lines.join("\n"), /backfill of t: 20 of about 50 rows, [\d,]+ rows\/s, about \w+ left\n/);
      assert.match(shop.lines.join("\n"), /backfill of t: waits: a replication slot keeps 0 MiB of WAL\n/);
      assert.match(shop.lines.at(-1) ?? "", /done: 50 rows walked, 50 written in .* rows\/s\. Autovacuum clears/);
    });

    it("sees who works and who waits, whatever their role", async () => {
      assert.deepEqual(await lookAtLoad(shop.client), { active: 0, waiting: 0, lagMs: 0, slotBytes: 0 });
      await makeTable(10);
      await shop.postgres.asSuperuser(async (stranger) => {
        await stranger.query("BEGIN; UPDATE t SET done = 0");
        const waiting = shop.connect().then((client) => client.query("UPDATE t SET done = 1"));
        await until(async () => (await lookAtLoad(shop.client)).waiting > 0);
        assert.deepEqual(await lookAtLoad(shop.client), { active: 2, waiting: 1, lagMs: 0, slotBytes: 0 });
        await stranger.query("ROLLBACK");
        await waiting;
      }, "shop");
    });
  });
}
