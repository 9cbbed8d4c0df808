import assert from "node:assert/strict";
import { startPostgres, type TestPostgres } from "../support/postgres";

for (const major of [15, 18] as const)
  describe(`embedded PostgreSQL ${major}`, function () {
    this.timeout(180_000);
    let postgres: TestPostgres;
    before(async () => {
      postgres = await startPostgres(major);
    });
    after(() => postgres.stop());

    it("takes only passwords by SCRAM, on loopback", async () => {
      await assert.rejects(postgres.connect({ user: "postgres", password: "wrong" }), { code: "28P01" });
      const client = await postgres.connect({ user: "postgres", password: postgres.superuserPassword });
      const { rows } = await client.query(
        "SELECT current_setting('listen_addresses') AS addresses, (SELECT count(*)::int FROM pg_hba_file_rules WHERE auth_method <> 'scram-sha-256') AS others",
      );
      assert.deepEqual(rows, [{ addresses: "127.0.0.1", others: 0 }]);
    });

    it("is administered by a role that creates databases and roles, and is no superuser", async () => {
      const client = await postgres.connect(postgres.administrator);
      const { rows } = await client.query(
        "SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user",
      );
      assert.deepEqual(rows, [{ rolsuper: false, rolcreatedb: true, rolcreaterole: true }]);
    });

    it("gives every new database pg_stat_statements, which only a superuser could create", async () => {
      const client = await postgres.connect(postgres.administrator);
      await client.query("CREATE DATABASE fresh");
      const inside = await postgres.connect({ ...postgres.administrator, database: "fresh" });
      await inside.query("CREATE EXTENSION IF NOT EXISTS pg_stat_statements");
      await assert.rejects(inside.query("CREATE EXTENSION file_fdw"), { code: "42501" });
    });
  });
