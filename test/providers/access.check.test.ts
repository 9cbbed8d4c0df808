import assert from "node:assert/strict";
import type { Client } from "pg";
import { checkAccess, inspectAccess, mendAccess } from "../../infra/database/check";
import { checkRoom } from "../../infra/database/checks/room";
import { provider } from "../../infra/providers/access-check/provider";
import { declareAccess, type DeclaredAccess } from "../plugins/access";
import { startPostgres, type TestPostgres } from "../support/postgres";

interface Damage {
  what: string;
  /** As the superuser, in the database. */
  by: string;
  /** The finding, up to its remedy. */
  finding: string;
}

const damages: Damage[] = [
  {
    what: "a table that belongs to somebody else",
    by: "ALTER TABLE pages OWNER TO stranger",
    finding: "table public.pages: found owner stranger, expected pages_owner",
  },
  {
    what: "a function that belongs to somebody else",
    by: "ALTER FUNCTION twice(int) OWNER TO stranger",
    finding: "function public.twice(integer): found owner stranger, expected pages_owner",
  },
  {
    what: "a type that belongs to somebody else",
    by: "CREATE TYPE mood AS ENUM ('calm')",
    finding: "type public.mood: found owner postgres, expected pages_owner",
  },
  {
    what: "a schema that belongs to somebody else",
    by: "ALTER SCHEMA switchyard OWNER TO stranger",
    finding: "schema switchyard: found owner stranger, expected pages_owner",
  },
  {
    what: "the schema public that belongs to somebody else",
    by: "ALTER SCHEMA public OWNER TO stranger",
    finding: "schema public: found owner stranger, expected pages_owner",
  },
  {
    what: "statistics and large objects that belong to somebody else",
    by: "CREATE STATISTICS of_pages ON id, title FROM pages; SELECT lo_create(77)",
    finding: "statistics object public.of_pages: found owner postgres, expected pages_owner",
  },
  {
    what: "a privilege that was taken away",
    by: "REVOKE UPDATE, DELETE ON pages FROM pages_app_blue",
    finding:
      "table public.pages: found INSERT and SELECT, expected DELETE, INSERT, SELECT and UPDATE for pages_app_blue",
  },
  {
    what: "a privilege too many on the history of migrations",
    by: "GRANT INSERT ON switchyard.migrations TO pages_app_green",
    finding: "table switchyard.migrations: found INSERT and SELECT, expected SELECT for pages_app_green",
  },
  {
    what: "a table open to everybody",
    by: "GRANT SELECT ON pages TO PUBLIC",
    finding: "table public.pages: found SELECT, expected nothing for public",
  },
  {
    what: "a function open to everybody",
    by: "GRANT EXECUTE ON FUNCTION twice(int) TO PUBLIC",
    finding: "function public.twice(n integer): found EXECUTE, expected nothing for public",
  },
  {
    what: "a database open to everybody",
    by: "GRANT CONNECT ON DATABASE pages TO PUBLIC",
    finding: "database pages: found CONNECT, expected nothing for public",
  },
  {
    what: "a stranger who may do something",
    by: "GRANT USAGE ON SCHEMA public TO stranger",
    finding: "schema public: found USAGE, expected nothing for stranger",
  },
  {
    what: "a sequence that can't be drawn from",
    by: "REVOKE USAGE ON SEQUENCE pages_id_seq FROM pages_app_blue",
    finding: "sequence public.pages_id_seq: found SELECT, expected SELECT and USAGE for pages_app_blue",
  },
  {
    what: "an owner who lost its own privileges",
    by: "REVOKE TRUNCATE ON pages FROM pages_owner",
    finding: "table public.pages: found DELETE, INSERT",
  },
  {
    what: "a privilege that can be passed on",
    by: "GRANT SELECT ON pages TO pages_readonly WITH GRANT OPTION",
    finding: "table public.pages: found SELECT with the right to grant it on, expected SELECT for pages_readonly",
  },
  {
    what: "a privilege on a column",
    by: "GRANT UPDATE (title) ON pages TO pages_readonly",
    finding: "column title of public.pages: found UPDATE for pages_readonly, expected privileges on whole tables only",
  },
  {
    what: "default privileges that are gone",
    by: "ALTER DEFAULT PRIVILEGES FOR ROLE pages_owner IN SCHEMA public REVOKE ALL ON SEQUENCES FROM pages_app_blue",
    finding:
      "new sequences of pages_owner in schema public: found nothing, expected SELECT and USAGE for pages_app_blue",
  },
  {
    what: "default privileges that open what comes later",
    by: "ALTER DEFAULT PRIVILEGES FOR ROLE pages_owner GRANT EXECUTE ON FUNCTIONS TO PUBLIC",
    finding: "new functions of pages_owner: found EXECUTE, expected nothing for public",
  },
  {
    what: "another CONNECTION LIMIT",
    by: "ALTER ROLE pages_app_blue CONNECTION LIMIT -1",
    finding: "role pages_app_blue: found CONNECTION LIMIT -1, expected 7",
  },
  {
    what: "a role that may log in and may not",
    by: "ALTER ROLE pages_owner LOGIN",
    finding: "role pages_owner: found LOGIN, expected NOLOGIN",
  },
  {
    what: "a role that creates roles",
    by: "ALTER ROLE pages_app_green CREATEROLE",
    finding: "role pages_app_green: found CREATEROLE, expected NOCREATEROLE",
  },
  {
    what: "a migrator that no longer begins as the owner",
    by: "ALTER ROLE pages_migrator RESET role",
    finding: "role pages_migrator: found sessions that begin as itself, expected pages_owner",
  },
  {
    what: "a member too many",
    by: "GRANT pages_owner TO pages_app_blue",
    finding: "role pages_app_blue: found membership in pages_owner, expected none",
  },
  {
    what: "a way around all privileges",
    by: "GRANT pg_read_all_data TO pages_app_blue",
    finding: "role pages_app_blue: found membership in pg_read_all_data, expected none",
  },
  {
    what: "a membership that is gone",
    by: "REVOKE pg_monitor FROM pages_monitoring GRANTED BY CURRENT_USER; REVOKE pg_monitor FROM pages_monitoring GRANTED BY rds_superuser",
    finding: "role pages_monitoring: found no membership in pg_monitor, expected one",
  },
  {
    what: "an extension that is gone",
    by: "DROP EXTENSION pg_trgm",
    finding: "extension pg_trgm: found nothing, expected it in schema public",
  },
  {
    what: "an extension elsewhere",
    by: 'ALTER EXTENSION "uuid-ossp" SET SCHEMA switchyard',
    finding: "extension uuid-ossp: found it in schema switchyard, expected it in schema public",
  },
];

for (const major of [15, 18] as const)
  describe(`the check of access on PostgreSQL ${major}`, function () {
    this.timeout(180_000);
    let postgres: TestPostgres;
    let declared: DeclaredAccess;
    let administrator: Client;
    let superuser: Client;

    before(async () => {
      postgres = await startPostgres(major);
      declared = await declareAccess(postgres);
      administrator = await postgres.connect({ ...postgres.administrator, database: "pages" });
      superuser = await postgres.connect({ user: "postgres", password: postgres.superuserPassword, database: "pages" });
      const migrator = await postgres.connect({
        user: "pages_migrator",
        password: declared.passwords.migrator,
        database: "pages",
      });
      await migrator.query(`
        CREATE TABLE pages (id bigserial PRIMARY KEY, title text);
        CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql AS 'SELECT 2 * n';
        CREATE SCHEMA switchyard;
        CREATE TABLE switchyard.migrations (version text PRIMARY KEY)`);
      await superuser.query("CREATE ROLE stranger");
    });
    after(() => postgres.stop());

    for (const { what, by, finding } of damages)
      it(`finds ${what}, and the statement that mends it`, async () => {
        await superuser.query(by);
        const lines = await checkAccess(administrator, declared.expected);
        assert.ok(
          lines.some((line) => line.startsWith(finding)),
          `no line begins with "${finding}":\n${lines.join("\n")}`,
        );
        // As the superuser: who administers a service is no member of a stranger, and can't take from it.
        for (const { mend } of await inspectAccess(administrator, declared.expected)) await superuser.query(mend);
        assert.deepEqual(await checkAccess(administrator, declared.expected), []);
      });

    it("finds a role that is gone", async () => {
      const expected = { ...declared.expected, database: "shop" };
      const lines = await checkAccess(administrator, expected);
      assert.ok(
        lines.some((line) => line.startsWith("role shop_owner: found nothing, expected the role; mend it with:")),
      );
    });

    it("puts right what has come from elsewhere: other owners, and nobody's privileges", async () => {
      await superuser.query(`
        CREATE ROLE elsewhere;
        REASSIGN OWNED BY pages_owner TO elsewhere;
        DROP OWNED BY pages_owner; DROP OWNED BY pages_app_blue; DROP OWNED BY pages_app_green; DROP OWNED BY pages_readonly`);
      const mended = await mendAccess(superuser, declared.expected);
      assert.ok(mended.some(({ object }) => object === "table switchyard.migrations"));
      assert.deepEqual(await checkAccess(administrator, declared.expected), []);
      const blue = await postgres.connect({
        user: "pages_app_blue",
        password: declared.passwords.blue,
        database: "pages",
      });
      await blue.query("INSERT INTO pages (title) SELECT version || twice(1) FROM switchyard.migrations");
      await superuser.query("DROP ROLE elsewhere");
      assert.deepEqual(await mendAccess(superuser, declared.expected), []);
    });

    it("puts nothing right when it can't put all of it right", async () => {
      await superuser.query("ALTER TABLE pages OWNER TO stranger; ALTER ROLE pages_readonly RENAME TO gone");
      await assert.rejects(
        mendAccess(superuser, declared.expected),
        /role pages_readonly: found nothing, expected the role/,
      );
      assert.equal((await superuser.query("SELECT FROM pg_tables WHERE tableowner = 'stranger'")).rowCount, 1);
      await superuser.query("ALTER TABLE pages OWNER TO pages_owner; ALTER ROLE gone RENAME TO pages_readonly");
      assert.deepEqual(await checkAccess(administrator, declared.expected), []);
    });

    it("refuses limits that a server which was not started anew has no connections for, with the ways out", async () => {
      const limits = { ...declared.expected.connectionLimits, blue: 90, green: 90 };
      const inputs = {
        connection: { host: "127.0.0.1", port: postgres.port, sslmode: "disable", database: "pages", user: postgres.administrator.user }, // prettier-ignore
        password: postgres.administrator.password,
        expected: { ...declared.expected, connectionLimits: limits },
        schemaVersion: "0001",
      } as const;
      await assert.rejects(
        provider.create(inputs),
        /the server: found max_connections 200, expected at least 205 for both colours' database\.colourConnectionLimit of 90; mend it with: a start of PostgreSQL.*, or with database\.colourConnectionLimit 87/,
      );
      assert.deepEqual(await checkRoom(administrator, 87), []);
    });

    it("changes nothing, and leaves the session as it was", async () => {
      await superuser.query("ALTER ROLE pages_app_blue CONNECTION LIMIT 3");
      await checkAccess(administrator, declared.expected);
      const { rows } = await administrator.query(
        "SELECT rolconnlimit, pg_current_xact_id_if_assigned() AS transaction FROM pg_roles WHERE rolname = 'pages_app_blue'",
      );
      assert.deepEqual(rows, [{ rolconnlimit: 3, transaction: null }]);
      await superuser.query("ALTER ROLE pages_app_blue CONNECTION LIMIT 7");
    });
  });
