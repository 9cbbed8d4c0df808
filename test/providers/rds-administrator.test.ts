import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import type { EmbeddedMajor } from "../../infra/platform/local/postgres/binaries";
import { provider } from "../../infra/platform/aws/administrator/provider";
import type { RdsAdministratorInputs } from "../../infra/platform/aws/administrator/resource";
import { unknownValue } from "../../infra/providers/contract";
import { administersAsOnRds } from "../support/aws-account";
import { startPostgres, type TestPostgres } from "../support/postgres";

const administrator = "switchyard_administrator";

for (const major of [15, 18] satisfies EmbeddedMajor[])
  describe(`the administrator of RDS, PostgreSQL ${major}`, function () {
    this.timeout(180_000);
    let postgres: TestPostgres;
    let inputs: RdsAdministratorInputs;

    before(async () => {
      postgres = await startPostgres(major);
      await administersAsOnRds(postgres);
      const connection = { host: "127.0.0.1", port: postgres.port, database: "postgres", sslmode: "disable" as const };
      inputs = {
        connection: { ...connection, user: postgres.administrator.user },
        masterPassword: postgres.administrator.password,
        administrator,
        password: "the administrator's own",
        instance: "db-1",
      };
    });
    after(() => (postgres as TestPostgres | undefined)?.stop());

    const reset = (password: string) =>
      postgres.asSuperuser((client) =>
        client.query(`ALTER ROLE ${administrator} PASSWORD ${client.escapeLiteral(password)}`),
      );

    it("is made once, and again after a kill that lost it", async () => {
      const made = await provider.create(inputs);
      assert.equal(made.id, `db-1/${administrator}`);
      assert.deepEqual(await provider.create(inputs), made);
      assert.deepEqual(await provider.diff(inputs, inputs, made.id), { changes: false });
    });

    it("creates roles and databases for them, without being a superuser", async () => {
      const client = await postgres.connect({ user: administrator, password: inputs.password });
      for (const sql of [
        "CREATE ROLE pages_owner",
        "GRANT pg_monitor TO pages_owner",
        `GRANT pages_owner TO ${administrator}`,
        "CREATE DATABASE pages OWNER pages_owner TEMPLATE template0",
      ])
        await client.query(sql);
      const { rows } = await client.query("SELECT rolsuper FROM pg_roles WHERE rolname = current_user");
      assert.deepEqual(rows, [{ rolsuper: false }]);
      await assert.rejects(client.query("CREATE ROLE more SUPERUSER"), { code: "42501" });
    });

    it("doesn't change with the master user's password, and never needs it again", async () => {
      const rotated = { ...inputs, masterPassword: randomBytes(18).toString("base64url") };
      assert.deepEqual(await provider.diff(inputs, rotated, "id"), { changes: false });
      assert.deepEqual(await provider.diff(inputs, { ...inputs, masterPassword: unknownValue }, "id"), {
        changes: false,
      });
    });

    it("is put right where it has another password, as after a restore from a snapshot", async () => {
      await reset("of another stack");
      assert.deepEqual(await provider.diff(inputs, inputs, "id"), { changes: true });
      await provider.update(inputs, inputs, "id");
      assert.deepEqual(await provider.diff(inputs, inputs, "id"), { changes: false });
    });

    it("is made again where it is gone or may not log in", async () => {
      await postgres.asSuperuser((client) => client.query(`ALTER ROLE ${administrator} RENAME TO another`));
      assert.deepEqual(await provider.diff(inputs, inputs, "id"), { changes: true });
      await provider.update(inputs, inputs, "id");
      await postgres.asSuperuser((client) => client.query(`ALTER ROLE ${administrator} NOLOGIN`));
      assert.deepEqual(await provider.diff(inputs, inputs, "id"), { changes: true });
      await provider.update(inputs, inputs, "id");
      assert.deepEqual(await provider.diff(inputs, inputs, "id"), { changes: false });
    });

    it("changes with its own password, its name, and the instance", async () => {
      for (const other of [{ password: "another" }, { administrator: "another" }, { instance: "db-2" }])
        assert.deepEqual(await provider.diff(inputs, { ...inputs, ...other }, "id"), { changes: true });
    });

    it("says what to do where RDS has just changed the master user's password, and names no password", async () => {
      const stale = { ...inputs, masterPassword: "of last week" };
      await assert.rejects(provider.create(stale), (error: Error) => {
        assert.match(error.message, /password authentication failed.*run pulumi up again/s);
        assert.doesNotMatch(error.message, /of last week|administrator's own/);
        return true;
      });
    });

    it("is no change while the server is down", async () => {
      const down = { ...inputs, connection: { ...inputs.connection, port: 1 } };
      assert.deepEqual(await provider.diff(down, down, "id"), { changes: false });
    });

    it("shows its passwords to no log of the server's", async () => {
      await postgres.asSuperuser((client) => client.query("ALTER SYSTEM SET log_statement = 'ddl'"));
      await postgres.asSuperuser((client) => client.query("SELECT pg_reload_conf()"));
      await reset("something else");
      await provider.update(inputs, inputs, "id");
      const { rows } = await postgres.asSuperuser((client) =>
        client.query<{ log: string }>("SELECT pg_read_file(pg_current_logfile()) AS log"),
      );
      const log = rows[0]?.log ?? "";
      assert.match(log, /ALTER ROLE "?switchyard_administrator"? LOGIN/);
      assert.ok(!log.includes(inputs.password) && !log.includes(inputs.masterPassword));
    });
  });
