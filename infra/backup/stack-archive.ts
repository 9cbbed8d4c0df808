import { z } from "zod";
import { isBackupId } from "./manifest";
import type { Sealed } from "./seal";
import { broken, count, digest, moment, readSealed } from "./sealed-json";

/** What every key of an archive begins with: `archive/<id>/`. Nothing deletes there by itself. */
export const archivesPrefix = "archive";

/** Its list of what is in it. Stored last: only with it an archive is whole. */
export const archiveKey = "archive.json";

/** An archive's id has the form of a backup's. */
export const isArchiveId = isBackupId;

const archiveShape = z.object({
  format: z.literal(1),
  id: z.string(),
  stack: z.string(),
  at: moment,
  /** `user@host` that made it. */
  who: z.string(),
  /** What the checkout was at; left out where that is no repository. */
  commit: z.object({ id: z.string(), dirty: z.boolean() }).optional(),
  /** The backup in it. */
  backup: z.object({ database: z.string(), id: z.string(), takenAt: moment }),
  /** Every other object of it, by its key below the archive; but for when its backup was read back last, which goes on. */
  files: z.array(z.object({ key: z.string(), size: count, sha256: digest })),
  digest,
});

/** What an archive says of itself. */
export type StackArchive = Sealed<Omit<z.output<typeof archiveShape>, "digest">>;

/** Reads the list of an archive. @param id that it has to have. @throws BackupFailure when it was edited, or is another one's */
export function readArchive(text: string, key: string, id: string): StackArchive {
  const archive = readSealed(text, key, archiveShape);
  if (archive.id !== id) throw broken(key, `it is the list of another archive, ${archive.id}`);
  return archive;
}
