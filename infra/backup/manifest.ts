import { z } from "zod";
import type { Sealed } from "./seal";
import { broken, count, digest, moment, readSealed, takenShape } from "./sealed-json";

/** What every key of a backup begins with: `backups/<database>/<id>/`. */
export const backupPrefix = "backups/";

const parts = {
  dump: "database.dump",
  manifest: "manifest.json",
  verified: "verified.json",
  snapshot: "snapshot.json",
} as const;
export type BackupPart = keyof typeof parts;

/** Time and eight random hexadecimal digits: ids sort by time. */
const idForm = /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}Z-[0-9a-f]{8}$/;
export const isBackupId = (text: string): boolean => idForm.test(text);

/** The key of one of a backup's objects. */
export const backupKey = (database: string, id: string, part: BackupPart): string =>
  `${backupPrefix}${database}/${id}/${parts[part]}`;

/** What a key of ours names; undefined for any other. */
export function parseKey(key: string): { database: string; id: string; part: BackupPart } | undefined {
  const [, database, id, file] = /^backups\/([^/]+)\/([^/]+)\/([^/]+)$/.exec(key) ?? [];
  const part = (Object.keys(parts) as BackupPart[]).find((each) => parts[each] === file);
  if (database === undefined || id === undefined || part === undefined || !isBackupId(id)) return undefined;
  return { database, id, part };
}

const position = z.object({ last: z.string().regex(/^-?\d+$/), called: z.boolean() });

const contents = z.object({
  tables: z.record(z.string(), z.object({ rows: count, checksum: z.string() })),
  sequences: z.record(z.string(), z.object({ before: position, after: position })),
  views: z.record(z.string(), digest),
  largeObjects: z.object({ count, checksum: z.string() }),
});

const manifestShape = z.object({
  ...takenShape,
  /** Of which schema alone it is. @default the whole database */
  schema: z.string().optional(),
  /** Versions as `CREATE EXTENSION` names them: a restore finds them there already. */
  extensions: z.array(z.object({ name: z.string(), version: z.string(), schema: z.string() })),
  /** Version of the pg_dump that wrote it; an older pg_restore may not read it. */
  pgDump: z.string(),
  dump: z.object({ key: z.string(), size: count, sha256: digest }),
  contents,
});

/** What stands beside a dump. Only a dump with its manifest is a backup. */
export type Manifest = Sealed<Omit<z.output<typeof manifestShape>, "digest">>;

const verificationShape = z.object({
  format: z.literal(1),
  backup: z.string(),
  /** Digest of the manifest that was verified: a changed manifest is not verified any more. */
  manifest: digest,
  /** When the object was read back and decoded last. */
  verifiedAt: moment,
  /** How long that took, in ms. */
  readBackMs: count,
  /** The last time that it was restored into a scratch database, and nothing differed. */
  drill: z.object({ at: moment, restoreMs: count, compareMs: count, server: z.string() }).optional(),
  digest,
});

/** What is known of a backup that was tried. */
export type Verification = Sealed<Omit<z.output<typeof verificationShape>, "digest">>;

/**
 * Reads the manifest at `key`.
 * @throws BackupFailure when it was edited, is another backup's, or is none that this version understands.
 */
export function readManifest(text: string, key: string): Manifest {
  const manifest = readSealed(text, key, manifestShape);
  const { database, id } = manifest;
  const own = backupKey(database, id, "manifest");
  if (own !== key) throw broken(key, `it is the manifest of another backup, ${own}`);
  if (manifest.dump.key !== backupKey(database, id, "dump"))
    throw broken(key, `it names the dump ${manifest.dump.key}, which is another backup's`);
  return manifest;
}

/** Reads what is known of a backup that was tried. @throws BackupFailure as `readManifest` does */
export function readVerification(text: string, key: string): Verification {
  const verification = readSealed(text, key, verificationShape);
  if (parseKey(key)?.id !== verification.backup) throw broken(key, `it is of another backup, ${verification.backup}`);
  return verification;
}
