import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPagesDatabase, startService, type PagesDatabase } from "../support/pages";
import { startPostgres, type TestPostgres } from "../support/postgres";
import { speakTls } from "../support/tls-postgres";

describe("the example service's way to the database over TLS", function () {
  this.timeout(180_000);
  let postgres: TestPostgres | undefined;
  let database: PagesDatabase;
  const certificates = mkdtempSync(join(tmpdir(), "pages-tls-"));
  let ca: string;

  before(async function () {
    if (spawnSync("openssl", ["version"]).error !== undefined) return this.skip();
    const server = (postgres = await startPostgres());
    database = await createPagesDatabase(server);
    ca = await speakTls(server, certificates);
  });
  after(async () => {
    await postgres?.stop();
    rmSync(certificates, { recursive: true, force: true });
  });

  /** How many of the sessions are encrypted, and why the service is not ready, if it is not. */
  async function attempt(env: Record<string, string>): Promise<{ encrypted: number; reason: string }> {
    const service = await startService({ ...database.env, ...env });
    try {
      const { body } = await service.call("GET", "/health/ready");
      const { rows } = (await postgres?.asSuperuser((client) =>
        client.query<{ count: number }>(
          "SELECT count(*)::int AS count FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'pages-blue' AND ssl",
        ),
      )) ?? { rows: [] };
      return { encrypted: rows[0]?.count ?? -1, reason: (body as { reason?: string }).reason ?? "" };
    } finally {
      await service.destroy();
    }
  }

  it("verify-full takes a server of the authority in PGSSLROOTCERT, under its name", async () => {
    const env = { PGHOST: "localhost", PGSSLMODE: "verify-full", PGSSLROOTCERT: ca };
    assert.deepEqual(await attempt(env), { encrypted: 5, reason: "" });
  });

  it("verify-full refuses the same server under another name; verify-ca takes it", async () => {
    const full = await attempt({ PGSSLMODE: "verify-full", PGSSLROOTCERT: ca });
    assert.equal(full.encrypted, 0);
    assert.match(full.reason, /does not match certificate's altnames/);
    assert.deepEqual(await attempt({ PGSSLMODE: "verify-ca", PGSSLROOTCERT: ca }), { encrypted: 5, reason: "" });
  });

  it("verify-full refuses a server of an authority that it does not know", async () => {
    const { encrypted, reason } = await attempt({ PGHOST: "localhost", PGSSLMODE: "verify-full" });
    assert.equal(encrypted, 0);
    assert.match(reason, /certificate/);
  });

  it("require encrypts and asks for no name, disable does not encrypt", async () => {
    assert.deepEqual(await attempt({ PGSSLMODE: "require" }), { encrypted: 5, reason: "" });
    assert.deepEqual(await attempt({ PGSSLMODE: "disable" }), { encrypted: 0, reason: "" });
  });
});
