import assert from "node:assert/strict";
import { differing } from "../../infra/providers/schema/sync";
import type { Sync } from "../../infra/schema";
import { createPeopleDatabase, migration, type PeopleDatabase } from "../support/people-steps";
import { startPostgres, type TestPostgres } from "../support/postgres";

const table = migration("0001", {
  up: "CREATE TABLE people (id int PRIMARY KEY, name text NOT NULL, age int);",
  down: "DROP TABLE people;",
});
const fill =
  "UPDATE people SET first_name = split_part(name, ' ', 1), last_name = split_part(name, ' ', 2) WHERE first_name IS NULL;";
const sync =
  "sync=split table=people old=name new=first_name,last_name forward=\"split_part(name, ' ', 1), split_part(name, ' ', 2)\"" +
  " backward=\"first_name || ' ' || last_name\"";
const columns = "ALTER TABLE people ADD COLUMN first_name text, ADD COLUMN last_name text;";
const expand = migration("0002", {
  options: "transaction:false",
  sync,
  up: `${columns}\n-- switchyard: backfill=id\n${fill}`,
  down: "ALTER TABLE people DROP COLUMN first_name, DROP COLUMN last_name;",
});
const contract = migration("0003", {
  phase: "contract",
  up: "ALTER TABLE people DROP COLUMN name;",
  down: "ALTER TABLE people ADD COLUMN name text;",
});
const plainContract = migration("0003", {
  phase: "contract",
  options: "transaction:false",
  up: "ALTER TABLE people DROP COLUMN IF EXISTS name;",
  down: "ALTER TABLE people ADD COLUMN IF NOT EXISTS name text;",
});

for (const major of [15, 18] as const) {
  describe(`The end of a sync on PostgreSQL ${major}`, function () {
    this.timeout(180_000);
    let postgres: TestPostgres;
    let db: PeopleDatabase;

    before(async () => {
      postgres = await startPostgres(major);
    });
    after(async () => {
      await postgres.stop();
    });
    beforeEach(async () => {
      db = await createPeopleDatabase(postgres);
      await db.up(table);
    });

    const its: Sync = expand.syncs[0] ?? assert.fail("no sync");
    const rows = async (sql: string) => (await db.owner.query<Record<string, unknown>>(sql)).rows;
    const people = () => rows("SELECT * FROM people ORDER BY id");
    const leftovers = async () => [
      ...(await rows("SELECT tgname FROM pg_trigger WHERE tgname LIKE 'zz_sync%'")),
      ...(await rows("SELECT proname FROM pg_proc WHERE proname LIKE 'sync_0002%'")),
    ];
    const record = () => rows("SELECT id, ended_by, ended_at IS NOT NULL AS at FROM switchyard.syncs ORDER BY id");
    const active = [{ id: "0002/1", ended_by: null, at: false }];
    /** Writes as somebody does who has switched the triggers off. */
    async function behind(sql: string): Promise<void> {
      await db.owner.query("ALTER TABLE people DISABLE TRIGGER USER");
      await db.owner.query(sql);
      await db.owner.query("ALTER TABLE people ENABLE TRIGGER USER");
    }

    it("a contract drops triggers and functions with the old shape, and its down brings all of it back", async () => {
      await db.owner.query("INSERT INTO people VALUES (1, 'Ada King', 1), (2, 'Bo Li', 2)");
      await db.up(expand);
      await db.owner.query("UPDATE people SET first_name = 'Ada Augusta' WHERE id = 1");
      await db.up(contract);
      assert.deepEqual(await leftovers(), []);
      assert.deepEqual(await record(), [{ id: "0002/1", ended_by: "0003", at: true }]);
      await db.owner.query("INSERT INTO people (id, first_name, last_name) VALUES (3, 'Cy', 'Young')");
      await db.down(contract);
      assert.deepEqual(await record(), active);
      assert.deepEqual(
        (await people()).map(({ name }) => name),
        ["Ada Augusta King", "Bo Li", "Cy Young"],
      );
      const app = await db.release();
      await app.query("UPDATE people SET name = 'Di Oh' WHERE id = 3");
      assert.deepEqual((await people())[2], { id: 3, age: null, first_name: "Di", last_name: "Oh", name: "Di Oh" });
      await db.up(contract);
      assert.deepEqual(await leftovers(), []);
    });

    it("a backfill writes nothing back over what is richer in the old shape, nor a catch-up over the new one", async () => {
      await db.owner.query("INSERT INTO people VALUES (1, 'Ada King Noel', 1)");
      await db.up(expand);
      assert.deepEqual(await people(), [
        { id: 1, name: "Ada King Noel", age: 1, first_name: "Ada", last_name: "King" },
      ]);
      await db.owner.query("UPDATE people SET first_name = 'Ada Augusta'");
      // The old column comes back with a default, which is nobody's word.
      const strict = migration("0003", {
        phase: "contract",
        up: "ALTER TABLE people DROP COLUMN name;",
        down: "ALTER TABLE people ADD COLUMN name text NOT NULL DEFAULT 'No One';",
      });
      await db.up(strict);
      await db.down(strict);
      assert.deepEqual(await people(), [
        { id: 1, age: 1, first_name: "Ada Augusta", last_name: "King", name: "Ada Augusta King" },
      ]);
    });

    it("says of how many rows the shape that goes held more, so that no way back brings it again", async () => {
      await db.owner.query("INSERT INTO people VALUES (1, 'Ada King Noel', 1), (2, 'Bo Li', 2)");
      await db.up(expand);
      const more = (columns: string) =>
        `the sync 0002/1 of people (name and first_name, last_name): 1 row holds more in ${columns} than the other shape ` +
        "tells; that goes, and no way back brings it again";
      await db.up(contract);
      assert.deepEqual(db.lines, [more("name")]);
      await db.down(contract);
      await db.owner.query("UPDATE people SET first_name = 'Bo Bo' WHERE id = 2");
      await db.down(expand);
      assert.deepEqual(db.lines.slice(-1), [more("first_name, last_name")]);
    });

    it("a contract mends what one side alone holds, whichever it is, and says how many rows", async () => {
      await db.up(expand);
      await behind("INSERT INTO people (id, name) SELECT n, 'Ada King' FROM generate_series(1, 3000) n");
      await db.owner.query("ALTER TABLE people ALTER COLUMN name DROP NOT NULL");
      await behind("INSERT INTO people (id, first_name, last_name) VALUES (0, 'Bo', 'Li')");
      assert.equal(await differing(db.owner, its), 3001);
      await db.up(contract);
      assert.deepEqual(db.lines, [
        "the sync 0002/1 of people (name and first_name, last_name): 3001 rows were brought in step",
      ]);
      assert.deepEqual(
        await rows("SELECT count(*)::int AS n, min(first_name) AS a, max(first_name) AS b FROM people"),
        [{ n: 3001, a: "Ada", b: "Bo" }],
      );
    });

    it("a contract is refused while rows differ that only a person can decide, and changes nothing", async () => {
      await db.owner.query("INSERT INTO people SELECT n, 'Ada King' FROM generate_series(1, 20) n");
      await db.up(expand);
      await behind("UPDATE people SET name = 'Somebody Else' WHERE id BETWEEN 3 AND 9");
      const before = await people();
      const message =
        /0003_people \(up\): 7 rows of people differ in name and first_name, last_name .*: id 3; 4; 5; 6; 7; …\n {2}what older releases wrote is right: UPDATE .*\n {2}what newer releases wrote is right: UPDATE /;
      await assert.rejects(db.up(contract), message);
      assert.deepEqual([await people(), await record(), (await leftovers()).length], [before, active, 3]);
      // What the message says is what mends it, either way, with the triggers on.
      const error = (await db.up(contract).catch((thrown: unknown) => thrown)) as Error;
      const [, older = "", newer = ""] = /older .*?: (UPDATE .*)\n.*newer .*?: (UPDATE .*)\n/.exec(error.message) ?? [];
      await db.owner.query(`${older} AND id < 6`);
      await db.owner.query(newer);
      assert.deepEqual(
        (await people()).slice(4, 6).map(({ name, last_name }) => [name, last_name]),
        [
          ["Somebody Else", "Else"],
          ["Ada King", "King"],
        ],
      );
      await db.up(contract);
    });

    it("a contract counts under the lock when somebody switched triggers off after the count", async () => {
      await db.owner.query("INSERT INTO people SELECT n, 'Ada King' FROM generate_series(1, 20) n");
      await db.up(expand);
      const other = await db.release();
      const [trigger] = await rows("SELECT tgname FROM pg_trigger WHERE tgname LIKE 'zz_sync%upd'");
      const name = String(trigger?.["tgname"]);
      const query = db.owner.query.bind(db.owner) as (...args: unknown[]) => Promise<unknown>;
      let meddled = 0;
      // Right before the lock, everything was counted.
      const meddling = async (...args: unknown[]): Promise<unknown> => {
        if (String(args[0]).startsWith("LOCK TABLE")) {
          meddled += 1;
          const alter = (what: string) =>
            postgres.asSuperuser((client) => client.query(`ALTER TABLE people ${what} TRIGGER ${name}`), db.name);
          await alter("DISABLE");
          await other.query("UPDATE people SET name = 'Somebody Else' WHERE id = 7");
          await alter("ENABLE ALWAYS");
        }
        return query(...args);
      };
      Object.assign(db.owner, { query: meddling });
      await assert.rejects(db.up(contract), /1 row of people differ/);
      Object.assign(db.owner, { query });
      assert.equal(meddled, 1);
      assert.equal((await people()).length, 20);
    });

    it("keeps every write while a contract catches up and many sessions write", async () => {
      await db.owner.query("INSERT INTO people SELECT n, 'Ada King' FROM generate_series(1, 5000) n");
      await db.up(migration("0002", { sync, up: columns, down: "SELECT 1;" }));
      const writers = await Promise.all([1, 2, 3, 4].map(() => db.release()));
      let ended = false;
      const written = new Map<number, string>();
      const work = writers.map(async (client, which) => {
        for (let round = 0; !ended; round += 1) {
          const id = which + 1 + 4 * (round % 1200);
          const name = `W${round} L${which}`;
          const sql =
            round % 2 === 0
              ? "UPDATE people SET first_name = split_part($2, ' ', 1), last_name = split_part($2, ' ', 2) WHERE id = $1"
              : "UPDATE people SET name = $2 WHERE id = $1";
          try {
            await client.query(sql, [id, name]);
            written.set(id, name);
          } catch (error) {
            // An old release's write, once the column is gone: it was never acknowledged.
            assert.equal((error as { code?: string }).code, "42703");
          }
        }
      });
      await db.up(contract);
      ended = true;
      await Promise.all(work);
      const found = await rows("SELECT id, first_name || ' ' || last_name AS name FROM people");
      assert.equal(found.length, 5000);
      for (const { id, name } of found) assert.equal(name, written.get(id as number) ?? "Ada King");
      assert.ok(written.size > 0);
    });

    it("the down of an expand keeps what only new releases wrote, and never old data for a backfill that did not run", async () => {
      await db.owner.query("INSERT INTO people VALUES (1, 'Ada King', 1), (2, 'Bo Li', 2)");
      await db.up(migration("0002", { sync, up: columns, down: "SELECT 1;" }));
      await db.owner.query("ALTER TABLE people ALTER COLUMN name DROP NOT NULL");
      await behind("INSERT INTO people (id, first_name, last_name) VALUES (3, 'Cy', 'Young')");
      await db.owner.query("UPDATE people SET last_name = 'Queen', first_name = 'Ada' WHERE id = 1");
      await db.down(expand);
      assert.deepEqual(await people(), [
        { id: 1, name: "Ada Queen", age: 1 },
        { id: 2, name: "Bo Li", age: 2 },
        { id: 3, name: "Cy Young", age: null },
      ]);
      assert.deepEqual([await leftovers(), await record()], [[], [{ id: "0002/1", ended_by: "0002", at: true }]]);
      await db.up(expand);
      assert.deepEqual([await differing(db.owner, its), await record()], [0, active]);
    });

    it("ends and brings back outside a transaction too, in batches, where nobody's insert could be refused", async () => {
      await db.owner.query("INSERT INTO people SELECT n, 'Ada King' FROM generate_series(1, 5000) n");
      await db.up(expand);
      await assert.rejects(
        db.up(plainContract),
        /name is NOT NULL: until it is dropped, no release could insert a row/,
      );
      await db.owner.query("ALTER TABLE people ALTER COLUMN name DROP NOT NULL");
      await db.up(plainContract);
      assert.deepEqual(await leftovers(), []);
      await db.down(plainContract);
      assert.equal(await differing(db.owner, its), 0);
      assert.deepEqual(await rows("SELECT DISTINCT name FROM people"), [{ name: "Ada King" }]);
    });

    for (const [file, kind] of [
      [contract, "one transaction"],
      [plainContract, "transaction:false"],
    ] as const)
      it(`goes on after a kill at any point of a contract and of its down (${kind})`, async () => {
        await db.owner.query("INSERT INTO people SELECT n, 'Ada King' FROM generate_series(1, 3000) n");
        await db.up(expand);
        await db.owner.query("ALTER TABLE people ALTER COLUMN name DROP NOT NULL");
        const { run } = db;
        for (const direction of ["up", "down"] as const) {
          for (const point of ["prepare", "statement", "batch", "complete", "commit"] as const) {
            let asked = 0;
            const held = () => run.client.query("SELECT 1").then(() => undefined);
            if (point === "batch")
              db.run.assertHeld = () => ((asked += 1) === 3 ? Promise.reject(new Error("killed")) : held());
            const killed = db[direction](file, (at) => {
              if (at === point) throw new Error("killed");
            });
            if (point === "batch") await killed.catch((error: unknown) => assert.match(String(error), /killed/));
            else await assert.rejects(killed, /killed/);
            db.run.assertHeld = held;
            // Whatever was left, the service goes on writing.
            const app = await db.release();
            await app.query("UPDATE people SET first_name = 'Eve' WHERE id = 1");
            await app.end();
          }
          await db[direction](file);
        }
        assert.deepEqual([await differing(db.owner, its), await record()], [0, active]);
        assert.deepEqual(await rows("SELECT name FROM people WHERE id = 1"), [{ name: "Eve King" }]);
        await db.up(file);
        assert.deepEqual(await leftovers(), []);
      });

    it("may go forward again after a kill in the middle of its down", async () => {
      await db.owner.query("INSERT INTO people SELECT n, 'Ada King' FROM generate_series(1, 3000) n");
      await db.up(expand);
      await db.owner.query("ALTER TABLE people ALTER COLUMN name DROP NOT NULL");
      await db.up(plainContract);
      let asked = 0;
      const { run } = db;
      run.assertHeld = () => ((asked += 1) === 3 ? Promise.reject(new Error("killed")) : Promise.resolve());
      await assert.rejects(db.down(plainContract), /killed/);
      run.assertHeld = () => Promise.resolve();
      assert.equal((await leftovers()).length, 3);
      await db.up(plainContract);
      assert.deepEqual(await leftovers(), []);
    });

    it("not-null: SET NOT NULL ends it, with every row filled, and its down brings the trigger back", async () => {
      await db.owner.query("INSERT INTO people SELECT n, 'Ada King' FROM generate_series(1, 3000) n");
      await db.up(
        migration("0002", {
          sync: 'sync=not-null table=people new=age forward="0"',
          up: "SELECT 1;",
          down: "SELECT 1;",
        }),
      );
      const strict = migration("0003", {
        phase: "contract",
        up: '-- switchyard: waiver=set-not-null-scans reason="a small table"\nALTER TABLE people ALTER COLUMN age SET NOT NULL;',
        down: "ALTER TABLE people ALTER COLUMN age DROP NOT NULL;",
      });
      await db.up(strict);
      assert.deepEqual(await rows("SELECT DISTINCT age FROM people"), [{ age: 0 }]);
      assert.deepEqual(await leftovers(), []);
      await db.down(strict);
      await db.owner.query("INSERT INTO people VALUES (0, 'Bo')");
      assert.deepEqual(await rows("SELECT age FROM people WHERE id = 0"), [{ age: 0 }]);
    });

    it("manual: a contract counts by the directive's own query, and its down must bring the triggers back", async () => {
      const trigger = `CREATE FUNCTION follow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.title := NEW.name; RETURN NEW; END $$;
        CREATE TRIGGER follow BEFORE INSERT OR UPDATE ON people FOR EACH ROW EXECUTE FUNCTION follow();`;
      const own = migration("0002", {
        sync: 'sync=manual table=people old=name new=title triggers=follow differing="SELECT count(*) FROM people WHERE title IS DISTINCT FROM name"',
        up: `ALTER TABLE people ADD COLUMN title text; ${trigger}`,
        down: "ALTER TABLE people DROP COLUMN title; DROP TRIGGER follow ON people; DROP FUNCTION follow();",
      });
      const end = (down: string) =>
        migration("0003", {
          phase: "contract",
          up: "DROP TRIGGER follow ON people; ALTER TABLE people DROP COLUMN name;",
          down,
        });
      await db.owner.query("INSERT INTO people VALUES (1, 'Ada')");
      await db.up(own);
      await assert.rejects(
        db.up(end("SELECT 1;")),
        /1 row of people differ between both shapes .* counted by: SELECT count/,
      );
      await db.owner.query("UPDATE people SET age = 3");
      await db.up(end("SELECT 1;"));
      await assert.rejects(db.down(end("SELECT 1;")), /names a trigger that is not there, or not on: follow/);
      const back = "ALTER TABLE people ADD COLUMN name text; UPDATE people SET name = title;";
      await assert.rejects(db.down(end(back)), /names a trigger that is not there, or not on: follow/);
      await db.down(
        end(`${back} CREATE TRIGGER follow BEFORE INSERT OR UPDATE ON people FOR EACH ROW EXECUTE FUNCTION follow();`),
      );
      assert.deepEqual(await record(), active);
      await db.down(own);
    });

    it("a renamed column or table ends it as a dropped one does; in an expand it is refused", async () => {
      const as = (phase: "expand" | "contract") =>
        migration("0003", {
          phase,
          up: "ALTER TABLE people RENAME COLUMN name TO full_name;",
          down: "ALTER TABLE people RENAME COLUMN full_name TO name;",
        });
      await db.up(expand);
      await assert.rejects(
        db.up(as("expand")),
        /is an expand, and its ALTER TABLE RENAME COLUMN takes away what .* do it in a contract/,
      );
      await db.up(as("contract"));
      assert.deepEqual(await leftovers(), []);
      await db.down(as("contract"));
      assert.deepEqual(await record(), active);
    });

    it("no column of it can be dropped behind its back: PostgreSQL refuses, where every write would have failed", async () => {
      await db.up(expand);
      await assert.rejects(db.owner.query("ALTER TABLE people DROP COLUMN name"), /other objects depend on it/);
      await db.owner.query("ALTER TABLE people DROP COLUMN name CASCADE");
      await db.up(plainContract);
      assert.match(db.lines.join(), /people\.name is gone already/);
      assert.deepEqual(await leftovers(), []);
    });

    it("a row that its backfill passes by is filled by whatever changes it", async () => {
      await db.owner.query("INSERT INTO people VALUES (1, 'Ada King', 1), (2, 'Bo Li', 2)");
      await db.up(migration("0002", { sync, up: columns, down: "SELECT 1;" }));
      await db.owner.query("UPDATE people SET age = 3 WHERE id = 1");
      assert.equal(await differing(db.owner, its), 1);
      assert.deepEqual(await rows("SELECT last_name FROM people ORDER BY id"), [
        { last_name: "King" },
        { last_name: null },
      ]);
    });

    it("refuses a backfill that says something else than the sync, before it writes over what old releases wrote", async () => {
      const wrong = fill.replace("split_part(name, ' ', 2)", "upper(split_part(name, ' ', 2))");
      const file = migration("0002", {
        options: "transaction:false",
        sync,
        up: `${columns}\n-- switchyard: backfill=id\n${wrong}`,
      });
      await db.owner.query("INSERT INTO people VALUES (1, 'Ada King', 1)");
      await assert.rejects(
        db.up(file),
        /it sets last_name otherwise than the sync of people does, whose forward is split_part\(name, ' ', 2\)/,
      );
      assert.deepEqual(await rows("SELECT name FROM people"), [{ name: "Ada King" }]);
    });

    it("refuses a backfill of half a row, which the triggers would take for a new release's", async () => {
      const half = "UPDATE people SET first_name = split_part(name, ' ', 1);";
      const file = migration("0002", {
        options: "transaction:false",
        sync,
        up: `${columns}\n-- switchyard: backfill=id\n${half}`,
      });
      await db.owner.query("INSERT INTO people VALUES (1, 'Ada King', 1)");
      await assert.rejects(db.up(file), /it sets first_name and leaves last_name to another statement/);
      assert.deepEqual(await rows("SELECT name FROM people"), [{ name: "Ada King" }]);
      // What it is refused for.
      await db.owner.query("ALTER TABLE people ALTER COLUMN name DROP NOT NULL");
      await db.up(migration("0003", { sync, up: "SELECT 1;" }));
      await db.owner.query(half);
      assert.deepEqual(await rows("SELECT name FROM people"), [{ name: null }]);
    });

    it("a down that does not bring the old columns back is refused, and so is a catch-up that another trigger undoes", async () => {
      await db.owner.query("INSERT INTO people SELECT n, 'Ada King' FROM generate_series(1, 3000) n");
      await db.up(migration("0002", { sync, up: columns, down: "SELECT 1;" }));
      await db.owner
        .query(`CREATE FUNCTION undo() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.first_name := NULL; RETURN NEW; END $$;
        CREATE TRIGGER zzz_undo BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION undo()`);
      await assert.rejects(db.up(contract), /3000 rows of people differ/);
      await db.owner.query("DROP TRIGGER zzz_undo ON people");
      await db.owner.query("UPDATE people SET first_name = 'Ada', last_name = 'King'");
      await db.up(contract);
      const idle = migration("0003", {
        phase: "contract",
        up: "ALTER TABLE people DROP COLUMN name;",
        down: "SELECT 1;",
      });
      await assert.rejects(
        db.down(idle),
        /the down of 0003_people does not bring back people\.name, which older releases/,
      );
    });

    it("refuses a forward that fails for a row that is there, before an old release's write to it would", async () => {
      await db.owner.query("INSERT INTO people VALUES (1, 'n/a', 1)");
      const file = (options?: "transaction:false") =>
        migration("0002", {
          ...(options === undefined ? {} : { options }),
          sync: "sync=type table=people old=name new=code",
          up: "ALTER TABLE people ADD COLUMN IF NOT EXISTS code int;",
        });
      await assert.rejects(
        db.up(file("transaction:false")),
        /forward fails for a row that is there \(invalid input syntax .*CASE/,
      );
      assert.deepEqual(await leftovers(), []);
      await db.owner.query("UPDATE people SET age = 2");
      await db.up(file());
      const end = migration("0003", { phase: "contract", up: "ALTER TABLE people DROP COLUMN name;" });
      await assert.rejects(db.up(end), /a row can't be compared \(invalid input syntax for type integer: "n\/a"\)/);
    });

    it("brings every row of every partition in step, though row security hides them from everybody else", async () => {
      await db.owner.query(`CREATE TABLE parts (id int, name text) PARTITION BY RANGE (id);
        CREATE TABLE low PARTITION OF parts FOR VALUES FROM (0) TO (1000); CREATE TABLE high PARTITION OF parts DEFAULT;
        INSERT INTO parts SELECT n, 'x' FROM generate_series(1, 3000) n;
        ALTER TABLE parts ENABLE ROW LEVEL SECURITY`);
      await db.up(
        migration("0002", {
          sync: "sync=rename table=parts old=name new=title",
          up: "ALTER TABLE parts ADD COLUMN title text;",
          down: "SELECT 1;",
        }),
      );
      const end = migration("0003", {
        phase: "contract",
        up: "ALTER TABLE parts DROP COLUMN name;",
        down: "ALTER TABLE parts ADD COLUMN name text;",
      });
      await db.up(end);
      assert.deepEqual(await rows("SELECT count(*)::int AS n FROM parts WHERE title = 'x'"), [{ n: 3000 }]);
      await db.down(end);
      assert.deepEqual(await rows("SELECT count(*)::int AS n FROM parts WHERE name = 'x'"), [{ n: 3000 }]);
      await db.owner.query("ALTER TABLE parts FORCE ROW LEVEL SECURITY");
      await assert.rejects(db.up(end), /query would be affected by row-level security policy/);
    });
  });
}
