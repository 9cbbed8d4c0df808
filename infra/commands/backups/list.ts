import type { SnapshotRecord } from "../../backup/snapshot";
import { listBackups, type Backup, type Listing } from "../../providers/backup/archive";
import { findArchives } from "../../providers/backup/stack-archive";
import { schemasPrefix } from "../../providers/backup/within";
import type { ObjectStore } from "../../providers/store/store";
import { columns, plain, say, sayJson } from "../say";
import { findSource, told, type SourceOptions } from "./source";

export interface ListOptions extends SourceOptions {
  readonly json?: true;
}

/** Exit codes, the same for people and programs. */
export const LIST_CODES = { fine: 0, error: 1, doubtful: 3 } as const;

/** What lies beside the backups of the whole database. */
interface Besides {
  readonly archives: readonly string[];
  /** Schemas that were backed up alone. */
  readonly schemas: readonly string[];
}

/**
 * Shows every backup, oldest first, and what can't be trusted.
 * @returns 0, or 3 where the newest is not verified, there is none, or one is not to be trusted
 */
export async function list(options: ListOptions): Promise<number> {
  const { store, label, stack } = await findSource(options);
  const [listing, besides] = await told(async () => [
    await listBackups(store, stack?.target.connection.database),
    await lookBeside(store),
  ]);
  const code = isFine(listing) ? LIST_CODES.fine : LIST_CODES.doubtful;
  if (options.json === true) {
    const all = [...listing.backups.map(asJson), ...listing.snapshots.map(snapshotAsJson)].sort(byId);
    sayJson({ source: label, backups: all, ...besides, faults: listing.faults, exitCode: code });
    return code;
  }
  const rows = [...listing.backups.map(rowOf), ...listing.snapshots.map(snapshotRow)].sort(byId);
  if (rows.length === 0) say(`${label}: no backup in ${store.where("backups")}`);
  else say(`${label}: ${store.where("backups")}\n\n${columns([head, ...rows.map(({ cells }) => cells)])}`);
  if (besides.archives.length > 0) say(`\nArchives (--archive <id>): ${besides.archives.join(", ")}`);
  if (besides.schemas.length > 0) say(`\nSchemas alone (--schema <name>): ${besides.schemas.join(", ")}`);
  if (listing.faults.length > 0) say(`\nNot to be trusted:\n${listing.faults.map(plain).join("\n")}`);
  return code;
}

function isFine({ backups, snapshots, faults }: Listing): boolean {
  const [dump, snapshot] = [backups.at(-1), snapshots.at(-1)];
  const snapshotIsNewest = snapshot !== undefined && (dump === undefined || dump.manifest.id < snapshot.id);
  return faults.length === 0 && (snapshotIsNewest || dump?.verification !== undefined);
}

async function lookBeside(store: ObjectStore): Promise<Besides> {
  const keys = (await store.list(`${schemasPrefix}/`)).map(({ key }) => key.split("/")[1] ?? "");
  return { archives: (await findArchives(store)).whole, schemas: [...new Set(keys)] };
}

const byId = (a: { id: string }, b: { id: string }): number => (a.id < b.id ? -1 : 1);

const asJson = ({ manifest, verification, snapshot }: Backup) => {
  const { id, database, takenAt, before, release, schemaVersion, server, pgDump, dump, durationMs } = manifest;
  return {
    ...{ id, kind: "dump", database, takenAt, before, release, schemaVersion, pgDump, durationMs },
    ...{ postgres: server.version, size: dump.size, sha256: dump.sha256, key: dump.key },
    verifiedAt: verification?.verifiedAt ?? null,
    drill: verification?.drill ?? null,
    snapshot: snapshot?.snapshot.name ?? null,
  };
};

const snapshotAsJson = (record: SnapshotRecord) => {
  const { id, database, takenAt, before, release, schemaVersion, server, durationMs, snapshot } = record;
  return {
    ...{ id, kind: "snapshot", database, takenAt, before, release, schemaVersion, durationMs },
    ...{ postgres: server.version, verifiedAt: null, drill: null, snapshot: snapshot.name },
  };
};

const head = ["id", "database", "schema", "before", "size", "verified (UTC)", "drill", "release", "snapshot of RDS"];

function rowOf({ manifest, verification, snapshot }: Backup): { id: string; cells: string[] } {
  const { id, database, schemaVersion, before, dump, release } = manifest;
  return {
    id,
    cells: [
      ...[id, database, schemaVersion, before, sizeOf(dump.size)],
      verification === undefined ? "no" : verification.verifiedAt.slice(0, 19).replace("T", " "),
      verification?.drill === undefined ? "none" : `${(verification.drill.restoreMs / 1000).toFixed(1)} s`,
      ...[release, snapshot?.snapshot.name ?? ""],
    ],
  };
}

const snapshotRow = (record: SnapshotRecord): { id: string; cells: string[] } => {
  const { id, database, schemaVersion, before, release, snapshot } = record;
  return { id, cells: [id, database, schemaVersion, before, "", "available", "none", release, snapshot.name] };
};

const sizeOf = (bytes: number): string =>
  bytes < 1024 * 1024 ? `${Math.ceil(bytes / 1024)} KiB` : `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
