import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, copyFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "./pages";
import type { TestPostgres } from "./postgres";

/**
 * Makes the server speak TLS, with a certificate for `localhost` of an authority of its own.
 * @param folder where those are made; the machine has `openssl`
 * @returns the file with the authority's certificate
 */
export async function speakTls(postgres: TestPostgres, folder: string): Promise<string> {
  const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
  const newKey = ["req", "-newkey", "rsa:2048", "-nodes", "-subj"];
  openssl(...newKey, "/CN=test authority", "-x509", "-days", "2", "-keyout", "ca.key", "-out", "ca.pem");
  openssl(...newKey, "/CN=localhost", "-keyout", "server.key", "-out", "server.csr");
  writeFileSync(join(folder, "names"), "subjectAltName=DNS:localhost\n");
  openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "2", "-extfile", "names", "-out", "server.pem"); // prettier-ignore
  await postgres.asSuperuser(async (client) => {
    const { rows } = await client.query<{ data_directory: string }>("SHOW data_directory");
    const data = rows[0]?.data_directory ?? "";
    const { uid, gid } = statSync(data);
    for (const file of ["server.pem", "server.key"]) {
      copyFileSync(join(folder, file), join(data, file));
      chownSync(join(data, file), uid, gid);
      chmodSync(join(data, file), 0o600);
    }
    const set = { ssl_cert_file: "server.pem", ssl_key_file: "server.key", ssl: "on" };
    for (const [name, value] of Object.entries(set)) await client.query(`ALTER SYSTEM SET ${name} = '${value}'`);
    await client.query("SELECT pg_reload_conf()");
  });
  await eventually("the server speaks TLS", () =>
    postgres.asSuperuser(async (client) => {
      const { rows } = await client.query<{ ssl: string }>("SHOW ssl");
      return rows[0]?.ssl === "on";
    }),
  );
  return join(folder, "ca.pem");
}
