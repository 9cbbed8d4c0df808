import { listBackups, type Backup } from "../../providers/backup/archive";
import { columns, plain, say, sayJson } from "../say";
import { findSource, told, type SourceOptions } from "./source";

export interface ListOptions extends SourceOptions {
  readonly json?: true;
}

/** Exit codes, the same for people and programs. */
export const LIST_CODES = { fine: 0, error: 1, doubtful: 3 } as const;

/**
 * Shows every backup, oldest first, and what can't be trusted.
 * @returns 0, or 3 where the newest is not verified, there is none, or one is not to be trusted
 */
export async function list(options: ListOptions): Promise<number> {
  const { store, label, target } = await findSource(options);
  const { backups, faults } = await told(() => listBackups(store, target?.connection.database));
  const fine = faults.length === 0 && backups.at(-1)?.verification !== undefined;
  const code = fine ? LIST_CODES.fine : LIST_CODES.doubtful;
  if (options.json === true) {
    sayJson({ source: label, backups: backups.map(asJson), faults, exitCode: code });
    return code;
  }
  if (backups.length === 0) say(`${label}: no backup in ${store.where("backups")}`);
  else say(`${label}: ${store.where("backups")}\n\n${tableOf(backups)}`);
  if (faults.length > 0) say(`\nNot to be trusted:\n${faults.map(plain).join("\n")}`);
  return code;
}

const asJson = ({ manifest, verification }: Backup) => {
  const { id, database, takenAt, before, release, schemaVersion, server, pgDump, dump, durationMs } = manifest;
  return {
    ...{ id, database, takenAt, before, release, schemaVersion, pgDump, durationMs },
    ...{ postgres: server.version, size: dump.size, sha256: dump.sha256, key: dump.key },
    verifiedAt: verification?.verifiedAt ?? null,
    drill: verification?.drill ?? null,
  };
};

function tableOf(backups: readonly Backup[]): string {
  const head = ["id", "database", "schema", "before", "size", "verified (UTC)", "drill", "release"];
  const rows = backups.map(({ manifest, verification }) => [
    ...[manifest.id, manifest.database, manifest.schemaVersion, manifest.before, sizeOf(manifest.dump.size)],
    verification === undefined ? "no" : verification.verifiedAt.slice(0, 19).replace("T", " "),
    verification?.drill === undefined ? "none" : `${(verification.drill.restoreMs / 1000).toFixed(1)} s`,
    manifest.release,
  ]);
  return columns([head, ...rows]);
}

const sizeOf = (bytes: number): string =>
  bytes < 1024 * 1024 ? `${Math.ceil(bytes / 1024)} KiB` : `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
