import assert from "node:assert/strict";
import type { Client } from "pg";
import { waitUntil } from "../../infra/platform/local/process/lifecycle";
import { findFree } from "../../infra/platform/local/process/ports";
import { PluginProcess } from "../plugins/protocol/client";
import { types as type } from "../plugins/postgresql/types";
import { hasUnknown, unknown, type Properties } from "../plugins/protocol/values";
import { startPostgres, type TestPostgres } from "../support/postgres";

/** As the SDK sends it: numbers and booleans as JSON text. */
const configuration = (postgres: TestPostgres): Properties => ({
  host: "127.0.0.1",
  port: String(postgres.port),
  username: postgres.administrator.user,
  password: postgres.administrator.password,
  superuser: "false",
  sslmode: "disable",
  connectTimeout: "10",
});

for (const major of [15, 18] as const)
  describe(`the stand-in for postgresql, on PostgreSQL ${major} without a superuser`, function () {
    this.timeout(180_000);
    let postgres: TestPostgres;
    let plugin: PluginProcess;
    let superuser: Client;
    let administrator: Client;

    before(async () => {
      postgres = await startPostgres(major);
      plugin = await PluginProcess.start("postgresql");
      await plugin.configure(configuration(postgres), new Set(["password"]));
      await postgres.asSuperuser(async (client) => {
        await client.query("ALTER SYSTEM SET log_statement = 'all'");
        await client.query("SELECT pg_reload_conf()");
      });
      administrator = await postgres.connect(postgres.administrator);
      superuser = await postgres.connect({ user: "postgres", password: postgres.superuserPassword });
    });
    after(async () => {
      await plugin.stop();
      await postgres.stop();
    });

    /** Creates a resource, and sees to it that neither diff nor refresh has anything to say about it. */
    async function create(kind: string, news: Properties): Promise<{ id: string; outs: Properties }> {
      assert.deepEqual(await plugin.check(kind, news), []);
      const { id, outs } = await plugin.create(kind, news);
      assert.deepEqual(await plugin.diff(kind, outs, news), [], "the diff after the create");
      const read = await plugin.read(kind, id, outs);
      assert.deepEqual(read?.outs, outs, "what a refresh finds");
      return { id, outs };
    }
    async function update(kind: string, id: string, olds: Properties, news: Properties): Promise<Properties> {
      const outs = await plugin.update(kind, id, olds, news);
      assert.deepEqual(await plugin.diff(kind, outs, news), [], "the diff after the update");
      return outs;
    }
    const one = async <T>(sql: string, database?: string): Promise<T | undefined> => {
      const { rows } = await (database === undefined
        ? superuser.query<{ value: T }>(sql)
        : postgres.asSuperuser((client) => client.query<{ value: T }>(sql), database));
      return rows[0]?.value;
    };

    describe("a role", () => {
      it("is created with its attributes, password, memberships and settings, and read back without drift", async () => {
        await create(type.role, { name: "group_a" });
        const { id, outs } = await create(type.role, {
          name: "full",
          login: true,
          password: "plain-password",
          connectionLimit: 4,
          validUntil: "2099-01-01 00:00:00+00",
          roles: ["group_a", "pg_monitor"],
          searchPaths: ["app", "public"],
          statementTimeout: 1500,
          idleInTransactionSessionTimeout: 2500,
          assumeRole: "group_a",
          createDatabase: true,
        });
        assert.equal(id, "full");
        assert.equal(outs["superuser"], false);
        const session = await postgres.connect({ user: "full", password: "plain-password" });
        const { rows } = await session.query(
          "SELECT current_user, current_setting('search_path') AS path, current_setting('statement_timeout') AS timeout",
        );
        assert.deepEqual(rows, [{ current_user: "group_a", path: "app, public", timeout: "1500ms" }]);
        await session.end();
        await plugin.delete(type.role, id, outs);
        assert.equal(await one("SELECT true AS value FROM pg_roles WHERE rolname = 'full'"), undefined);
      });

      it("has a password that the server never sees as it is, and so never logs", async () => {
        await administrator.query("SELECT 'the log is written'");
        const log = (await one<string>("SELECT pg_read_file(pg_current_logfile()) AS value")) ?? "";
        assert.match(log, /CREATE ROLE "full" WITH PASSWORD 'SCRAM-SHA-256\$4096:/);
        assert.doesNotMatch(log, /plain-password/);
      });

      it("is changed in place, the name included", async () => {
        const { id, outs } = await create(type.role, {
          name: "changing",
          login: true,
          password: "one",
          roles: ["pg_monitor"],
        });
        const news = {
          name: "changed",
          login: false,
          password: "two",
          inherit: false,
          connectionLimit: 2,
          roles: ["group_a"],
        };
        assert.deepEqual(await plugin.diff(type.role, outs, news), [
          "connectionLimit", "inherit", "login", "name", "password", "roles",
        ]); // prettier-ignore
        const changed = await update(type.role, id, outs, news);
        assert.deepEqual(
          await one(
            "SELECT to_jsonb(r) - 'oid' AS value FROM (SELECT rolcanlogin, rolinherit, rolconnlimit FROM pg_roles WHERE rolname = 'changed') r",
          ),
          { rolcanlogin: false, rolinherit: false, rolconnlimit: 2 },
        );
        await plugin.delete(type.role, "changed", changed);
      });

      it("shows what was changed behind its back as a change to make, and makes it", async () => {
        const news = { name: "drifting", login: true, connectionLimit: 5 };
        const { id, outs } = await create(type.role, news);
        await administrator.query("ALTER ROLE drifting CONNECTION LIMIT 9; GRANT group_a TO drifting");
        const found = await plugin.read(type.role, id, outs);
        assert.ok(found);
        assert.deepEqual(await plugin.diff(type.role, found.outs, news), ["connectionLimit", "roles"]);
        const mended = await update(type.role, id, found.outs, news);
        assert.equal(mended["connectionLimit"], 5);
        assert.equal(
          await one("SELECT count(*)::int AS value FROM pg_auth_members WHERE member = 'drifting'::regrole"),
          0,
        );
        await plugin.delete(type.role, id, mended);
      });

      it("is found gone by a refresh, and can be imported", async () => {
        await superuser.query("CREATE ROLE found_one LOGIN CONNECTION LIMIT 3");
        const imported = await plugin.read(type.role, "found_one");
        assert.deepEqual(imported?.inputs, { name: "found_one", login: true, connectionLimit: 3 });
        await superuser.query("DROP ROLE found_one");
        assert.equal(await plugin.read(type.role, "found_one", imported.outs), undefined);
      });

      it("leaves nothing half made when a step of its creation fails", async () => {
        await assert.rejects(
          plugin.create(type.role, { name: "half", roles: ["no_such_role"] }),
          /granting role no_such_role to half: role "no_such_role" does not exist \(42704\)/,
        );
        assert.equal(await one("SELECT true AS value FROM pg_roles WHERE rolname = 'half'"), undefined);
      });

      it("that is there already is refused, with what to do", async () => {
        await assert.rejects(
          plugin.create(type.role, { name: "group_a" }),
          /creating role group_a: role "group_a" already exists \(42710\); .*drop it, or take it over with pulumi import/,
        );
      });

      it("that owns something goes only when told to hand that on", async () => {
        const { id, outs } = await create(type.role, { name: "owning", skipReassignOwned: true });
        await superuser.query("CREATE TABLE owned (); ALTER TABLE owned OWNER TO owning");
        await assert.rejects(
          plugin.delete(type.role, id, outs),
          /dropping role owning: .*\(2BP01\); owner of table owned/,
        );
        await plugin.delete(type.role, id, { ...outs, skipReassignOwned: false });
        assert.equal(
          await one("SELECT tableowner AS value FROM pg_tables WHERE tablename = 'owned'"),
          postgres.administrator.user,
        );
      });
    });

    describe("a database", () => {
      it("is created for an owner that the administrator is no member of, and dropped under open sessions", async () => {
        await create(type.role, { name: "db_owner" });
        const { id, outs } = await create(type.database, { name: "shop", owner: "db_owner", connectionLimit: 30 });
        assert.deepEqual(
          [outs["owner"], outs["template"], outs["encoding"], outs["lcCollate"], outs["allowConnections"]],
          ["db_owner", "template0", "UTF8", "C", true],
        );
        const usable = `SELECT bool_or(${major >= 16 ? "set_option" : "true"}) AS value FROM pg_auth_members WHERE roleid = 'db_owner'::regrole`;
        assert.notEqual(await one(usable), true, "the borrowed membership is given back");
        const session = await postgres.connect({ ...postgres.administrator, database: "shop" });
        await plugin.delete(type.database, id, outs);
        assert.equal(await one("SELECT true AS value FROM pg_database WHERE datname = 'shop'"), undefined);
        await session.end();
      });

      it("is replaced for what is chosen at its creation, and changed in place for the rest", async () => {
        // The official plugin borrows the owner's membership for a change of the owner only.
        const { user } = postgres.administrator;
        const membership = await plugin.create(type.grantRole, { role: user, grantRole: "db_owner" });
        const news = { name: "changing", owner: "db_owner" };
        const { id, outs } = await create(type.database, news);
        const other = {
          ...news,
          name: "changed",
          owner: postgres.administrator.user,
          connectionLimit: 3,
          isTemplate: true,
        };
        assert.deepEqual(await plugin.diff(type.database, outs, { ...other, template: "template1", encoding: "LATIN1" }), [
          "connectionLimit", "encoding!", "isTemplate", "name", "owner", "template!",
        ]); // prettier-ignore
        const changed = await update(type.database, id, outs, other);
        assert.deepEqual(
          [changed["owner"], changed["connectionLimit"], changed["isTemplate"]],
          [postgres.administrator.user, 3, true],
        );
        await plugin.delete(type.database, "changed", changed);
        await plugin.delete(type.grantRole, membership.id, membership.outs);
      });

      it("leaves no membership behind when it can't be created", async () => {
        await assert.rejects(
          plugin.create(type.database, { name: "never", owner: "db_owner", template: "no_such" }),
          /creating database never: template database "no_such" does not exist \(3D000\)/,
        );
        assert.equal(
          await plugin
            .read(type.grantRole, "x", {
              role: postgres.administrator.user,
              grantRole: "db_owner",
              withAdminOption: false,
            })
            .then((found) => found !== undefined && found.outs["withAdminOption"] === false),
          false,
        );
      });
    });

    describe("what is in a database", () => {
      const database = "inside";
      before(async () => {
        await plugin.create(type.role, { name: "in_owner" });
        await plugin.create(type.role, { name: "in_reader" });
        await plugin.create(type.database, { name: database, owner: "in_owner", template: "template1" });
        await postgres.asSuperuser(
          (client) =>
            client.query(
              "SET ROLE in_owner; CREATE TABLE one (); CREATE TABLE two (); CREATE SEQUENCE s; CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT 1'",
            ),
          database,
        );
      });

      it("has extensions, created once and found where they are already", async () => {
        // CREATE EXTENSION needs CREATE on the database; the official plugin borrows nothing for it.
        await assert.rejects(
          plugin.create(type.extension, { name: "pg_trgm", database }),
          /creating extension pg_trgm: permission denied/,
        );
        const { id: membership, outs: membershipOuts } = await plugin.create(type.grantRole, {
          role: postgres.administrator.user,
          grantRole: "in_owner",
        });
        const { id, outs } = await create(type.extension, { name: "pg_trgm", database, schema: "public" });
        assert.deepEqual([id, outs["schema"]], ["inside.pg_trgm", "public"]);
        await create(type.extension, { name: "pg_stat_statements", database });
        assert.deepEqual(await plugin.diff(type.extension, outs, { name: "pg_trgm", database: "other", schema: "x" }), [
          "database!",
          "schema",
        ]);
        await plugin.delete(type.extension, id, outs);
        assert.equal(await plugin.read(type.extension, id, outs), undefined);
        await plugin.delete(type.grantRole, membership, membershipOuts);
      });

      it("has grants on objects of an owner that the administrator is no member of", async () => {
        const news = {
          database,
          schema: "public",
          objectType: "table",
          role: "in_reader",
          privileges: ["SELECT", "INSERT"],
        };
        const { id, outs } = await create(type.grant, news);
        assert.equal(id, "in_reader_inside_public_table");
        const acl = () =>
          one<string>(
            "SELECT string_agg(relacl::text, ' ' ORDER BY relname) AS value FROM pg_class WHERE relname IN ('one', 'two')",
            database,
          );
        assert.match((await acl()) ?? "", /in_reader=ar\/in_owner.*in_reader=ar\/in_owner/);
        const fewer = { ...news, privileges: ["SELECT"] };
        assert.deepEqual(await plugin.diff(type.grant, outs, fewer), ["privileges"]);
        const changed = await update(type.grant, id, outs, fewer);
        assert.match((await acl()) ?? "", /in_reader=r\/in_owner.*in_reader=r\/in_owner/);
        await postgres.asSuperuser((client) => client.query("REVOKE SELECT ON two FROM in_reader"), database);
        const drifted = await plugin.read(type.grant, id, changed);
        assert.deepEqual(drifted?.outs["privileges"], []);
        await plugin.delete(type.grant, id, changed);
        assert.doesNotMatch((await acl()) ?? "", /in_reader/);
      });

      for (const [objectType, privileges, more] of [
        ["schema", ["USAGE"], {}],
        ["sequence", ["USAGE", "SELECT"], {}],
        ["function", ["EXECUTE"], { objects: ["f(int)"] }],
      ] as const)
        it(`has grants on a ${objectType}, which are replaced as a whole when anything but the privileges changes`, async () => {
          const news = {
            database,
            schema: "public",
            objectType,
            role: "in_reader",
            privileges: [...privileges],
            ...more,
          };
          const { id, outs } = await create(type.grant, news);
          assert.deepEqual(await plugin.diff(type.grant, outs, { ...news, role: "in_owner", withGrantOption: true }), [
            "role!",
            "withGrantOption!",
          ]);
          await plugin.delete(type.grant, id, outs);
        });

      it("takes from everybody what PostgreSQL gives to all, by an empty list", async () => {
        await plugin.create(type.grantRole, { role: postgres.administrator.user, grantRole: "in_owner" });
        const { outs } = await create(type.grant, { database, objectType: "database", role: "public", privileges: [] });
        assert.deepEqual(outs["privileges"], []);
        assert.doesNotMatch(
          (await one<string>("SELECT datacl::text AS value FROM pg_database WHERE datname = 'inside'")) ?? "",
          /[{,]=/,
        );
      });

      it("has default privileges of one schema or of all, and finds them gone", async () => {
        const news = { database, owner: "in_owner", objectType: "table", role: "in_reader", privileges: ["SELECT"] };
        const all = await create(type.defaults, news);
        const inSchema = await create(type.defaults, { ...news, schema: "public", privileges: ["SELECT", "INSERT"] });
        assert.deepEqual(
          [all.id, inSchema.id],
          ["in_reader_inside_noschema_in_owner_table", "in_reader_inside_public_in_owner_table"],
        );
        await create(type.defaults, { ...news, objectType: "function", role: "public", privileges: [] });
        await postgres.asSuperuser(
          (client) =>
            client.query(
              "SET ROLE in_owner; CREATE TABLE later (); CREATE FUNCTION later() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            ),
          database,
        );
        const born = await one(
          "SELECT relacl::text || ' ' || (SELECT proacl::text FROM pg_proc WHERE proname = 'later') AS value FROM pg_class WHERE relname = 'later'",
          database,
        );
        assert.match(String(born), /in_reader=ar\/in_owner.* \{in_owner=X\/in_owner\}$/);
        await postgres.asSuperuser(
          (client) =>
            client.query(
              "ALTER DEFAULT PRIVILEGES FOR ROLE in_owner IN SCHEMA public REVOKE ALL ON TABLES FROM in_reader",
            ),
          database,
        );
        assert.equal(await plugin.read(type.defaults, inSchema.id, inSchema.outs), undefined);
        await plugin.delete(type.defaults, all.id, all.outs);
        assert.equal(await plugin.read(type.defaults, all.id, all.outs), undefined);
      });

      it("is gone with its database, to every refresh", async () => {
        const { outs } = await plugin.create(type.grant, {
          database,
          objectType: "database",
          role: "in_reader",
          privileges: ["CONNECT"],
        });
        await plugin.delete(type.database, database, { name: database, owner: "in_owner" });
        assert.equal(await plugin.read(type.grant, "x", outs), undefined);
        assert.equal(await plugin.read(type.extension, "inside.pg_trgm", { database, name: "pg_trgm" }), undefined);
      });
    });

    describe("at preview", () => {
      it("yields what is known, with unknowns for what the server will choose, and does nothing", async () => {
        const { id, outs } = await plugin.create(
          type.database,
          { name: "planned", owner: "nobody" },
          { preview: true },
        );
        assert.deepEqual([id, outs["name"], outs["connectionLimit"]], ["", "planned", -1]);
        assert.ok(hasUnknown(outs["encoding"]) && hasUnknown(outs["template"]));
        assert.equal(await one("SELECT true AS value FROM pg_database WHERE datname = 'planned'"), undefined);
      });

      it("takes what is not known yet for a change, and for no mistake", async () => {
        assert.deepEqual(await plugin.check(type.role, { name: unknown, connectionLimit: unknown }), []);
        const { outs } = await create(type.role, { name: "known" });
        assert.deepEqual(await plugin.diff(type.role, outs, { name: "known", connectionLimit: unknown }), [
          "connectionLimit",
        ]);
      });

      it("leaves out what the program ignores", async () => {
        const olds = { role: "a", grantRole: "b", withAdminOption: true };
        assert.deepEqual(await plugin.diff(type.grantRole, olds, { role: "a", grantRole: "b" }), ["withAdminOption!"]);
        assert.deepEqual(
          await plugin.diff(type.grantRole, olds, { role: "a", grantRole: "b" }, ["withAdminOption"]),
          [],
        );
      });
    });

    describe("when things go wrong", () => {
      it("ends what it is doing on cancel, and leaves nothing of it", async () => {
        const other = await PluginProcess.start("postgresql");
        try {
          await other.configure(configuration(postgres));
          // Whoever makes a role of the same name waits for this one.
          await superuser.query("BEGIN; CREATE ROLE cancelled");
          const creating = assert.rejects(
            other.create(type.role, { name: "cancelled" }),
            /creating role cancelled: Connection terminated/,
          );
          await waitUntil(
            "the waiting statement",
            async () => {
              const { rowCount } = await superuser.query(
                "SELECT FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted",
              );
              return rowCount === 0 ? undefined : true;
            },
            { timeoutMs: 10_000 },
          );
          await other.cancel();
          await creating;
          await superuser.query("ROLLBACK");
          assert.equal(await one("SELECT true AS value FROM pg_roles WHERE rolname = 'cancelled'"), undefined);
        } finally {
          await other.stop();
        }
      });

      it("says what it tried and what to do when there is no server, or no way in", async () => {
        const other = await PluginProcess.start("postgresql");
        try {
          const port = await findFree(21_000);
          await other.configure({ ...configuration(postgres), port: String(port) });
          await assert.rejects(
            other.create(type.role, { name: "x" }),
            new RegExp(
              `can't connect to PostgreSQL at 127\\.0\\.0\\.1:${port}: .*ECONNREFUSED.*user switchyard, sslmode disable.*see that the server runs`,
            ),
          );
          await other.configure({ ...configuration(postgres), password: "wrong-one" });
          await assert.rejects(other.create(type.role, { name: "x" }), (error: Error) => {
            assert.match(error.message, /the password is not that role's/);
            assert.doesNotMatch(error.message, /wrong-one/);
            return true;
          });
        } finally {
          await other.stop();
        }
      });
    });
  });
