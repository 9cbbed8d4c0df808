import { BackupFailure } from "../../backup/failure";
import { keptAs, restoredFrom } from "../../backup/restore";
import type { Backup } from "../backup/archive";
import type { BackupTarget } from "../backup/target";
import type { ObjectStore } from "../store/store";
import { beside, findDatabases, listDatabases } from "./look";
import { makeDatabase, type Made, type MakeOptions } from "./make";

/** What a database that was made to look at is to be, and of what. */
export type AsideOptions = Omit<MakeOptions, "expected" | "renameBy">;

/**
 * Makes a database beside the one that serves, to look at and to copy rows back from. Nothing is switched, and nobody but the
 * administrator gets into it.
 * @throws BackupFailure; then there is no such database, and nothing that serves was touched
 */
export async function restoreAside(
  target: BackupTarget,
  store: ObjectStore,
  backup: Backup,
  options: AsideOptions,
): Promise<Made> {
  const { database } = target.connection;
  if (options.into === database)
    throw new BackupFailure(
      "restore",
      `${database} is the database that serves; name another one: --into <name>, or switch to the backup: ` +
        `pulumi config set --path restore.from ${backup.manifest.id}`,
    );
  return makeDatabase(target, store, backup, { ...options, renameBy: "--into <name>" });
}

/**
 * Drops a database that was made from a backup and never served. Whoever is in it keeps it.
 * @returns the id of the backup that it was made from
 * @throws BackupFailure for any other database
 */
export function dropAside({ connection, password }: BackupTarget, name: string): Promise<string> {
  return beside(connection, password, async (client) => {
    const comment = (await findDatabases(client, [name])).get(name)?.comment;
    const refused = (why: string) => new BackupFailure("drop", `${name} is not dropped: ${why}`);
    if (comment === undefined) throw refused(`there is no such database on ${connection.host}:${connection.port}`);
    if (name === connection.database) throw refused("it is the database that serves");
    if (keptAs(comment) !== undefined)
      throw refused(
        `it served before a restore, and is kept for the way back; to drop it for good: pulumi config set --path restore.retire ${name}`,
      );
    const id = restoredFrom(comment);
    if (id === undefined) throw refused("it does not carry the mark of a database that was made from a backup");
    try {
      await client.query(`DROP DATABASE ${client.escapeIdentifier(name)}`);
    } catch (error) {
      throw new BackupFailure("drop", `${name} is not dropped: ${(error as Error).message}`, { cause: error });
    }
    return id;
  });
}

/** A database that may be dropped, and what it was made from. */
export interface Aside {
  readonly name: string;
  readonly backup: string;
}

/** Every database that was made from a backup and never served. */
export const findAside = ({ connection, password }: BackupTarget): Promise<Aside[]> =>
  beside(connection, password, async (client) => {
    const all = await listDatabases(client);
    return all.flatMap(({ name, comment }) => {
      const backup = name === connection.database ? undefined : restoredFrom(comment);
      return backup === undefined ? [] : [{ name, backup }];
    });
  });
