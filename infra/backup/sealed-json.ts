import { z } from "zod";
import { BackupFailure } from "./failure";
import { isIntact } from "./seal";

/** Parts of what is stored of a backup. */
export const digest = z.string().regex(/^[0-9a-f]{64}$/);
export const count = z.number().int().min(0);
export const moment = z.iso.datetime();
const versions = z.array(z.string());

/** What is stored of every backup, a dump or a snapshot. */
export const takenShape = {
  format: z.literal(1),
  id: z.string(),
  database: z.string(),
  /** From when it is: what was committed later is not in it. */
  takenAt: moment,
  /** What it was taken before, or that somebody or the clock asked for it. */
  before: z.enum(["widen", "narrow", "asked"]),
  /** Which releases were declared. */
  release: z.string(),
  server: z.object({
    /** Such as "15.18". */
    version: z.string(),
    major: count,
    encoding: z.string(),
    /** Where the server has it, an oid tells a database from another one of that name. */
    databaseOid: count,
    /** Of the database on disk, its indexes included: what a restore has to find room for. */
    databaseBytes: count,
  }),
  /** The newest migration that it has applied; empty where it has none. */
  schemaVersion: z.string(),
  /** Every migration that it has applied. */
  applied: versions,
  /** Lossy contracts that were taken back before it was taken: their data is not in it. */
  scars: versions,
  /** One that broke off half way, and is so in the backup too. */
  half: z.string().nullable(),
  /** Until the last byte was stored, or the snapshot was available, in ms. */
  durationMs: count,
  digest,
} as const;

/** Reads what was sealed and stored at `key`. @throws BackupFailure when it was edited, or this version doesn't understand it */
export function readSealed<S extends z.ZodType>(text: string, key: string, shape: S): z.output<S> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw broken(key, `it is no JSON: ${(error as Error).message}`, error);
  }
  if (typeof value !== "object" || value === null || !isIntact(value))
    throw broken(key, "it does not have the digest that it was stored with, so it was changed since");
  const found = shape.safeParse(value);
  if (found.success) return found.data;
  const [issue] = found.error.issues;
  throw broken(
    key,
    `this version does not understand its ${issue?.path.join(".") ?? "content"}: ${issue?.message ?? ""}`,
  );
}

/** Why nothing of what is stored at `key` may be believed. */
export const broken = (key: string, why: string, cause?: unknown): BackupFailure =>
  new BackupFailure("manifest", `${key} is not to be trusted: ${why}`, { cause });
