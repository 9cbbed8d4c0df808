import type { Client } from "pg";
import { keptAs } from "../../backup/restore";
import { holdsAnything } from "../backup/contents";
import type { BackupTarget } from "../backup/target";
import { withConnection } from "../connection";
import { beside, findDatabases } from "./look";

/** Drops what restores have kept, for good. Only what carries their mark is ever dropped. */
export const retire = (
  { connection, password }: BackupTarget,
  names: readonly string[],
  say: (line: string) => void,
): Promise<void> =>
  beside(connection, password, async (client) => {
    for (const name of names) {
      await dropKept(client, name);
      say(`dropped ${name}, which a restore had kept`);
    }
  });

/** What a restore has replaced on a new server holds nothing, and is of no use to anybody. @returns whether it is gone */
export async function dropIfEmpty(
  { connection, password }: BackupTarget,
  name: string,
  say: (line: string) => void,
): Promise<boolean> {
  if (await withConnection({ ...connection, database: name }, password, "switchyard-restore", holdsAnything))
    return false;
  await beside(connection, password, (client) => dropKept(client, name));
  say(`dropped ${name}, which held nothing`);
  return true;
}

async function dropKept(client: Client, name: string): Promise<void> {
  const found = (await findDatabases(client, [name])).get(name);
  if (found === undefined) return;
  if (keptAs(found.comment) === undefined)
    throw new Error(`${name} does not carry the mark of a restore any more, and is not dropped`);
  await client.query(`DROP DATABASE ${client.escapeIdentifier(name)} WITH (FORCE)`);
}
