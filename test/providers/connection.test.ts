import assert from "node:assert/strict";
import { withConnection } from "../../infra/providers/connection";
import { startPostgres, type TestPostgres } from "../support/postgres";

describe("A session of a provider", function () {
  this.timeout(180_000);
  let postgres: TestPostgres;

  before(async () => {
    postgres = await startPostgres(15);
  });
  after(() => postgres.stop());

  it("has limits of its own, whatever the role's are: no statement and no lock is waited for without end", async () => {
    await postgres.asSuperuser((client) =>
      client.query(
        `CREATE ROLE hasty LOGIN PASSWORD 'x'; ALTER ROLE hasty SET statement_timeout = 1; ALTER ROLE hasty SET lock_timeout = 0;
         ALTER ROLE hasty SET idle_in_transaction_session_timeout = 1`,
      ),
    );
    const connection = {
      ...{ host: "127.0.0.1", port: postgres.port, database: "postgres" },
      ...{ user: "hasty", sslmode: "disable" as const },
    };
    const found = await withConnection(connection, "x", "switchyard-test", (client) =>
      client.query<{ name: string; setting: string }>(
        `SELECT name, setting FROM pg_settings WHERE name IN ('statement_timeout', 'lock_timeout',
           'idle_in_transaction_session_timeout', 'application_name') ORDER BY name`,
      ),
    );
    assert.deepEqual(Object.fromEntries(found.rows.map(({ name, setting }) => [name, setting])), {
      application_name: "switchyard-test",
      idle_in_transaction_session_timeout: "0",
      lock_timeout: "60000",
      statement_timeout: "21600000",
    });
  });
});
