import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, chownSync, copyFileSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPagesDatabase, eventually, startService, type PagesDatabase } from "../support/pages";
import { startPostgres, type TestPostgres } from "../support/postgres";

/** An authority of its own, and a certificate of its for `localhost` alone: files ca.pem, server.pem and server.key. */
function makeCertificates(folder: string): void {
  const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
  const newKey = ["req", "-newkey", "rsa:2048", "-nodes", "-subj"];
  openssl(...newKey, "/CN=test authority", "-x509", "-days", "2", "-keyout", "ca.key", "-out", "ca.pem");
  openssl(...newKey, "/CN=localhost", "-keyout", "server.key", "-out", "server.csr");
  writeFileSync(join(folder, "names"), "subjectAltName=DNS:localhost\n");
  openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "2", "-extfile", "names", "-out", "server.pem"); // prettier-ignore
}

describe("the example service's way to the database over TLS", function () {
  this.timeout(180_000);
  let postgres: TestPostgres | undefined;
  let database: PagesDatabase;
  const certificates = mkdtempSync(join(tmpdir(), "pages-tls-"));
  const ca = join(certificates, "ca.pem");

  before(async function () {
    if (spawnSync("openssl", ["version"]).error !== undefined) return this.skip();
    makeCertificates(certificates);
    const server = (postgres = await startPostgres());
    database = await createPagesDatabase(server);
    await server.asSuperuser(async (client) => {
      const { rows } = await client.query<{ data_directory: string }>("SHOW data_directory");
      const data = rows[0]?.data_directory ?? "";
      const { uid, gid } = statSync(data);
      for (const file of ["server.pem", "server.key"]) {
        copyFileSync(join(certificates, file), join(data, file));
        chownSync(join(data, file), uid, gid);
        chmodSync(join(data, file), 0o600);
      }
      await client.query("ALTER SYSTEM SET ssl_cert_file = 'server.pem'");
      await client.query("ALTER SYSTEM SET ssl_key_file = 'server.key'");
      await client.query("ALTER SYSTEM SET ssl = on");
      await client.query("SELECT pg_reload_conf()");
    });
    await eventually("the server speaks TLS", () =>
      server.asSuperuser(async (client) => {
        const { rows } = await client.query<{ ssl: string }>("SHOW ssl");
        return rows[0]?.ssl === "on";
      }),
    );
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
