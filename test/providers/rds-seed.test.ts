import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expectedMemberships, expectedRoles, type ExpectedAccess } from "../../infra/database/expectations";
import { checkAccess, mendAccess } from "../../infra/database/check";
import { roleNames } from "../../infra/database/names";
import { provider as aside } from "../../infra/platform/aws/seed/aside-provider";
import type { RdsSeedAsideInputs, RdsSeedTakeOverInputs } from "../../infra/platform/aws/seed/resource";
import { provider as takeOver } from "../../infra/platform/aws/seed/take-over-provider";
import type { EmbeddedMajor } from "../../infra/platform/local/postgres/binaries";
import { administersAsOnRds } from "../support/aws-account";
import { startPostgres, type TestPostgres } from "../support/postgres";

const database = "pages";
const names = roleNames(database);
const limits = { migrator: 5, blue: 100, green: 100, readonly: 10, monitoring: 5 };

for (const major of [15, 18] satisfies EmbeddedMajor[])
  describe(`an instance that is made from another stack's snapshot, PostgreSQL ${major}`, function () {
    this.timeout(180_000);
    let postgres: TestPostgres;
    let expected: ExpectedAccess;
    let toAside: RdsSeedAsideInputs;
    let toTakeOver: RdsSeedTakeOverInputs;
    const folder = mkdtempSync(join(tmpdir(), "switchyard-seed-"));
    const mask = join(folder, "mask.sql");

    before(async () => {
      writeFileSync(mask, "");
      postgres = await startPostgres(major);
      await administersAsOnRds(postgres);
      const { user, password } = postgres.administrator;
      expected = { database, administrator: user, connectionLimits: limits };
      const seeded = {
        connection: { host: "127.0.0.1", port: postgres.port, database: "postgres", user, sslmode: "disable" as const },
        password,
        instance: "db-1",
      };
      toAside = { ...seeded, database, snapshot: "switchyard-staging-seed" };
      toTakeOver = { ...seeded, owner: names.owner, expected, mask };
      await access("in production");
      await asAdministrator(database, [
        `SET ROLE ${names.owner}`,
        "CREATE TABLE people (id int PRIMARY KEY, mail text)",
        "INSERT INTO people SELECT n, n || '@example.com' FROM generate_series(1, 100) AS n",
        "CREATE SCHEMA switchyard CREATE TABLE migrations (version text)",
      ]);
    });
    after(async () => {
      await (postgres as TestPostgres | undefined)?.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    async function asAdministrator(where: string, statements: readonly string[]): Promise<void> {
      const client = await postgres.connect({ ...postgres.administrator, database: where });
      try {
        for (const sql of statements) await client.query(sql);
      } finally {
        await client.end();
      }
    }

    /** What Access does: roles with passwords of the stack's own, and a database. */
    async function access(password: string): Promise<void> {
      const roles = expectedRoles(expected).map(
        ({ name, login, inherit, connectionLimit }) =>
          `CREATE ROLE ${name} ${login ? "LOGIN" : "NOLOGIN"} ${inherit ? "INHERIT" : "NOINHERIT"}
             CONNECTION LIMIT ${connectionLimit} PASSWORD '${password}'`,
      );
      const members = expectedMemberships(expected).map(({ role, member }) => `GRANT ${role} TO ${member}`);
      await asAdministrator("postgres", [
        ...roles,
        ...members,
        `ALTER ROLE ${names.migrator} SET role TO ${names.owner}`,
        `CREATE DATABASE ${database} OWNER ${names.owner} TEMPLATE template0`,
      ]);
      await asAdministrator(database, ["CREATE EXTENSION pg_trgm", 'CREATE EXTENSION "uuid-ossp"']);
      const client = await postgres.connect({ ...postgres.administrator, database });
      await mendAccess(client, expected);
      await client.end();
    }

    const ask = async <T extends object>(sql: string, where = database): Promise<T[]> =>
      (await postgres.asSuperuser((client) => client.query<T>(sql), where)).rows;

    it("leaves an instance alone that was there before rds.seedFrom", async () => {
      await aside.create({ ...toAside, snapshot: "" });
      assert.equal((await ask("SELECT FROM people")).length, 100);
    });

    it("frees the names of database and roles, once", async () => {
      await aside.create(toAside);
      await aside.create(toAside);
      const [left] = await ask<{ count: string }>(
        `SELECT count(*) FROM pg_roles WHERE rolname IN (${Object.values(names)
          .map((name) => `'${name}'`)
          .join()})`,
        "postgres",
      );
      assert.deepEqual(left, { count: "0" });
      assert.equal((await ask("SELECT FROM people", `${database}_seed`)).length, 100);
      await assert.rejects(postgres.connect({ user: names.blue, password: "in production" }), /authentication failed/);
    });

    it("drops nothing where the database that Access made holds data too", async () => {
      await access("in staging");
      await asAdministrator(database, ["CREATE TABLE somebodys (id int)"]);
      await assert.rejects(
        takeOver.create(toTakeOver),
        /pages_seed.*and pages, which holds data too: nothing is dropped/,
      );
      assert.equal((await ask("SELECT FROM people", `${database}_seed`)).length, 100);
      await asAdministrator(database, ["DROP TABLE somebodys"]);
    });

    it("says what is wrong with a mask, and does nothing of it", async () => {
      writeFileSync(mask, "UPDATE people SET mail = 'masked'; UPDATE nobody SET mail = 'masked'");
      await assert.rejects(takeOver.create(toTakeOver), /switchyard:rds.mask failed, .*"nobody" does not exist/);
      assert.deepEqual(await ask("SELECT DISTINCT mail FROM people WHERE mail = 'masked'"), []);
      writeFileSync(mask, "COMMIT; BEGIN");
      await assert.rejects(takeOver.create(toTakeOver), /ends the transaction/);
      assert.match(
        (await takeOver.check?.({ ...toTakeOver, mask: "nowhere.sql" }, undefined))?.[0] ?? "",
        /rds\.mask is/,
      );
    });

    it("takes its place with all rows, masked once, and with the roles of this stack alone", async () => {
      writeFileSync(mask, "UPDATE people SET mail = mail || '.masked'");
      await takeOver.create(toTakeOver);
      await takeOver.create(toTakeOver);
      assert.deepEqual(
        await ask(
          "SELECT count(*)::int AS rows, count(*) FILTER (WHERE mail LIKE '%.com.masked')::int AS masked FROM people",
        ),
        [{ rows: 100, masked: 100 }],
      );
      assert.deepEqual(await ask("SELECT rolname FROM pg_roles WHERE rolname LIKE '%\\_seed'"), []);
      assert.deepEqual(await ask("SELECT datname FROM pg_database WHERE datname LIKE '%\\_seed'"), []);
      const client = await postgres.connect({ ...postgres.administrator, database });
      assert.deepEqual(await checkAccess(client, expected), []);
      await client.end();
      const blue = await postgres.connect({ user: names.blue, password: "in staging", database });
      assert.equal((await blue.query("SELECT FROM people")).rowCount, 100);
      await blue.end();
    });

    it("goes on where a kill left the old roles", async () => {
      await asAdministrator("postgres", [`CREATE ROLE ${names.blue}_seed`]);
      await takeOver.create(toTakeOver);
      assert.deepEqual(await ask("SELECT rolname FROM pg_roles WHERE rolname LIKE '%\\_seed'"), []);
      assert.equal((await ask("SELECT FROM people WHERE mail LIKE '%.com.masked'")).length, 100);
    });

    it("is not taken aside again on the same instance, and is on one that is restored from it", async () => {
      await aside.create(toAside);
      assert.equal((await ask("SELECT FROM people")).length, 100);
      await aside.create({ ...toAside, instance: "db-2" });
      assert.equal((await ask("SELECT FROM people", `${database}_seed`)).length, 100);
    });
  });
