import { randomBytes } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { makeAdministrator } from "../../infra/platform/local/postgres/administrator";
import type { EmbeddedMajor } from "../../infra/platform/local/postgres/binaries";
import {
  initialise,
  shutDown,
  start,
  withSuperuser,
  type ClusterOptions,
} from "../../infra/platform/local/postgres/cluster";
import { findHome, prepareHome } from "../../infra/platform/local/postgres/home";
import { scramVerifier } from "../../infra/platform/local/postgres/scram";
import { findFree } from "../../infra/platform/local/process/ports";

/** A real PostgreSQL of a test's own, administered as on the local platform. */
export interface TestPostgres {
  port: number;
  maxConnections: number;
  superuserPassword: string;
  administrator: { user: string; password: string };
  folder: string;
  /** A connected client; closed by `stop`, if not before. */
  connect(as: { user: string; password: string; database?: string }): Promise<Client>;
  asSuperuser<T>(work: (client: Client) => Promise<T>, database?: string): Promise<T>;
  stop(): Promise<void>;
}

/**
 * Starts a fresh cluster in a temporary folder, on a free port. Takes about two seconds.
 * @param maxConnections PostgreSQL's max_connections
 */
export async function startPostgres(major: EmbeddedMajor = 15, maxConnections = 200): Promise<TestPostgres> {
  const folder = mkdtempSync(join(tmpdir(), "switchyard-postgres-"));
  chmodSync(folder, 0o755);
  const home = findHome(folder, major);
  prepareHome(home, major);
  const password = () => randomBytes(18).toString("base64url");
  const options: ClusterOptions = {
    home,
    // Below what the kernel gives to outgoing connections (32768 and up): one of those may take it while initdb works.
    port: await findFree(20_000 + Math.floor(Math.random() * 12_000)),
    maxConnections,
    log: join(folder, "postgres.log"),
    superuserPassword: password(),
  };
  await initialise(options);
  const server = await start(options);
  const administrator = { user: "switchyard", password: password() };
  await withSuperuser(options, (client) =>
    withSuperuser(
      options,
      (template) => makeAdministrator(client, template, administrator.user, scramVerifier(administrator.password)),
      "template1",
    ),
  );
  const clients = new Set<Client>();
  return {
    port: options.port,
    maxConnections,
    superuserPassword: options.superuserPassword,
    administrator,
    folder,
    async connect(as) {
      const client = new Client({ host: "127.0.0.1", port: options.port, database: "postgres", ...as });
      client.on("error", () => undefined);
      await client.connect();
      clients.add(client);
      client.once("end", () => clients.delete(client));
      return client;
    },
    asSuperuser: (work, database) => withSuperuser(options, work, database),
    async stop() {
      await Promise.all([...clients].map((client) => client.end()));
      await shutDown(server);
      rmSync(folder, { recursive: true, force: true });
      if (home.outside !== undefined) rmSync(home.outside, { recursive: true, force: true });
    },
  };
}
