// A second PostgreSQL with all that a first one holds at this moment, roles and databases alike: as RDS makes one.

import { randomBytes } from "node:crypto";
import { chmodSync, chownSync, cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { shutDown, start, withSuperuser } from "../../infra/platform/local/postgres/cluster";
import { findHome, prepareHome, type Account } from "../../infra/platform/local/postgres/home";
import { findFree } from "../../infra/platform/local/process/ports";
import type { EmbeddedMajor } from "../../infra/platform/local/postgres/binaries";
import type { TestPostgres } from "./postgres";

export interface PostgresCopy {
  port: number;
  asSuperuser: TestPostgres["asSuperuser"];
  stop(): Promise<void>;
}

/** A base backup, file by file, while the first one goes on; the copy recovers from it. */
export async function copyPostgres(from: TestPostgres, major: EmbeddedMajor = 15): Promise<PostgresCopy> {
  const folder = mkdtempSync(join(tmpdir(), "switchyard-postgres-"));
  chmodSync(folder, 0o755);
  const home = findHome(folder, major);
  prepareHome(home, major);
  const { label, maxConnections } = await from.asSuperuser(async (client) => {
    const { rows } = await client.query<{ folder: string; most: number }>(
      "SELECT current_setting('data_directory') AS folder, current_setting('max_connections')::int AS most",
    );
    const { folder: data = "", most = 0 } = rows[0] ?? {};
    await client.query("SELECT pg_backup_start('copy', true)");
    const copy = (part: string) => {
      cpSync(join(data, part), join(home.data, part), { recursive: true, force: true, preserveTimestamps: true });
    };
    for (const part of readdirSync(data)) if (part !== "postmaster.pid" && part !== "pg_wal") copy(part);
    const stopped = await client.query<{ label: string }>("SELECT labelfile AS label FROM pg_backup_stop(false)");
    // What was written meanwhile.
    copy("pg_wal");
    return { label: stopped.rows[0]?.label ?? "", maxConnections: most };
  });
  writeFileSync(join(home.data, "backup_label"), label);
  chmodSync(home.data, 0o700);
  if (home.account) giveTo(home.data, home.account);
  const options = {
    home,
    port: await findFree(20_000 + Math.floor(Math.random() * 12_000)),
    maxConnections,
    log: join(folder, `postgres-${randomBytes(2).toString("hex")}.log`),
    superuserPassword: from.superuserPassword,
  };
  const server = await start(options);
  return {
    port: options.port,
    asSuperuser: (work, database) => withSuperuser(options, work, database),
    async stop() {
      await shutDown(server);
      rmSync(folder, { recursive: true, force: true });
      if (home.outside !== undefined) rmSync(home.outside, { recursive: true, force: true });
    },
  };
}

function giveTo(folder: string, { uid, gid }: Account): void {
  chownSync(folder, uid, gid);
  for (const each of readdirSync(folder, { recursive: true })) chownSync(join(folder, String(each)), uid, gid);
}
