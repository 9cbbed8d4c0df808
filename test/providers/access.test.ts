import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import type { Client } from "pg";
import { checkAccess } from "../../infra/database/check";
import { loginKinds, roleNames, type LoginKind } from "../../infra/database/names";
import { declareAccess, type DeclaredAccess } from "../plugins/access";
import { valueOf } from "../plugins/program";
import { startPostgres, type TestPostgres } from "../support/postgres";

for (const major of [15, 18] as const)
  describe(`access to a database on PostgreSQL ${major}, by an administrator who is no superuser`, function () {
    this.timeout(180_000);
    let postgres: TestPostgres;
    let declared: DeclaredAccess;
    let sessions: Record<LoginKind, Client>;

    before(async () => {
      postgres = await startPostgres(major);
      await postgres.asSuperuser(async (client) => {
        await client.query("ALTER SYSTEM SET log_statement = 'all'");
        await client.query("SELECT pg_reload_conf()");
      });
      declared = await declareAccess(postgres);
      const login = async (kind: LoginKind) => {
        const { user, password } = declared.access.logins[kind];
        return postgres.connect({ user: await valueOf(user), password: await valueOf(password), database: "pages" });
      };
      sessions = Object.fromEntries(
        await Promise.all(loginKinds.map(async (kind) => [kind, await login(kind)])),
      ) as typeof sessions;
      await sessions.migrator.query(`
        CREATE TABLE pages (id bigserial PRIMARY KEY, title text);
        CREATE VIEW titles AS SELECT title FROM pages;
        CREATE FUNCTION double(n int) RETURNS int LANGUAGE sql AS 'SELECT 2 * n';
        CREATE SCHEMA switchyard;
        CREATE TABLE switchyard.migrations (version text PRIMARY KEY);
        INSERT INTO switchyard.migrations VALUES ('0001')`);
    });
    after(() => postgres.stop());

    const refused = (session: Client, sql: string) => assert.rejects(session.query(sql), { code: "42501" }, sql);

    it("lets whoever logs in as the migrator work as the owner, so that all it makes is the owner's", async () => {
      const { rows } = await sessions.migrator.query(
        "SELECT session_user::text, current_user::text, relowner::regrole::text FROM pg_class WHERE relname = 'pages'",
      );
      assert.deepEqual(rows, [
        { session_user: "pages_migrator", current_user: "pages_owner", relowner: "pages_owner" },
      ]);
      await sessions.migrator.query("SET ROLE pages_migrator");
      await refused(sessions.migrator, "CREATE TABLE public.mine ()");
      await sessions.migrator.query("SET ROLE pages_owner");
    });

    for (const colour of ["blue", "green"] as const)
      it(`lets ${colour} read and write rows, and change no structure`, async () => {
        const session = sessions[colour];
        await session.query("INSERT INTO pages (title) VALUES ('one')");
        await session.query("UPDATE pages SET title = 'two'");
        assert.deepEqual((await session.query("SELECT DISTINCT title, double(2) AS four FROM titles")).rows, [
          { title: "two", four: 4 },
        ]);
        await session.query("DELETE FROM pages");
        for (const sql of [
          "TRUNCATE pages",
          "DROP TABLE pages",
          "CREATE TABLE more ()",
          "CREATE SCHEMA more",
          "CREATE TEMPORARY TABLE more ()",
        ])
          await refused(session, sql);
      });

    it("lets a colour read the history of migrations, and nothing more in that schema", async () => {
      assert.equal((await sessions.blue.query("SELECT FROM switchyard.migrations")).rowCount, 1);
      for (const sql of [
        "INSERT INTO switchyard.migrations VALUES ('0002')",
        "DELETE FROM switchyard.migrations",
        "CREATE TABLE switchyard.more ()",
      ])
        await refused(sessions.blue, sql);
    });

    it("lets the read-only role read, and nothing more", async () => {
      for (const sql of [
        "SELECT FROM pages",
        "SELECT FROM switchyard.migrations",
        "SELECT last_value FROM pages_id_seq",
      ])
        await sessions.readonly.query(sql);
      for (const sql of [
        "INSERT INTO pages (title) VALUES ('x')",
        "SELECT nextval('pages_id_seq')",
        "SELECT double(2)",
      ])
        await refused(sessions.readonly, sql);
    });

    it("lets monitoring see all sessions and statements, and no row of the service", async () => {
      await sessions.green.query("SELECT 'mine'");
      const { rows } = await sessions.monitoring.query(
        "SELECT query FROM pg_stat_activity WHERE usename = 'pages_app_green'",
      );
      assert.deepEqual(rows, [{ query: "SELECT 'mine'" }]);
      await sessions.monitoring.query("SELECT query FROM pg_stat_statements LIMIT 1");
      await refused(sessions.monitoring, "SELECT FROM pages");
    });

    it("lets nobody else in", async () => {
      await postgres.asSuperuser((client) => client.query("CREATE ROLE stranger LOGIN PASSWORD 'stranger'"));
      await assert.rejects(postgres.connect({ user: "stranger", password: "stranger", database: "pages" }), {
        code: "42501",
      });
      await assert.rejects(postgres.connect({ user: "pages_owner", password: "", database: "pages" }));
      await postgres.asSuperuser((client) => client.query("DROP ROLE stranger"));
    });

    it("stops a colour at its CONNECTION LIMIT, and the other one stays able to connect", async () => {
      const blue = { user: "pages_app_blue", password: declared.passwords.blue, database: "pages" };
      const more = await Promise.all(Array.from({ length: 6 }, () => postgres.connect(blue)));
      await assert.rejects(postgres.connect(blue), { code: "53300" });
      const green = await postgres.connect({
        user: "pages_app_green",
        password: declared.passwords.green,
        database: "pages",
      });
      await Promise.all([green, ...more].map((client) => client.end()));
    });

    it("gives the database its extensions", async () => {
      await sessions.blue.query("SELECT uuid_generate_v4(), similarity('a', 'b')");
    });

    it("leaves nothing for the check to find", async () => {
      const administrator = await postgres.connect({ ...postgres.administrator, database: "pages" });
      assert.deepEqual(await checkAccess(administrator, declared.expected), []);
      assert.deepEqual(await checkAccess(sessions.monitoring, declared.expected), []);
    });

    it("sends no password to the server, so that its log holds none, whatever it logs", async () => {
      const { rows } = await postgres.asSuperuser((client) =>
        client.query<{ log: string }>("SELECT pg_read_file(pg_current_logfile()) AS log"),
      );
      const log = rows[0]?.log ?? "";
      for (const kind of loginKinds) assert.ok(log.includes(`CREATE ROLE "${roleNames("pages")[kind]}"`), kind);
      for (const password of Object.values(declared.passwords)) assert.ok(!log.includes(password), password);
    });
  });

describe("what Access declares", function () {
  this.timeout(180_000);
  let postgres: TestPostgres;
  let declared: DeclaredAccess;
  const server = new pulumi.DependencyResource("urn:pulumi:test::switchyard::test:index:Server::server");

  before(async () => {
    postgres = await startPostgres(15);
    declared = await declareAccess(postgres, { holdsData: { protect: true, retainOnDelete: true }, server });
  });
  after(() => postgres.stop());

  const optionsOf = (type: string) =>
    [...declared.options.entries()]
      .filter(([key]) => key.startsWith(`${type} `))
      .map(([key, options]) => ({ key, options }));

  it("protects what holds data, the database and its owner, and nothing else", () => {
    const guarded = [...declared.options.entries()].filter(([, { protect }]) => protect).map(([key]) => key);
    assert.deepEqual(guarded.sort(), ["Database access", "Role access-owner"]);
  });

  it("leaves roles and database when told to, and what is in a database where the database is", async () => {
    const roles = [...optionsOf("Role"), ...optionsOf("GrantRole"), ...optionsOf("Database")];
    for (const { key, options } of roles) assert.equal(options.retainOnDelete, true, key);
    const inside = [...optionsOf("Grant"), ...optionsOf("DefaultPrivileges"), ...optionsOf("Extension")];
    assert.equal(inside.length, 34);
    for (const { key, options } of inside)
      assert.match(await urnOf(options.deletedWith), /postgresql:index\/database:Database::access$/, key);
  });

  it("drops nothing one by one when the server itself is destroyed", () => {
    for (const { key, options } of [...optionsOf("Role"), ...optionsOf("GrantRole"), ...optionsOf("Database")])
      assert.equal(options.deletedWith, server, key);
  });

  it("never lets what a database was created with be a reason to replace it", () => {
    assert.deepEqual(optionsOf("Database")[0]?.options.ignoreChanges, ["template", "encoding", "lcCollate", "lcCtype"]);
  });

  it("creates the database after every role, so that it is dropped before any of them", () => {
    const types = declared.resources.map(({ type }) => type.split(":").at(-1));
    assert.ok(types.lastIndexOf("Role") < types.indexOf("Database"));
    assert.ok(types.indexOf("GrantRole") < types.indexOf("Database"));
  });

  it("changes privileges one after the other: each waits for the one before", async () => {
    const changing = [...optionsOf("DefaultPrivileges"), ...optionsOf("Grant")];
    const waitsFor = await Promise.all(changing.map(({ options }) => urnOf([options.dependsOn].flat()[0])));
    assert.equal(new Set(waitsFor).size, changing.length);
    assert.equal(waitsFor.filter((urn) => /:(Grant|DefaultPrivileges)::/.test(urn)).length, changing.length - 1);
  });

  it("keeps no password in the state of the component", () => {
    assert.deepEqual(declared.component, {});
  });
});

async function urnOf(resource: unknown): Promise<string> {
  return valueOf((resource as pulumi.Resource).urn);
}
