import { existsSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { BackupFailure } from "../../backup/failure";
import type { RdsAddress } from "../../platform/aws/snapshot";

/** What a restore needs, and some to spare: files are larger while indexes are built. */
const spare = 1.2;

export interface Room {
  /** Bytes that are free where the server keeps its data, as somebody has measured them. @default unknown */
  readonly freeBytes?: number;
  /** The server's data folder, where it is on this very machine. @default unknown */
  readonly dataFolder?: string;
}

/** Who may know how much room a server has. */
export interface RoomQuestion {
  readonly freeBytes?: number | undefined;
  readonly dataFolder?: string | undefined;
  /** An instance of RDS, which tells CloudWatch. */
  readonly rds?: RdsAddress | undefined;
  readonly say: (line: string) => void;
}

/** Loaded when used: only a drill or a restore on AWS asks. */
const aws = () =>
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  require("../../platform/aws/free-storage") as typeof import("../../platform/aws/free-storage");

/** How much room a server has, as far as anybody knows. @throws AwsFailed */
export async function roomOf({ freeBytes, dataFolder, rds, say }: RoomQuestion): Promise<Room> {
  if (freeBytes !== undefined) return { freeBytes };
  if (dataFolder !== undefined && dataFolder !== "") return { dataFolder };
  if (rds === undefined) return {};
  const { freeStorageOf } = aws();
  const free = await freeStorageOf(rds);
  if (free !== undefined) return { freeBytes: free };
  say(
    `CloudWatch has no FreeStorageSpace of ${rds.instance} in the last 15 minutes: nobody knows whether there is room`,
  );
  return {};
}

/** Bytes that are free in a file system, or above it where the folder is not there yet. */
export async function freeIn(folder: string): Promise<number> {
  let there = folder;
  while (!existsSync(there)) there = dirname(there);
  const { bavail, bsize } = await statfs(there);
  return bavail * bsize;
}

/** What makes room, or does without it. */
const waysToRoom = {
  drill: "Make room, or do without the drill: pulumi config set --path backup.drill never",
  restore:
    "Make room there (on AWS: a larger rds.storage), or drop what an earlier restore has kept: restore.retire, in an `up` of " +
    "its own",
  moment:
    "That is an estimate by what serves now: how large it was then is known once RDS has made an instance of the moment. Make " +
    "room (pulumi config set --path rds.storage <GiB>, with rds.maxStorage a tenth above it), drop what an earlier restore has " +
    "kept (restore.retire, in an `up` of its own), or go back to a backup, whose size is known (restore.from). CloudWatch sees " +
    "new room some minutes later",
} as const;

/**
 * Looks whether there is room for another copy of the database before one is begun, where anybody knows.
 * @param bytes of the database on disk
 * @param forWhat it is for
 * @throws BackupFailure with what is free and what is needed
 */
export async function assertRoomForRestore(
  bytes: number,
  { freeBytes, dataFolder }: Room,
  forWhat: keyof typeof waysToRoom,
): Promise<void> {
  const free = freeBytes ?? (dataFolder === undefined ? undefined : await freeIn(dataFolder));
  if (free === undefined) return;
  const where = dataFolder === undefined ? "on the server" : `in ${dataFolder}`;
  assertRoom(free, bytes, where, "restore the database", waysToRoom[forWhat]);
}

/** The same for the file that a dump is restored from. @param folder of this machine */
export const assertRoomForFile = async (bytes: number, folder: string): Promise<void> =>
  assertRoom(await freeIn(folder), bytes, `in ${folder}`, "keep the dump while it is restored", "Make room there");

function assertRoom(free: number, bytes: number, where: string, what: string, way: string): void {
  const needed = Math.ceil(bytes * spare);
  if (free >= needed) return;
  throw new BackupFailure(
    "space",
    `there is no room to ${what}: ${free} bytes are free ${where}, expected ${needed} (1.2 times its size). ${way}`,
  );
}
